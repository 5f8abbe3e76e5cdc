// The enlarged tile that floats beside the pointer, with its name and numbers.

const CARD_SIZE = 168;

function createTileCard(host, model) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const name = make("strong");
  const number = make("span", { class: "tile-card-number" });
  const strongest = make("span", { class: "tile-card-cell" });
  const node = make("div", { class: "tile-card", hidden: true, "aria-hidden": "true" },
    canvas, make("div", { class: "tile-card-line" }, name, number), strongest);
  host.append(node);

  function draw(layer, head, colours) {
    const { tile, tile_key: tileKey } = model.header;
    const height = Math.round(CARD_SIZE * Math.min(1, Math.max(0.5, tile / tileKey)));
    const context = fitCanvas(canvas, CARD_SIZE, height);
    createTilePainter(model, canvas.width, canvas.height, colours)(context, layer, head, 0, 0);
  }

  // Stand beside the tile (a box in the host's coordinates), on the side where the explorer has room.
  function place(box) {
    const { offsetWidth: width, offsetHeight: height } = node;
    const right = box.left + box.width + 8;
    const edge = host.closest(".lmviz-explorer").getBoundingClientRect().right - host.getBoundingClientRect().left;
    const fits = right + width <= edge;
    const left = fits ? right : box.left - width - 8;
    const top = Math.min(Math.max(0, box.top + box.height / 2 - height / 2), Math.max(0, host.clientHeight - height));
    node.style.transform = `translate(${Math.round(Math.max(0, left))}px, ${Math.round(top)}px)`;
  }

  return {
    show(layer, head, box, { colours, statistic }) {
      const { tokens, key_tokens: keyTokens } = model.header;
      const about = model.describe(statistic);
      draw(layer, head, colours);
      name.textContent = headName(layer, head);
      number.textContent = about ? statisticText(model, statistic, layer, head) : "";
      const cell = strongestCell(model, layer, head);
      const label = (token) => shorten(tokenLabel(token).text, 14);
      const [from, to] = [tokens[cell.query], (keyTokens || tokens)[cell.key]].map((token) => `\u2068${label(token)}\u2069`);
      strongest.replaceChildren(`strongest: ${from} → ${to} `, make("span", { class: "whole", text: formatAmount(cell.value, false) }));
      node.hidden = false;
      place(box);
    },
    hide() { node.hidden = true; },
  };
}

// "entropy 1.23 nats"
function statisticText(model, slug, layer, head) {
  const about = model.describe(slug);
  if (!about) return "";
  const value = model.statistic(slug, layer, head);
  const unit = Number.isNaN(value) || !about ? "" : unitText(about.unit);
  return `${lowerFirst(about.title)} ${formatNumber(value)}${unit}`;
}

function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
