// The table of keys: one row per key with its products as a strip, its score and its share; and what one key is made of.

const STRIP_HEIGHT = 18;

// A token as an element: faint · for a leading space, special ones dimmed, raw form and id on hover.
function tokenChip(token, limit) {
  const { text, lead, continued, special, title } = tokenLabel(token);
  const classes = ["token", special ? "special" : "", continued ? "continued" : ""].filter(Boolean).join(" ");
  const chip = make("bdi", { class: classes, title });
  if (lead) chip.append(make("span", { class: "lead", text: "·" }));
  chip.append(shorten(text, limit));
  return chip;
}

// The words for a token inside a sentence.
function tokenWords(token) {
  return token ? `“${shorten(tokenLabel(token).text, 24)}”` : "";
}

class KeyRow {
  constructor(model, key, callbacks) {
    Object.assign(this, { model, key });
    const { header, scores, pattern, sums, added } = model;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    const button = make("button", { type: "button", class: "key", "aria-pressed": "false", "data-key": key },
      tokenChip(header.tokens[key], 18));
    const bar = make("i", { class: "share", "aria-hidden": "true" });
    bar.style.width = `${(40 * Math.min(1, Math.max(0, pattern[key]))).toFixed(1)}px`;
    this.node = make("tr", { "data-key": key },
      make("th", { scope: "row" }, button),
      make("td", { class: "strip" }, this.canvas),
      make("td", { class: "number wide", text: formatNumber(sums[key]) }),
      make("td", { class: "number wide", text: formatNumber(added[key]) }),
      make("td", { class: "number", text: formatNumber(scores[key]) }),
      make("td", { class: "number pattern" }, bar, make("span", { text: formatNumber(pattern[key]) })));
    this.button = button;
    button.addEventListener("click", () => callbacks.onPick(key));
    this.canvas.addEventListener("pointermove", (event) => callbacks.onHover(key, placeAt(this.canvas, event, header.dimensions)));
    this.canvas.addEventListener("pointerleave", () => callbacks.onLeave());
    this.canvas.addEventListener("click", (event) => callbacks.onPick(key, placeAt(this.canvas, event, header.dimensions)));
  }

  draw(look, at) {
    drawStrip(this.canvas, look.values(this.key), { ...look, at, height: STRIP_HEIGHT });
  }

  pick(isPicked) {
    this.node.classList.toggle("picked", isPicked);
    this.button.setAttribute("aria-pressed", String(isPicked));
  }
}

// The equation of one key, in words and numbers.
function equationOf(model, key) {
  const { header, sums, added, scores, pattern } = model;
  const cap = header.capped ? ", softly capped," : "";
  const plus = header.masked[key] ? " + mask" : ` + ${formatNumber(added[key])}`;
  return `Σ q·k ${formatNumber(sums[key])} × ${formatNumber(header.scale)}${cap}${plus} = ${formatNumber(scores[key])}`
    + ` → softmax → ${formatNumber(pattern[key])}`;
}

// The dimensions that matter most for one key, as a table.
function topDimensions(model, key, count) {
  const products = model.product(key);
  const vector = model.vector(key);
  const body = make("tbody", {});
  dimensionsByProduct(products).slice(0, count).forEach((dimension) => {
    const cells = [model.query[dimension], vector[dimension], products[dimension], products[dimension] * model.header.scale];
    body.append(make("tr", {}, make("th", { scope: "row", text: dimension }),
      ...cells.map((value) => make("td", { class: "number", text: formatNumber(value) }))));
  });
  const head = make("tr", {}, ...["dimension", "q", "k", "q × k", "× scale"].map((text) => make("th", { scope: "col", text })));
  return make("table", { class: "top" }, make("caption", { text: `The ${Math.min(count, products.length)} largest products` }),
    make("thead", {}, head), body);
}
