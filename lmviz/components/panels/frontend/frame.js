// What stands around the pictures: the controls, the line of numbers, the legend and the keys.

const PANEL_HELP = "Arrow keys move over the cells, Enter selects one, Escape frees it, ? lists the keys.";
const PANEL_KEYS = [
  ["↑ ↓ ← →", "the cell beside it, in every panel"], ["Home End", "first, last cell of the row"], ["Enter", "select the cell"],
  ["Esc", "free the cell"], ["+ − 0", "zoom in, out, fit"], ["Ctrl + wheel", "zoom where the pointer is"], ["Drag", "move what is enlarged"],
  ["?", "show these keys"],
];
const PANEL_ZOOMS = [["out", "−", "Zoom out", 1 / 1.5], ["in", "+", "Zoom in", 1.5], ["fit", "Fit", "Show everything", 0]];

// The elements that stay for the life of the panels.
function panelsBuild(root, { onScale, onOwn }) {
  const nodes = {
    about: make("p", { class: "visually-hidden about" }),
    readout: make("p", { class: "readout", "aria-live": "polite" }),
    pictures: make("div", { class: "pictures", tabindex: "0", role: "group", "aria-label": PANEL_HELP }),
    legend: make("div", { class: "legend" }),
    zoom: make("div", { class: "zoom", role: "group", "aria-label": "Zoom" }, ...PANEL_ZOOMS.map(([name, text, label]) => (
      make("button", { type: "button", "data-zoom": name, "aria-label": label, title: label, text })))),
    help: make("button", { type: "button", class: "help", "aria-expanded": "false", text: "Shortcuts" }),
    keys: make("dl", { class: "keys", hidden: true }),
  };
  PANEL_KEYS.forEach(([keys, meaning]) => nodes.keys.append(make("dt", { text: keys }), make("dd", { text: meaning })));
  const own = checkControl({ label: "Own scale for the difference", name: "own", value: false, onPick: onOwn });
  const scale = segmentedControl({ label: "Colour scale", name: "scale", value: "linear", onPick: onScale, options: [["linear", "Linear"], ["root", "√"]] });
  nodes.own = own.node;
  nodes.bar = make("div", { class: "bar" }, scale.node, own.node, nodes.zoom, make("span", { class: "spring" }), nodes.help);
  nodes.node = make("section", { class: "lmviz-panels", "aria-label": "Panels", "data-ready": "false" },
    nodes.about, nodes.bar, nodes.keys, nodes.readout, nodes.pictures, nodes.legend);
  root.append(nodes.node);
  return nodes;
}

// One line per kind of panel: which panels, and the numbers at the ends of the ramp.
function legendNodes(model, look) {
  const { unit, undefined: gap } = model.header;
  const lines = ["amount", "signed"].filter((kind) => model.panels.some((panel) => panel.kind === kind)).map((kind) => {
    const mine = model.panels.filter((panel) => panel.kind === kind);
    const top = look.top(kind);
    const isCut = mine.some((panel) => panel.top > top);
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.background = rampGradient(look.ramps[kind], look.scale, kind);
    const low = kind === "signed" && top > 0 ? `${isCut ? "≤ " : ""}−${formatNumber(top)}` : "0";
    const note = look.own && model.isMixed && kind === "signed" ? " (own scale)" : "";
    return make("span", { class: "key" }, make("strong", { text: mine.map(({ title }) => title).join(", ") }), low, bar,
      `${isCut ? "≥ " : ""}${formatNumber(top)}${unitText(unit)}${note}`);
  });
  if (model.panels.some((panel) => panel.hasGaps)) {
    const swatch = make("i", { class: "gap", "aria-hidden": "true" });
    swatch.style.background = look.ramps.gap.css;
    lines.push(make("span", { class: "key" }, swatch, gap));
  }
  const words = [model.header.quantity, scaleWords(model, look)].filter(Boolean).join("; ");
  return [...lines, make("span", { text: words })];
}

// How colours compare from panel to panel.
function scaleWords(model, look) {
  const shape = look.scale === "root" ? "; colour grows with the square root" : "";
  if (model.panels.length < 2) return shape.slice(2);
  const isSplit = look.own && model.isMixed;
  return (isSplit ? "the difference has a scale of its own" : "one scale in all panels") + shape;
}

// The line of numbers for a cell, each panel's title before its number.
function readoutNodes(model, cell) {
  const unit = unitText(model.header.unit);
  const numbers = cellNumbers(model, cell).map(({ title, number }) => make("span", { class: "number" },
    make("span", { class: "quiet", text: title }), ` ${number}`));
  const words = numbers.flatMap((node, i) => (i ? [make("span", { class: "quiet", text: " · " }), node] : [node]));
  return [make("bdi", { class: "place", text: cellWords(model, cell) }), " ", make("span", {}, ...words, unit)];
}
