// The explorer's data: every head as a small quantised tile, and the statistics of every head.
// A byte u of a tile stands for (u / 255)² · maximum.

// Read an explorer payload. Nothing is copied: tiles and statistics are views into its bytes.
function readExplorer(data) {
  const { header, bytes, offset } = unpackMessage(data);
  const { layers, heads, tile, tile_key: tileKey } = header;
  const area = tile * tileKey;
  const tiles = bytes.subarray(offset, offset + layers * heads * area);
  const start = offset + tiles.length + ((4 - (tiles.length % 4)) % 4);
  const statistics = new Float32Array(bytes.buffer, bytes.byteOffset + start, header.statistics.length * layers * heads);
  const slugs = header.statistics.map((item) => item.slug);
  return {
    header, slugs, count: layers * heads,
    tileOf: (layer, head) => tiles.subarray((layer * heads + head) * area, (layer * heads + head + 1) * area),
    // The statistic of one head; NaN where it is not defined or unknown.
    statistic(slug, layer, head) {
      const index = slugs.indexOf(slug);
      return index < 0 ? NaN : statistics[index * layers * heads + layer * heads + head];
    },
    describe: (slug) => header.statistics[slugs.indexOf(slug)] || null,
  };
}

// Heads in the order they are shown: [[layer, head], ...]; heads without a number come last.
function tileOrder(model, sort) {
  const { layers, heads } = model.header;
  const order = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
  if (sort === "layer") return order;
  const sign = sort.startsWith("-") ? -1 : 1;
  const slug = sort.replace(/^-/, "");
  const key = ([layer, head]) => {
    const value = model.statistic(slug, layer, head);
    return Number.isNaN(value) ? Infinity : sign * value;
  };
  const keys = new Map(order.map((item) => [item, key(item)]));
  return order.sort((a, b) => (keys.get(a) === keys.get(b) ? 0 : keys.get(a) - keys.get(b)));
}

// The largest and smallest head of a statistic, and the largest number for its bars.
function statisticRange(model, slug) {
  const { layers, heads } = model.header;
  const range = { low: null, high: null, defined: 0 };
  for (let layer = 0; layer < layers; layer += 1) {
    for (let head = 0; head < heads; head += 1) {
      const value = model.statistic(slug, layer, head);
      if (!Number.isFinite(value)) continue;
      range.defined += 1;
      if (!range.high || value > range.high.value) range.high = { layer, head, value };
      if (!range.low || value < range.low.value) range.low = { layer, head, value };
    }
  }
  return range;
}

// Which cell of `cells` each of `size` positions was pooled into (run i starts at ⌊i · size / cells⌋).
function poolIndex(size, cells) {
  return Int32Array.from({ length: size }, (_, i) => Math.floor(((i + 1) * cells - 1) / size));
}

// The mean or maximum (how) of chosen heads at full size, from tiles: an approximation until the exact matrix comes.
function previewMatrix(model, chosen, how) {
  const { size, key_size: keySize, tile, tile_key: tileKey, maximum, causal, pooled } = model.header;
  const small = new Float32Array(tile * tileKey);
  chosen.forEach(([layer, head]) => {
    const bytes = model.tileOf(layer, head);
    for (let i = 0; i < small.length; i += 1) {
      const value = (bytes[i] / 255) ** 2 * maximum;
      small[i] = how === "mean" ? small[i] + value / chosen.length : Math.max(small[i], value);
    }
  });
  if (!pooled) return small;
  const [rowOf, columnOf] = [poolIndex(size, tile), poolIndex(keySize, tileKey)];
  const values = new Float32Array(size * keySize);
  for (let query = 0; query < size; query += 1) {
    const end = causal ? query + 1 : keySize;
    for (let key = 0; key < end; key += 1) values[query * keySize + key] = small[rowOf[query] * tileKey + columnOf[key]];
  }
  return values;
}

// Where the strongest weight of a tile is: {query, key, value}; positions are the first of their pooled run.
function strongestCell(model, layer, head) {
  const { size, key_size: keySize, tile, tile_key: tileKey, maximum } = model.header;
  const bytes = model.tileOf(layer, head);
  let best = 0;
  for (let i = 1; i < bytes.length; i += 1) if (bytes[i] > bytes[best]) best = i;
  return {
    query: Math.floor((Math.floor(best / tileKey) * size) / tile),
    key: Math.floor(((best % tileKey) * keySize) / tileKey),
    value: (bytes[best] / 255) ** 2 * maximum,
  };
}

// The colour of each tile byte: from the tile's own quiet ground, so that an empty tile is still a tile, to the accent.
function tileColours(theme, scale) {
  return Uint32Array.from({ length: 256 }, (_, u) => theme.tileRamp.abgr[Math.round(255 * amountShare((u / 255) ** 2, 1, scale))]);
}

// Which source cells [from, to) each of `pixels` screen pixels covers.
function pixelSpans(cells, pixels) {
  const from = Int32Array.from({ length: pixels }, (_, i) => Math.floor((i * cells) / pixels));
  const to = Int32Array.from({ length: pixels }, (_, i) => Math.max(from[i] + 1, Math.floor(((i + 1) * cells) / pixels)));
  return { from, to };
}

// Draws tiles of one size in device pixels: enlarged cells stay crisp, and shrinking keeps the maximum.
function createTilePainter(model, width, height, colours) {
  const { tile, tile_key: tileKey } = model.header;
  const [across, down] = [pixelSpans(tileKey, width), pixelSpans(tile, height)];
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const shrinks = width < tileKey || height < tile;
  return (context, layer, head, left, top) => {
    const bytes = model.tileOf(layer, head);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        let most = bytes[down.from[y] * tileKey + across.from[x]];
        if (shrinks) {
          for (let row = down.from[y]; row < down.to[y]; row += 1) {
            for (let column = across.from[x]; column < across.to[x]; column += 1) {
              most = Math.max(most, bytes[row * tileKey + column]);
            }
          }
        }
        pixels[y * width + x] = colours[most];
      }
    }
    context.putImageData(image, left, top);
  };
}
