// Panels of one shape: what is pointed at, selected and enlarged in one is so in all. Knows neither Streamlit nor network.

// Fill `root` with the panels of a payload. `onEvent({of, row, column, is_selected, number})`. Gives {update(data), destroy()}.
function mountPanels(root, data, callbacks) {
  return new PanelsView(root, data, callbacks);
}

const isSameCell = (a, b) => a === b || Boolean(a && b && a.row === b.row && a.column === b.column);
const WHOLE = Object.freeze({ zoom: 1, row: 0, column: 0 });

class PanelsView {
  constructor(root, data, { onEvent }) {
    Object.assign(this, { bin: createBin(), onEvent, pictures: [], scale: "linear", own: false, window: WHOLE, last: 0 });
    Object.assign(this, { pointed: null, selected: null, told: null, pending: [] });
    this.nodes = panelsBuild(root, {
      onScale: (scale) => { this.scale = scale; this.draw(); }, onOwn: (own) => { this.own = own; this.draw(); },
    });
    const { nodes, bin } = this;
    this.node = nodes.node;
    this.redraw = oncePerFrame(() => this.draw());
    this.retheme();
    watchTheme(this.node, bin, oncePerFrame(() => { this.retheme(); this.draw(); }));
    bin.on(nodes.help, "click", () => this.toggleKeys());
    bin.on(this.node, "keydown", (event) => panelsKey(this, event));
    bin.on(nodes.pictures, "focusout", () => this.point(null));
    nodes.zoom.querySelectorAll("button").forEach((button, i) => bin.on(button, "click", () => this.zoom(PANEL_ZOOMS[i][3])));
    const sizes = new ResizeObserver(() => { if (nodes.pictures.clientWidth !== this.width) this.redraw(); });
    sizes.observe(nodes.pictures);
    bin.add(() => sizes.disconnect());
    this.update(data);
  }

  get isEmpty() { return !this.model.rows || !this.model.columns; }

  // ---- what is shown ----

  // Take what the server sent; the same again changes nothing at all.
  update(data) {
    if (this.data && isSameBytes(this.data, data)) return;
    this.data = data;
    const before = this.model;
    this.model = readPanels(data);
    const isSame = before !== undefined && before.header.of === this.model.header.of;
    if (!isSame) Object.assign(this, { window: WHOLE, pointed: null });
    this.adopt(isSame);
    this.rebuild();
    this.draw();
    this.node.dataset.ready = "true";
  }

  // The server's selection, unless it only answers to a click that another one has followed since.
  adopt(isSame) {
    const [row, column] = this.model.header.selected || [];
    const given = row === undefined ? null : { row, column };
    const answered = this.pending.findIndex((cell) => isSameCell(cell, given));
    if (!isSame) Object.assign(this, { pending: [], selected: null });
    else if (isSameCell(given, this.told)) return;
    else this.pending = answered >= 0 ? this.pending.slice(answered + 1) : [];
    this.told = given;
    if (!this.pending.length) this.selected = given;
  }

  rebuild() {
    const { nodes, model, theme } = this;
    nodes.about.textContent = model.header.describe;
    nodes.own.hidden = !model.isMixed;
    this.pictures = this.isEmpty ? [] : model.panels.map((panel) => new PanelPicture(model, panel));
    this.pictures.forEach((picture) => panelsListenPicture(this, picture));
    nodes.pictures.replaceChildren(...(this.isEmpty ? [make("p", { text: "There is nothing to compare here." })] : this.pictures.map(({ node }) => node)));
    const { rowAxis, columnAxis } = model;
    const corner = wordsWidth([`${rowAxis.name} ↓`, `${columnAxis.name} →`], theme);
    this.labels = {
      row: Math.max(axisWidth(rowAxis, theme), corner), column: axisWidth(columnAxis, theme), short: columnAxis.entries.every(({ text }) => text.length <= 3),
    };
  }

  retheme() {
    this.theme = readTheme(this.node);
    this.ramps = panelRamps(this.theme);
  }

  draw() {
    const { nodes, model } = this;
    this.width = nodes.pictures.clientWidth;
    if (this.isEmpty || !this.width) return;
    this.layout = panelsLayout({ width: this.width, count: model.panels.length, rows: model.rows, columns: model.columns, labels: this.labels, window: this.window });
    const look = { ramps: this.ramps, css: this.theme.css, scale: this.scale, own: this.own, top: (kind) => panelsTop(model, kind, this.own) };
    nodes.pictures.style.setProperty("--across", this.layout.across);
    nodes.pictures.classList.toggle("enlarged", this.layout.zoom > 1);
    nodes.zoom.hidden = this.layout.most <= 1;
    this.pictures.forEach((picture) => picture.draw(this.layout, look));
    nodes.legend.replaceChildren(...legendNodes(model, look));
    this.mark();
  }

  // Frames, rings, lit labels and the line of numbers.
  mark() {
    this.pictures.forEach((picture) => picture.mark(this.pointed, this.selected));
    const cell = this.pointed || this.selected;
    this.nodes.readout.replaceChildren(...(cell ? readoutNodes(this.model, cell) : [make("span", { class: "quiet", text: "Point at a cell for its numbers; click to keep it." })]));
  }

  // ---- what a person does ----

  // Show another part of the pictures, with the next frame.
  move(window) {
    this.window = window;
    this.redraw();
  }

  zoom(factor) {
    const at = this.pointed || this.selected;
    const { layout } = this;
    const share = (index, start, span) => panelClamp((index + 0.5 - start) / span, 0, 1);
    const place = at ? { row: share(at.row, layout.row, layout.span.row), column: share(at.column, layout.column, layout.span.column) } : undefined;
    this.move(factor ? panelsZoomed(layout, factor, place) : WHOLE);
  }

  point(cell) {
    if (isSameCell(cell, this.pointed) || !this.layout) return;
    this.pointed = cell;
    this.mark();
  }

  walk(cell) {
    this.window = panelsRevealing(this.layout, cell);
    this.pointed = cell;
    this.draw();
  }

  select(cell, isSelected) {
    this.selected = isSelected ? cell : null;
    this.pending = [...this.pending.slice(-20), this.selected];
    this.mark();
    this.last = Math.max(this.last + 1, Date.now()); // rises also after the panels were away
    this.onEvent({ of: this.model.header.of, ...cell, is_selected: isSelected, number: this.last });
  }

  free() {
    this.point(null);
    if (this.selected) this.select(this.selected, false);
  }

  toggleKeys() {
    const { keys, help } = this.nodes;
    keys.hidden = !keys.hidden;
    help.setAttribute("aria-expanded", String(!keys.hidden));
  }

  destroy() {
    this.bin.empty();
    this.node.remove();
  }
}

function isSameBytes(first, second) {
  if (first === second) return true;
  if (first.length !== second.length) return false;
  for (let i = 0; i < first.length; i += 1) if (first[i] !== second[i]) return false;
  return true;
}
