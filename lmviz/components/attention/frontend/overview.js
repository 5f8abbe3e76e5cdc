// The overview: every head as a tile. Scrolls inside itself; pointer, keyboard and screen reader reach every head.

class Overview {
  // callbacks: {onOpen(layer, head), onToggle([[layer, head], ...])}
  constructor(host, model, callbacks) {
    Object.assign(this, { model, callbacks, bin: createBin(), focused: false, choosing: false, cells: 0 });
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.space = make("div", { class: "overview-space", role: "presentation" }, this.canvas);
    this.row = make("div", { role: "row", class: "visually-hidden" });
    this.node = make("div", { class: "overview-grid", role: "grid", tabindex: 0 }, this.space, this.row);
    this.frame = make("div", { class: "overview-frame" }, this.node);
    host.append(this.frame);
    this.card = createTileCard(this.frame, model);
    this.painter = new OverviewPainter(this.canvas, model);
    this.redraw = oncePerFrame(() => this.paint());
    this.listen();
  }

  listen() {
    const { bin, node } = this;
    const observer = new ResizeObserver(() => { if (this.view && this.frame.clientWidth !== this.width) this.arrange(); });
    observer.observe(this.frame);
    bin.add(() => observer.disconnect());
    bin.on(node, "scroll", () => { this.card.hide(); this.redraw(); }, { passive: true });
    bin.on(node, "pointermove", (event) => this.hover(event));
    bin.on(node, "pointerleave", () => this.card.hide());
    bin.on(node, "click", (event) => this.click(event));
    bin.on(node, "keydown", (event) => this.key(event));
    bin.on(node, "focus", () => { this.focused = node.matches(":focus-visible"); this.mark(); });
    bin.on(node, "blur", () => { this.focused = false; this.mark(); });
  }

  setTheme(theme) {
    this.theme = theme;
    this.colours = null;
    if (this.view) this.arrange();
  }

  setChoosing(on) {
    this.choosing = on;
    this.node.classList.toggle("choosing", on);
    this.node.setAttribute("aria-multiselectable", String(on));
  }

  setView(view) {
    const before = this.view;
    this.view = view;
    const moved = view.shown === "head" && (!this.active || headName(...this.active) !== headName(view.layer, view.head));
    if (!this.active || moved) this.active = [view.layer, view.head];
    const same = before && ["sort", "scale", "statistic"].every((key) => before[key] === view[key]);
    if (!same) {
      this.colours = null;
      this.order = tileOrder(this.model, view.sort);
      this.range = statisticRange(this.model, view.statistic);
      if (before && before.sort !== view.sort) this.node.scrollTop = this.node.scrollLeft = 0;
      this.arrange();
    } else this.mark();
    if (moved && this.layout) this.reveal();
    this.describe();
  }

  // Lay out for the present width, size the frame, draw.
  arrange() {
    this.width = this.frame.clientWidth;
    if (!this.width || !this.theme) return;
    const tallest = clampNumber(Math.round(window.innerHeight * 0.78), 320, 760);
    this.layout = overviewLayout(this.model, this.view.sort !== "layer", this.width, tallest);
    const { layout, node, space } = this;
    this.height = Math.min(layout.height, tallest);
    node.style.height = `${this.height}px`;
    space.style.width = `${layout.width}px`;
    space.style.height = `${layout.height}px`;
    const { left, top, stepX, stepY, columns } = layout;
    Object.assign(node.dataset, { left, top, stepX, stepY, columns });
    this.paint();
  }

  state() {
    const { view, layout, theme, order, range, focused, node } = this;
    const single = view.shown === "head";
    return {
      layout, theme, order, range, focused, colours: this.colours, statistic: view.statistic,
      width: node.clientWidth, height: node.clientHeight, scrollTop: node.scrollTop, scrollLeft: node.scrollLeft,
      open: single ? headName(view.layer, view.head) : null, active: headName(...this.active),
      openLayer: single ? view.layer : -1, openHead: single ? view.head : -1,
      chosen: !single && view.chosen ? new Set(view.chosen.map(([layer, head]) => headName(layer, head))) : null,
    };
  }

  paint() {
    if (!this.layout) return;
    const started = performance.now();
    this.colours = this.colours || tileColours(this.theme, this.view.scale);
    this.painter.drawTiles(this.state());
    this.node.dataset.paintMs = (performance.now() - started).toFixed(1);
  }

  mark() {
    if (this.layout && this.view) this.painter.drawMarks(this.state());
  }

  // ---- pointer -----------------------------------------------------------------------------------------------------

  // What lies under the pointer: {tile: index}, {row}, {column} or {}.
  hit(event) {
    const { layout, node, order } = this;
    const frame = node.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    if (!layout || x < 0 || y < 0) return {};
    const column = Math.floor((x + node.scrollLeft - layout.left) / layout.stepX);
    const row = Math.floor((y + node.scrollTop - layout.top) / layout.stepY);
    const inColumn = column >= 0 && column < layout.columns;
    const inRow = row >= 0 && row < layout.rows;
    if (!layout.flat && x < layout.left - FRAME) return inRow && y >= layout.top ? { row } : {};
    if (!layout.flat && y < layout.top - FRAME) return inColumn ? { column } : {};
    const index = row * layout.columns + column;
    return inRow && inColumn && index < order.length ? { tile: index } : {};
  }

  hover(event) {
    const { tile, row, column } = this.hit(event);
    this.node.style.cursor = tile !== undefined || row !== undefined || column !== undefined ? "pointer" : "default";
    if (tile === undefined || event.pointerType === "touch") {
      this.card.hide();
      return;
    }
    const [layer, head] = this.order[tile];
    const box = tileBox(this.layout, tile, this.node.scrollLeft, this.node.scrollTop);
    this.card.show(layer, head, box, { colours: this.colours, statistic: this.view.statistic });
  }

  click(event) {
    const { tile, row, column } = this.hit(event);
    const { layers, heads } = this.model.header;
    if (row !== undefined) this.callbacks.onToggle(wholeLayer(row, heads));
    else if (column !== undefined) this.callbacks.onToggle(wholeColumn(column, layers));
    else if (tile !== undefined) this.pick(tile, event.shiftKey || event.ctrlKey || event.metaKey);
  }

  pick(index, toggles) {
    this.active = this.order[index];
    this.focused = false;
    if (toggles || this.choosing) this.callbacks.onToggle([this.active]);
    else this.callbacks.onOpen(...this.active);
  }

  // ---- keyboard and screen reader ------------------------------------------------------------------------------------

  key(event) {
    const now = this.order.findIndex(([layer, head]) => layer === this.active[0] && head === this.active[1]);
    const next = this.target(event, now);
    const { layers, heads } = this.model.header;
    if (next !== null) {
      this.active = this.order[clampNumber(next, 0, this.order.length - 1)];
      this.focused = true;
      if (!this.choosing && this.view.shown === "head" && !event.shiftKey) this.callbacks.onOpen(...this.active);
      this.reveal();
      this.mark();
      this.describe();
    } else if (event.key === "Enter") this.pick(now, event.shiftKey || event.ctrlKey);
    else if (event.key === " ") this.callbacks.onToggle([this.active]);
    else if (event.key === "r") this.callbacks.onToggle(wholeLayer(this.active[0], heads));
    else if (event.key === "c" && !event.ctrlKey && !event.metaKey) this.callbacks.onToggle(wholeColumn(this.active[1], layers));
    else return;
    event.preventDefault();
  }

  // The tile that a key leads to, or null.
  target(event, now) {
    const { columns } = this.layout;
    const page = Math.max(1, Math.floor(this.height / this.layout.stepY) - 1) * columns;
    const column = now % columns;
    const steps = {
      ArrowLeft: column > 0 || this.layout.flat ? -1 : 0, ArrowRight: column < columns - 1 || this.layout.flat ? 1 : 0,
      ArrowUp: now >= columns ? -columns : 0, ArrowDown: now + columns < this.order.length ? columns : 0,
      PageUp: now >= page ? -page : column - now, PageDown: page, Home: event.ctrlKey ? -now : -column,
      End: event.ctrlKey ? this.order.length : columns - 1 - column,
    };
    return event.key in steps ? now + steps[event.key] : null;
  }

  // Scroll just enough to see the active tile; the page itself stays where it is.
  reveal() {
    const { layout, node, order } = this;
    const index = order.findIndex(([layer, head]) => layer === this.active[0] && head === this.active[1]);
    const box = tileBox(layout, index, node.scrollLeft, node.scrollTop);
    if (box.top < layout.top) node.scrollTop += box.top - layout.top;
    else if (box.top + layout.stepY > this.height) node.scrollTop += box.top + layout.stepY - this.height;
    if (box.left < layout.left) node.scrollLeft += box.left - layout.left;
    else if (box.left + layout.stepX > node.clientWidth) node.scrollLeft += box.left + layout.stepX - node.clientWidth;
  }

  // One grid cell stands for the active tile; a fresh id makes screen readers read it.
  describe() {
    const { header } = this.model;
    const [layer, head] = this.active;
    const { shown, chosen } = this.view;
    const picked = shown === "head" ? layer === this.view.layer && head === this.view.head
      : !chosen || chosen.some(([l, h]) => l === layer && h === head);
    this.cells += 1;
    const id = `overview-cell-${this.cells}`;
    const text = [headName(layer, head), statisticText(this.model, this.view.statistic, layer, head)].filter(Boolean);
    this.row.replaceChildren(make("div", {
      role: "gridcell", id, "aria-rowindex": layer + 1, "aria-colindex": head + 1, "aria-selected": String(picked),
      text: text.join(", "),
    }));
    this.node.setAttribute("aria-activedescendant", id);
    this.node.setAttribute("aria-rowcount", header.layers);
    this.node.setAttribute("aria-colcount", header.heads);
    this.node.setAttribute("aria-label", overviewSentence(this.model, this.view, this.range));
  }

  destroy() {
    this.bin.empty();
    this.frame.remove();
  }
}

function wholeLayer(layer, heads) {
  return Array.from({ length: heads }, (_, head) => [layer, head]);
}

function wholeColumn(head, layers) {
  return Array.from({ length: layers }, (_, layer) => [layer, head]);
}

function countOf(number, one) {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}

// The main finding in words, for those who do not see the picture.
function overviewSentence(model, view, range) {
  const { layers, heads, what } = model.header;
  const size = `${what} of ${countOf(layers * heads, "head")} in ${countOf(layers, "layer")}.`;
  const about = model.describe(view.statistic);
  if (!about) return size;
  if (!range.high) return `${size} ${about.title} is not defined here.`;
  const unit = unitText(about.unit);
  const say = ({ layer, head, value }) => `${headName(layer, head)} with ${formatNumber(value)}${unit}`;
  return `${size} Highest ${lowerFirst(about.title)}: ${say(range.high)}; lowest: ${say(range.low)}.`;
}
