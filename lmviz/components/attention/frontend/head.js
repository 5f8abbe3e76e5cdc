// The head panel: tokens left and right with arcs, and a heat map, linked. It owns its part of the page below `root`.
// Values come by setMatrix, what is seen by setView; changes a person makes leave by callbacks.onView(patch).

const HEAD_LIMITS = [100, 200, 400, 1000, 4000];

// The elements that stay for the panel's life.
function headBuild(root) {
  const place = (name) => make("div", { class: `token-place ${name}`, "data-place": name });
  const nodes = {
    exports: make("div", { class: "head-exports", role: "group", "aria-label": "Export what is seen" },
      make("span", { class: "control-label", text: "Export" }),
      ...["svg", "png", "csv"].map((kind) => make("button", { type: "button", "data-export": kind, text: kind.toUpperCase() }))),
    controls: make("div", { class: "head-controls" }), readout: make("p", { class: "readout" }),
    live: make("p", { class: "visually-hidden", "aria-live": "polite" }),
    arcs: make("canvas", { class: "arcs", "aria-hidden": "true" }),
    matrix: make("canvas", { class: "matrix", tabindex: 0, role: "application" }),
    bands: make("div", { class: "bands", "aria-hidden": "true" }),
    from: make("span", { class: "axis-title", "aria-hidden": "true", text: "from (query)" }),
    to: make("span", { class: "axis-title", "aria-hidden": "true", text: "to (key)" }),
    places: { left: place("left"), right: place("right"), rows: place("rows"), cols: place("cols") },
    empty: make("div", { class: "head-empty", hidden: true }, make("p", { text: "Every token is hidden by the filters." }),
      make("button", { type: "button", text: "Show all tokens" })),
    zoom: make("div", { class: "head-zoom", role: "group", "aria-label": "Zoom" },
      ...[["out", "−", "Zoom out"], ["in", "+", "Zoom in"], ["fit", "Fit", "Show everything"]].map(([name, text, label]) => (
        make("button", { type: "button", "data-zoom": name, "aria-label": label, title: label, text }))),
      make("span", { class: "head-zoom-note" })),
    legend: make("div", { class: "head-legend" }), notes: make("p", { class: "head-notes" }),
    table: make("details", { class: "head-table" }, make("summary", { text: "Table" })),
  };
  nodes.picture = make("div", { class: "head-picture" }, nodes.from, nodes.to, ...Object.values(nodes.places), nodes.arcs, nodes.matrix,
    nodes.bands); // in reading order: tokens, then the heat map
  root.classList.add("head-panel");
  root.append(nodes.controls, nodes.readout, nodes.live, nodes.zoom, nodes.picture, nodes.empty,
    make("div", { class: "head-foot" }, nodes.legend, nodes.notes), make("div", { class: "head-more" }, nodes.table, nodes.exports));
  return nodes;
}

// The row of controls; each writes one key of the view.
function headControls(panel) {
  const { view, header, nodes } = panel;
  const pick = (key) => (value) => panel.patch({ [key]: value });
  const controls = {
    mode: segmentedControl({ label: "Picture", name: "mode", value: view.mode, onPick: pick("mode"),
      options: [["arcs", "Arcs"], ["matrix", "Matrix"], ["both", "Both"]] }),
    scale: segmentedControl({ label: "Colour scale", name: "scale", value: view.scale, onPick: pick("scale"),
      options: [["linear", "Linear"], ["log", "Log"]] }),
    threshold: rangeControl({ label: "Threshold", name: "threshold", value: view.threshold, onPick: pick("threshold"),
      show: (share) => (share > 0 && panel.shown ? `≥ ${formatNumber(share * panel.shown.maximum)} (${Math.round(100 * share)} % of the maximum)` : "off") }),
    words: checkControl({ label: "Words", name: "words", value: view.words, onPick: pick("words") }),
    hide_special: checkControl({ label: "Hide special", name: "hide_special", value: view.hide_special, onPick: pick("hide_special") }),
    hide_punctuation: checkControl({ label: "Hide punctuation", name: "hide_punctuation", value: view.hide_punctuation,
      onPick: pick("hide_punctuation") }),
  };
  if (headHasPair(header)) {
    controls.filter = selectControl({ label: "Sentences", name: "filter", value: view.filter, onPick: pick("filter"),
      options: [["all", "all"], ["aa", "A → A"], ["ab", "A → B"], ["ba", "B → A"], ["bb", "B → B"]] });
  }
  controls.arcs = selectControl({ label: "Arcs", name: "arcs", value: String(view.arcs),
    options: HEAD_LIMITS.map((count) => [String(count), `strongest ${headCount(count)}`]), onPick: (count) => pick("arcs")(Number(count)) });
  controls.words.node.hidden = !headHas(header, (token, before) => before && token.word >= 0 && token.word === before.word);
  controls.hide_special.node.hidden = !headHas(header, (token) => token.special);
  controls.hide_punctuation.node.hidden = !headHas(header, (token) => token.punctuation && !token.special);
  nodes.controls.append(...Object.values(controls).map((control) => control.node));
  return controls;
}

// Does a token on either side have this property? What nothing in the text has is not offered.
function headHas(header, test) {
  return [header.tokens, header.key_tokens || []].some((tokens) => tokens.some((token, index) => test(token, tokens[index - 1])));
}

// Are there two sentences to tell apart?
function headHasPair(header) {
  return !header.key_tokens && header.tokens.some((token) => token.segment === 1);
}

// The groups on both sides; they stay the same objects (and so their elements stay) until a filter changes.
function headRegroup(panel) {
  const { header, view } = panel;
  const key = [view.words, view.hide_special, view.hide_punctuation, view.filter].join();
  if (panel.sides && panel.sides.key === key) return;
  panel.sides = { key, ...headSides(header.tokens, header.key_tokens || header.tokens, view) };
  panel.labelWidths = { query: headLabelWidth(panel.sides.rows, panel.theme), key: headLabelWidth(panel.sides.cols, panel.theme) };
  panel.tabStop = { q: 0, k: 0 };
  panel.cell = { row: 0, col: 0 };
  panel.hover = {};
}

// Work out what is shown; needed when the matrix or a filter changes.
function headRecount(panel) {
  headRegroup(panel);
  panel.shown = headShown(panel.matrix, panel.sides);
  panel.top = headStrongest(panel.shown, 0, 1).pairs[0] || null;
  panel.controls.threshold.set(panel.view.threshold);
}

// Place everything and draw what does not depend on the pointer.
function headPlace(panel) {
  const { nodes, shown, view } = panel;
  const nothing = !shown.rows.length || !shown.cols.length;
  nodes.empty.hidden = !nothing;
  nodes.picture.hidden = nothing;
  const layout = headLayout({
    width: panel.width, rows: shown.rows.length, cols: shown.cols.length, mode: view.mode, labels: panel.labelWidths, window: panel.window,
  });
  panel.layout = layout;
  panel.window = layout.seen;
  nodes.picture.style.height = `${layout.height}px`;
  const whole = layout.seen.zoom <= 1.001;
  panel.found = headStrongest(shown, view.threshold * shown.maximum, view.arcs, whole ? undefined : headRange(layout));
  headDrawMatrix(panel);
  headDrawFrame(panel);
}

// Titles of the axes, zoom buttons, legend and notes.
function headDrawFrame(panel) {
  const { nodes, layout, shown, view, matrix, theme } = panel;
  const at = (node, x, y) => { node.style.transform = `translate(${x}px, ${y}px)`; };
  const { left, top } = layout.arcs || layout.matrix;
  nodes.from.textContent = layout.arcs ? "from (query)" : "from (query) ↓";
  nodes.to.textContent = layout.arcs ? "to (key)" : "to (key) →";
  nodes.from.style.width = `${left - 8}px`;
  nodes.to.style.width = layout.arcs ? "" : `${left - 8}px`;
  at(nodes.from, 0, top - 20);
  at(nodes.to, layout.arcs ? layout.arcs.right + 8 : 0, layout.arcs ? top - 20 : top - 40);
  nodes.matrix.setAttribute("aria-label", `Heat map, ${layout.rows} queries by ${layout.cols} keys; arrow keys read cells`);
  nodes.zoom.hidden = layout.seen.most <= 1.02;
  nodes.zoom.querySelector(".head-zoom-note").textContent = layout.seen.zoom > 1.001
    ? `${layout.seen.zoom.toPrecision(2)} × · drag or wheel to pan` : "Ctrl + wheel zooms";
  panel.controls.arcs.node.hidden = !layout.arcs || shown.rows.length * shown.cols.length <= Math.min(view.arcs, DEFAULT_VIEW.arcs);
  const low = view.scale === "log" ? `≤ ${formatNumber(shown.maximum / 1e4)}` : "0";
  const bar = make("i", { class: "head-legend-bar", "aria-hidden": "true" });
  const stops = [0, 64, 128, 192, 255].map((step) => theme.ramp.css[step]);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const high = make("span", { text: formatAmount(shown.maximum, matrix.exact), title: String(shown.maximum) });
  nodes.legend.replaceChildren(make("span", { text: low }), bar, high, make("span", { class: "head-legend-unit", text: `${view.scale} scale` }));
  nodes.notes.textContent = headNotes(shown, panel.found, view, Boolean(layout.arcs)).join(" · ");
}

// Draw what follows the pointer and the locks: lit arcs, frames, numbers, the sentence.
function headLight(panel) {
  const { shown, matrix, view, nodes } = panel;
  panel.lit = headLit(shown, panel.hover, view.locked);
  panel.litPairs = headLitPairs(shown, panel.lit, view.threshold * shown.maximum, Math.max(view.arcs, DEFAULT_VIEW.arcs));
  headDrawArcs(panel);
  headDrawBands(panel);
  headDrawLabels(panel);
  const { text, raw } = headReadout(shown, panel.lit, matrix, panel.top);
  nodes.readout.textContent = text;
  nodes.readout.title = raw;
}

// For screen readers and the table, a moment after things came to rest.
function headSpeak(panel) {
  clearTimeout(panel.speaking);
  panel.speaking = setTimeout(() => {
    if (!panel.shown) return;
    const lit = headLit(panel.shown, panel.hasFocus ? panel.hover : {}, panel.view.locked);
    const text = headFinding(panel.shown, lit, panel.matrix, panel.top);
    if (panel.nodes.live.textContent !== text) panel.nodes.live.textContent = text;
    if (panel.nodes.table.open) headFillTable(panel, headLit(panel.shown, {}, panel.view.locked));
  }, 250);
}

// The twenty strongest pairs, those of locked tokens when there are some.
function headFillTable(panel, lit) {
  const { shown, matrix, view, nodes } = panel;
  const some = lit.rows.length + lit.cols.length > 0;
  const cutoff = view.threshold * shown.maximum;
  const pairs = some ? headLitPairs(shown, lit, cutoff, 20) : headStrongest(shown, cutoff, 20).pairs;
  const head = ["From", "Position", "To", "Position", panel.header.what].map((text) => make("th", { scope: "col", text }));
  const rows = pairs.map(({ row, col, value }) => make("tr", {},
    make("td", {}, make("bdi", { class: "head-mono", text: shown.rows[row].text })), make("td", { text: shown.rows[row].first }),
    make("td", {}, make("bdi", { class: "head-mono", text: shown.cols[col].text })), make("td", { text: shown.cols[col].first }),
    make("td", { text: formatAmount(value, matrix.exact), title: String(value) })));
  const caption = `The ${pairs.length} strongest pairs ${some ? "of the locked tokens " : ""}in ${matrix.label}`;
  const table = make("table", {}, make("caption", { text: caption }), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  nodes.table.replaceChildren(nodes.table.querySelector("summary"), make("div", { class: "head-table-box" }, table));
}

// Bring the page in line with the state; `dirty` says how deep the change goes: shown > layout > light.
function headRefresh(panel) {
  const { dirty } = panel;
  if (!dirty || !panel.ready(true)) return;
  panel.dirty = null;
  if (dirty === "shown") headRecount(panel);
  if (dirty !== "light") headPlace(panel);
  headLight(panel);
  headSpeak(panel);
}

// Which depth of redrawing a change of the view asks for.
function headDepth(before, after) {
  const differs = (...keys) => keys.some((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  if (differs("words", "hide_special", "hide_punctuation", "filter")) return "shown";
  if (differs("mode", "threshold", "scale", "arcs")) return "layout";
  return differs("locked") ? "light" : null;
}

// State and the few verbs that the other files use.
function headState(root, header, callbacks) {
  const depths = ["light", "layout", "shown"];
  const panel = {
    root, header, callbacks, bin: createBin(), nodes: headBuild(root), view: completeView(null), matrix: null, shown: null, layout: null,
    hover: {}, focus: {}, hasFocus: false, window: { zoom: 1, row: 0, col: 0 }, width: 0, dirty: null,
    theme: readTheme(root.closest(".lmviz-explorer") || root),
    labels: { left: new Map(), right: new Map(), rows: new Map(), cols: new Map() },
    ready: (beforeLayout) => Boolean(panel.matrix && panel.width > 0 && (beforeLayout || panel.layout)),
    flush: () => headRefresh(panel),
    light: () => panel.update("light"),
    sideStep: (side, index) => headSideStep(panel, side, index),
  };
  const soon = oncePerFrame(panel.flush);
  panel.update = (depth) => {
    if (depths.indexOf(depth) > depths.indexOf(panel.dirty)) panel.dirty = depth;
    soon();
  };
  panel.setView = (view) => {
    const next = completeView(view);
    if (!headHasPair(header)) next.filter = "all"; // a link may come from a text of two sentences
    const depth = headDepth(panel.view, next);
    panel.view = next;
    Object.entries(panel.controls).forEach(([key, control]) => control.set(next[key]));
    if (depth) panel.update(depth);
  };
  panel.patch = (patch) => {
    panel.setView({ ...panel.view, ...patch });
    panel.callbacks.onView(patch);
  };
  return panel;
}

// The token on the other side that stands at about the same height.
function headSideStep(panel, side, index) {
  const { layout } = panel;
  if (!layout.arcs) return panel.tabStop[side === "q" ? "k" : "q"];
  const [from, to] = side === "q" ? [layout.rowHeight, layout.keyHeight] : [layout.keyHeight, layout.rowHeight];
  const [here, there] = side === "q" ? [layout.seen.row, layout.seen.col] : [layout.seen.col, layout.seen.row];
  return Math.round(((index - here) * from) / to + there);
}

function headListen(panel) {
  const { bin, nodes } = panel;
  headListenPointer(panel);
  headListenKeys(panel);
  const factors = { in: 1.6, out: 1 / 1.6, fit: 1e-9 };
  bin.on(nodes.zoom, "click", (event) => {
    if (event.target.dataset.zoom && panel.ready()) headZoom(panel, factors[event.target.dataset.zoom]);
  });
  bin.on(nodes.empty, "click", (event) => {
    if (event.target.matches("button")) panel.patch({ hide_special: false, hide_punctuation: false, filter: "all" });
  });
  bin.on(nodes.exports, "click", (event) => {
    const kind = event.target.dataset.export;
    if (kind && panel.ready()) headExport(panel, kind);
  });
  bin.on(nodes.table, "toggle", () => { if (nodes.table.open) headSpeak(panel); });
  const observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width === panel.width) return;
    panel.width = width;
    panel.update("layout");
  });
  observer.observe(nodes.controls);
  bin.add(() => observer.disconnect());
}

// Make a head panel below `root`; see the top of this file.
function createHeadPanel(root, header, callbacks) {
  const panel = headState(root, header, callbacks);
  panel.controls = headControls(panel);
  panel.width = Math.floor(panel.nodes.controls.getBoundingClientRect().width);
  headListen(panel);
  return {
    // `label` names the matrix on the page; `made` says in full what it was made of, for captions.
    setMatrix(values, rows, cols, { label, exact, made }) {
      const spread = headSpread(values, rows, cols, { ...header, pooled: header.pooled && !exact });
      panel.matrix = { ...spread, label, exact, made };
      root.dataset.label = label;
      root.dataset.exact = String(exact);
      panel.dirty = "shown";
      panel.flush();
    },
    setView: panel.setView,
    setTheme(theme) {
      panel.theme = theme;
      panel.update("layout");
    },
    destroy() {
      clearTimeout(panel.speaking);
      panel.bin.empty();
      panel.matrix = null;
      root.replaceChildren();
      root.classList.remove("head-panel");
    },
  };
}
