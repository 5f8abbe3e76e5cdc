// Signed numbers as strips of coloured cells: blue below zero, orange above, zero neutral in light and dark.

// 255 steps; step 127 is zero.
function buildSignedRamp(theme) {
  const [below, above] = theme.dark ? [[94, 176, 242], [245, 150, 66]] : [[11, 95, 165], [196, 81, 0]];
  const neutral = theme.background.map((channel, i) => channel + (theme.text[i] - channel) * 0.07);
  const [low, middle, high] = [below, neutral, above].map(toLab);
  return Array.from({ length: 255 }, (_, i) => {
    const end = i < 127 ? low : high;
    const share = Math.abs(i - 127) / 127;
    return cssColour(fromLab(middle.map((from, k) => from + (end[k] - from) * share)));
  });
}

function signedColour(ramp, value, top) {
  const share = top > 0 && Number.isFinite(value) ? Math.max(-1, Math.min(1, value / top)) : 0;
  return ramp[Math.round(127 + share * 127)];
}

function largestSize(values) {
  return values.reduce((top, value) => (Number.isFinite(value) ? Math.max(top, Math.abs(value)) : top), 0);
}

// Draw one strip: `order` says which dimension stands where, `at` is the place that is framed (-1: none).
function drawStrip(canvas, values, { top, order, ramp, at, text, width, height }) {
  const context = fitCanvas(canvas, width, height);
  context.clearRect(0, 0, width, height);
  const edge = (place) => Math.round((place * width) / order.length);
  order.forEach((dimension, place) => {
    context.fillStyle = signedColour(ramp, values[dimension], top);
    context.fillRect(edge(place), 0, Math.max(1, edge(place + 1) - edge(place)), height);
  });
  if (at < 0) return;
  context.strokeStyle = text;
  context.lineWidth = 1.5;
  context.strokeRect(edge(at) + 0.75, 0.75, Math.max(2, edge(at + 1) - edge(at) - 1.5), height - 1.5);
}

// The place in a strip that the pointer is over.
function placeAt(canvas, event, count) {
  const box = canvas.getBoundingClientRect();
  return Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count)));
}

// Read a payload: header and one typed array per part.
function readProducts(data) {
  const { header, bytes, offset } = unpackMessage(data);
  const { keys, dimensions } = header;
  let place = bytes.byteOffset + offset;
  const take = (count) => {
    const part = new Float32Array(bytes.buffer, place, count);
    place += 4 * count;
    return part;
  };
  const query = take(dimensions);
  const [vectors, products] = [take(keys * dimensions), take(keys * dimensions)];
  const [added, scores, pattern] = [take(keys), take(keys), take(keys)];
  const rowOf = (part, key) => part.subarray(key * dimensions, (key + 1) * dimensions);
  const sums = Array.from({ length: keys }, (_, key) => rowOf(products, key).reduce((sum, value) => sum + value, 0));
  return {
    header, query, added, scores, pattern, sums,
    vector: (key) => rowOf(vectors, key), product: (key) => rowOf(products, key),
    topQuery: largestSize(query), topVector: largestSize(vectors), topProduct: largestSize(products),
  };
}

// Dimensions of one key, the largest products first.
function dimensionsByProduct(products) {
  return Array.from(products, (_, dimension) => dimension)
    .sort((a, b) => Math.abs(products[b]) - Math.abs(products[a]) || a - b);
}
