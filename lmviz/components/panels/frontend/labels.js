// The labels beside and above a picture. Where cells are too small for them only those of lit cells are written.

// The widest label of an axis in pixels.
function axisWidth({ entries }, theme) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `12px ${theme.css.mono}`;
  return entries.reduce((widest, { text, lead }) => Math.max(widest, context.measureText((lead ? "·" : "") + shorten(text, 40)).width), 0) + 8;
}

function wordsWidth(words, theme) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `12px ${theme.css.font}`;
  return Math.max(...words.map((text) => context.measureText(text).width));
}

// A label as an element: faint · for a leading space, the whole text on hover.
function labelNode({ text, lead, raw }) {
  const words = make("bdi", { title: raw });
  if (lead) words.append(make("span", { class: "lead", text: "·" }));
  words.append(shorten(text, 40));
  return make("div", { class: "panel-label" }, words);
}

// The labels of one side ("row" or "column") of one picture.
class PanelLabels {
  constructor(axis, side) {
    Object.assign(this, { axis, side, nodes: new Map(), pointed: [], kept: [] });
    this.node = make("div", { class: `panel-labels ${side}s`, "aria-hidden": "true" });
  }

  // Write what the window shows, whole cells only.
  draw(layout) {
    this.layout = layout;
    const [start, span] = [layout[this.side], layout.span[this.side]];
    this.step = this.side === "row" ? layout.cell.height : layout.cell.width;
    this.node.classList.toggle("upright", this.side === "column" && layout.upright);
    this.node.style.setProperty("--size", `${panelClamp(this.step - 1, 9, 12)}px`);
    this.nodes = new Map();
    if (this.step >= PANEL_LABEL) {
      const last = Math.min(this.axis.entries.length, Math.floor(start + span - 0.5 + 1e-6) + 1);
      for (let index = Math.max(0, Math.ceil(start - 0.5)); index < last; index += 1) this.write(index);
    }
    this.node.replaceChildren(...this.nodes.values());
    this.light(this.pointed, this.kept);
  }

  write(index) {
    const node = labelNode(this.axis.entries[index]);
    const thick = Math.max(this.step, 12);
    const middle = (index + 0.5 - this.layout[this.side]) * this.step - thick / 2;
    const place = this.side === "row" ? { top: `${middle}px`, height: `${thick}px` } : { left: `${middle}px`, width: `${thick}px` };
    Object.assign(node.style, place, { lineHeight: `${thick}px` });
    node.dataset.index = index;
    this.nodes.set(index, node);
    return node;
  }

  // Light the labels of the rows (or columns) pointed at and kept; one that is not written yet is as long as it is lit.
  light(pointed, kept) {
    Object.assign(this, { pointed, kept });
    this.node.querySelectorAll(".extra").forEach((node) => { node.remove(); this.nodes.delete(Number(node.dataset.index)); });
    const [start, span] = [this.layout[this.side], this.layout.span[this.side]];
    [...kept, ...pointed].filter((index) => !this.nodes.has(index) && index + 1 > start && index < start + span).forEach((index) => {
      const node = this.write(index);
      node.classList.add("extra");
      this.node.append(node);
    });
    this.nodes.forEach((node, index) => {
      node.classList.toggle("lit", pointed.includes(index));
      node.classList.toggle("kept", kept.includes(index));
    });
  }
}
