// The query–key view: for one query in one head, the products that make each score. Knows neither Streamlit nor network.

const KEYS_AT_FIRST = 40;
const TOP_DIMENSIONS = 8;
const KEY_HELP = "Arrow keys move over keys and dimensions, Enter opens a key, Escape frees it.";

// Fill `root` with the view of a payload. Gives {update(data), destroy()}.
function mountQueryKey(root, data) {
  return new QueryKeyView(root, data);
}

class QueryKeyView {
  constructor(root, data) {
    Object.assign(this, { bin: createBin(), rows: [], sort: "position", order: "plain", strips: "product", at: null, limit: KEYS_AT_FIRST });
    this.node = make("section", { class: "lmviz-query-key", "aria-label": "Query and key", "data-ready": "false" });
    root.append(this.node);
    this.theme = readTheme(this.node);
    watchTheme(this.node, this.bin, () => this.retheme());
    this.redraw = oncePerFrame(() => this.draw());
    this.sizes = new ResizeObserver(() => this.redraw());
    this.bin.add(() => this.sizes.disconnect());
    this.build();
    this.update(data);
  }

  build() {
    this.heading = make("h3", { class: "title" });
    this.finding = make("p", { class: "finding", role: "status" });
    this.sortBy = selectControl({ label: "Keys", name: "sort", value: this.sort, options: [["position", "In order of the text"], ["score", "Highest score first"]],
      onPick: (value) => { this.sort = value; this.fill(); } });
    this.orderBy = selectControl({ label: "Dimensions", name: "order", value: this.order, options: [["plain", "In order"], ["product", "Largest product first"]],
      onPick: (value) => { this.order = value; this.draw(); } });
    this.stripsBy = selectControl({ label: "Strips", name: "strips", value: this.strips, options: [["product", "Query × key"], ["vector", "Key vectors"]],
      onPick: (value) => { this.strips = value; this.draw(); } });
    this.readout = make("p", { class: "readout", "aria-live": "polite" });
    this.queryStrip = make("canvas", { "aria-hidden": "true" });
    this.body = make("tbody", {});
    const columns = [["to", ""], ["", "strip"], ["Σ q·k", "number wide"], ["added", "number wide"], ["score", "number"], ["pattern", "number"]];
    this.queryName = make("th", { scope: "row" });
    const queryRow = make("tr", { class: "query" }, this.queryName, make("td", { class: "strip" }, this.queryStrip),
      make("td", { class: "number wide" }), make("td", { class: "number wide" }), make("td", {}), make("td", {}));
    this.grid = make("div", { class: "grid", tabindex: "0", role: "group", "aria-label": KEY_HELP },
      make("table", {}, make("thead", {}, make("tr", {}, ...columns.map(([text, name]) => make("th", { scope: "col", class: name, text }))), queryRow), this.body));
    this.more = make("button", { type: "button", class: "more" });
    this.more.addEventListener("click", () => { this.limit = this.limit === Infinity ? KEYS_AT_FIRST : Infinity; this.fill(); });
    this.legend = make("p", { class: "legend" });
    this.counts = make("p", { class: "quiet" });
    this.detail = make("div", { class: "detail" });
    this.node.append(this.heading, this.finding, make("div", { class: "bar" }, this.stripsBy.node, this.sortBy.node, this.orderBy.node, this.legend),
      this.readout, this.grid, make("div", { class: "under" }, this.more, this.counts), this.detail);
    this.bin.on(this.grid, "keydown", (event) => this.key(event));
    this.queryStrip.addEventListener("pointermove", (event) => this.hoverQuery(placeAt(this.queryStrip, event, this.model.header.dimensions)));
    this.queryStrip.addEventListener("pointerleave", () => this.show(null));
    this.sizes.observe(this.grid);
  }

  update(data) {
    if (data === this.data) return;
    this.data = data;
    this.model = readProducts(data);
    const { header, pattern, scores } = this.model;
    this.limit = KEYS_AT_FIRST;
    this.at = null;
    const open = Array.from(pattern.keys()).filter((key) => !header.masked[key]);
    this.open = open;
    this.picked = open.reduce((best, key) => (best === null || pattern[key] > pattern[best] ? key : best), null);
    this.ranked = [...open].sort((a, b) => pattern[b] - pattern[a] || scores[b] - scores[a] || a - b);
    const from = header.query_token === null ? null : header.tokens[header.query];
    this.heading.replaceChildren(`${headName(header.layer, header.head)} · from `, from ? tokenChip(from, 32) : "the query", ` (position ${header.query})`);
    this.queryName.replaceChildren(make("span", { class: "quiet", text: "query" }));
    this.fill();
    this.node.dataset.ready = "true";
  }

  // Which keys have rows, in which order.
  shownKeys() {
    const kept = this.ranked.slice(0, this.limit);
    return this.sort === "score" ? kept : kept.sort((a, b) => a - b);
  }

  fill() {
    if (!this.model) return;
    const callbacks = { onPick: (key, place) => this.pick(key, place), onHover: (key, place) => this.show({ key, place }), onLeave: () => this.show(null) };
    this.rows = this.shownKeys().map((key) => new KeyRow(this.model, key, callbacks));
    this.body.replaceChildren(...this.rows.map((row) => row.node));
    this.more.hidden = this.open.length <= KEYS_AT_FIRST;
    this.more.textContent = this.limit === Infinity ? `Show the ${KEYS_AT_FIRST} strongest` : `Show all ${this.open.length} keys`;
    this.counts.textContent = this.rest();
    this.pick(this.picked);
  }

  retheme() {
    this.theme = readTheme(this.node);
    this.draw();
  }

  look() {
    const { header } = this.model;
    const plain = Array.from({ length: header.dimensions }, (_, dimension) => dimension);
    const order = this.order === "product" && this.picked !== null ? dimensionsByProduct(this.model.product(this.picked)) : plain;
    const width = Math.max(80, this.queryStrip.parentElement.clientWidth);
    const isProduct = this.strips === "product";
    const top = isProduct ? this.model.topProduct : this.model.topVector;
    return { order, top, ramp: buildSignedRamp(this.theme), text: this.theme.css.text, width, values: isProduct ? this.model.product : this.model.vector };
  }

  draw() {
    if (!this.model) return;
    this.now = this.look();
    const at = this.at ? this.at.place : -1;
    drawStrip(this.queryStrip, this.model.query, { ...this.now, top: this.model.topQuery, at, height: STRIP_HEIGHT });
    this.rows.forEach((row) => row.draw(this.now, this.at && this.at.key === row.key ? at : -1));
    if (this.keyStrip) drawStrip(this.keyStrip, this.model.vector(this.picked), { ...this.now, top: this.model.topVector, at: -1, height: STRIP_HEIGHT });
    this.writeLegend();
  }

  writeLegend() {
    const { topQuery } = this.model;
    const { top } = this.now;
    const what = this.strips === "product" ? "q × k" : "k";
    const ramp = make("i", { "aria-hidden": "true" });
    const { ramp: colours } = this.now;
    ramp.style.background = `linear-gradient(to right, ${colours[0]}, ${colours[64]}, ${colours[127]}, ${colours[190]}, ${colours[254]})`;
    this.legend.replaceChildren(`${what} −${formatNumber(top)}`, ramp, `${formatNumber(top)}; query row ±${formatNumber(topQuery)}; zero is neutral`);
  }

  // Open a key: its equation and its largest dimensions.
  pick(key, place) {
    this.picked = key;
    this.rows.forEach((row) => row.pick(row.key === key));
    this.keyStrip = null;
    if (key === null) {
      this.detail.replaceChildren();
      this.finding.textContent = "There are no keys to look at.";
      return;
    }
    this.finding.textContent = this.sentence(key);
    this.keyStrip = make("canvas", { "aria-hidden": "true" });
    this.detail.replaceChildren(
      make("h4", {}, "What makes the score of ", tokenChip(this.model.header.tokens[key], 32)),
      make("p", { class: "equation", text: equationOf(this.model, key) }),
      topDimensions(this.model, key, TOP_DIMENSIONS),
      make("div", { class: "vector" }, make("span", { class: "quiet", text: `its key vector, to ±${formatNumber(this.model.topVector)}` }), this.keyStrip));
    if (place !== undefined) this.at = { key, place };
    this.draw();
  }

  sentence(key) {
    const { header, pattern, scores, query } = this.model;
    const [best] = dimensionsByProduct(this.model.product(key));
    const most = key === this.ranked[0] ? "looks most at" : "looks at";
    const from = header.query_token === null ? `Position ${header.query}` : tokenWords(header.tokens[header.query]);
    const vector = this.model.vector(key);
    return `${from} ${most} ${tokenWords(header.tokens[key])} (position ${key}): pattern ${formatNumber(pattern[key])}, score ${formatNumber(scores[key])}.`
      + ` Its largest part is ${this.product(best, query[best], vector[best], this.model.product(key)[best])}.`;
  }

  product(dimension, first, second, product) {
    return `dimension ${dimension}: q ${formatNumber(first)} × k ${formatNumber(second)} = ${formatNumber(product)}`;
  }

  rest() {
    const { header, pattern } = this.model;
    const shown = this.rows.reduce((sum, row) => sum + pattern[row.key], 0);
    const left = this.open.length - this.rows.length;
    const masked = header.keys - this.open.length;
    return [
      left ? `${this.rows.length} keys with ${formatNumber(shown)} of the attention; ${left} weaker ones are not shown.` : `All ${this.rows.length} keys are shown.`,
      masked ? `${masked} ${masked === 1 ? "key is" : "keys are"} masked: this query cannot look there.` : "",
    ].filter(Boolean).join(" ");
  }

  // Point at a cell (or at nothing) and write its exact numbers.
  show(at) {
    this.at = at;
    if (at) {
      const dimension = this.now.order[at.place];
      const words = this.product(dimension, this.model.query[dimension], this.model.vector(at.key)[dimension], this.model.product(at.key)[dimension]);
      this.readout.textContent = `${words} · to ${tokenWords(this.model.header.tokens[at.key])}, position ${at.key}`;
    } else this.readout.textContent = "";
    this.redraw();
  }

  hoverQuery(place) {
    const dimension = this.now.order[place];
    this.readout.textContent = `dimension ${dimension}: q ${formatNumber(this.model.query[dimension])}`;
    this.at = { key: -1, place };
    this.redraw();
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -Infinity], End: [0, Infinity] };
    if (event.key === "Escape") {
      this.pick(this.ranked.length ? this.ranked[0] : null);
      this.show(null);
    } else if (event.key === "Enter" && event.target === this.grid && this.at) this.pick(this.at.key, this.at.place);
    else if (moves[event.key] && this.rows.length) this.move(...moves[event.key]);
    else return;
    event.preventDefault();
  }

  move(down, right) {
    const now = this.at ? this.rows.findIndex((row) => row.key === this.at.key) : -1;
    const start = now < 0 ? Math.max(0, this.rows.findIndex((row) => row.key === this.picked)) : now + down;
    const row = this.rows[Math.max(0, Math.min(this.rows.length - 1, start))];
    const place = Math.max(0, Math.min(this.model.header.dimensions - 1, (this.at ? this.at.place : 0) + (now < 0 ? 0 : right)));
    this.show({ key: row.key, place });
    row.node.scrollIntoView({ block: "nearest" });
  }

  destroy() {
    this.bin.empty();
    this.node.remove();
  }
}
