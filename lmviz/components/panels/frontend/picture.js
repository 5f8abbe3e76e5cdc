// One panel: its title, its labels, its cells on a canvas, and what lies over them: the frame and the ring of a cell.

// What a value is drawn as: one colour per step of a ramp, as bytes for ImageData and as CSS.
function panelRamps(theme) {
  const signed = buildSignedRamp(theme);
  const abgr = (css) => {
    const [r, g, b] = css.match(/\d+/g).map(Number);
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  };
  const gap = theme.background.map((channel, i) => Math.round(channel + (theme.text[i] - channel) * 0.16));
  return {
    amount: theme.ramp, signed: { css: signed, abgr: Uint32Array.from(signed, abgr) }, gap: { css: cssColour(gap), abgr: abgr(cssColour(gap)) },
  };
}

// A legend's gradient. Its middle is zero for signed values.
function rampGradient(ramp, scale, kind) {
  const shares = Array.from({ length: 17 }, (_, i) => i / 16);
  const step = (share) => panelStep(kind === "signed" ? 2 * share - 1 : share, { kind, top: 1, scale });
  return `linear-gradient(to right, ${shares.map((share) => ramp.css[step(share)]).join(", ")})`;
}

// A canvas with one pixel per (pooled) cell of the window.
function panelImage(panel, { columns, range, most, look }) {
  const pooled = panelPooled(panel.values, columns, range, most);
  const image = new ImageData(pooled.width, pooled.height);
  const pixels = new Uint32Array(image.data.buffer);
  const ramp = look.ramps[panel.kind].abgr;
  const scale = { kind: panel.kind, top: look.top(panel.kind), scale: look.scale };
  pooled.values.forEach((value, i) => {
    pixels[i] = Number.isNaN(value) ? look.ramps.gap.abgr : ramp[panelStep(value, scale)];
  });
  const canvas = make("canvas", { width: pooled.width, height: pooled.height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

class PanelPicture {
  constructor(model, panel) {
    Object.assign(this, { model, panel });
    this.rows = new PanelLabels(model.rowAxis, "row");
    this.columns = new PanelLabels(model.columnAxis, "column");
    this.canvas = make("canvas", { role: "img", "aria-label": [panel.title, panel.subtitle, model.header.quantity].filter(Boolean).join(", ") });
    this.frame = make("i", { class: "frame", hidden: true });
    this.ring = make("i", { class: "ring", hidden: true });
    this.cells = make("div", { class: "cells" }, this.canvas, make("div", { class: "marks", "aria-hidden": "true" }, this.ring, this.frame));
    const corner = make("div", { class: "corner", "aria-hidden": "true" },
      make("span", { text: `${model.columnAxis.name} →` }), make("span", { text: `${model.rowAxis.name} ↓` }));
    const title = make("figcaption", {}, make("strong", { text: panel.title }), make("span", { text: panel.subtitle }));
    this.node = make("figure", { class: "panel" }, title,
      make("div", { class: "plan" }, corner, this.columns.node, this.rows.node, this.cells));
  }

  draw(layout, look) {
    const { node, canvas, model } = this;
    const { picture } = layout;
    this.layout = layout;
    Object.entries({ gutter: layout.gutter, header: layout.header, wide: picture.width, high: picture.height })
      .forEach(([name, size]) => node.style.setProperty(`--${name}`, `${size}px`));
    const context = fitCanvas(canvas, picture.width, picture.height);
    context.clearRect(0, 0, picture.width, picture.height);
    const range = panelsRange(layout);
    const first = panelBox(layout, { row: range.row[0], column: range.column[0] });
    const size = { width: (range.column[1] - range.column[0]) * layout.cell.width, height: (range.row[1] - range.row[0]) * layout.cell.height };
    const ratio = canvas.width / picture.width;
    const most = { width: size.width * ratio, height: size.height * ratio };
    context.imageSmoothingEnabled = false;
    context.drawImage(panelImage(this.panel, { columns: model.columns, range, most, look }), first.left, first.top, size.width, size.height);
    if (Math.min(layout.cell.width, layout.cell.height) >= PANEL_LABEL) this.drawEdges(context, range, look);
    this.rows.draw(layout);
    this.columns.draw(layout);
  }

  // Hairlines between cells, and a stroke through those that are not defined.
  drawEdges(context, { row: [r0, r1], column: [c0, c1] }, look) {
    const { layout, panel, model } = this;
    context.fillStyle = look.css.background;
    for (let row = r0 + 1; row < r1; row += 1) context.fillRect(0, panelBox(layout, { row, column: c0 }).top, layout.picture.width, 1);
    for (let column = c0 + 1; column < c1; column += 1) context.fillRect(panelBox(layout, { row: r0, column }).left, 0, 1, layout.picture.height);
    context.strokeStyle = look.css.quiet;
    context.lineWidth = 1;
    context.beginPath();
    for (let row = r0; row < r1; row += 1) {
      for (let column = c0; column < c1; column += 1) {
        if (Number.isNaN(panel.values[row * model.columns + column])) strikeCell(context, panelBox(layout, { row, column }));
      }
    }
    context.stroke();
  }

  // Frame the cell that is pointed at and ring the one that is selected; either may be null.
  mark(pointed, selected) {
    placeMark(this.frame, this.layout, pointed);
    placeMark(this.ring, this.layout, selected);
    const places = (side) => [pointed, selected].map((cell) => (cell ? [cell[side]] : []));
    this.rows.light(...places("row"));
    this.columns.light(...places("column"));
  }

  // The cell under a pointer, or null.
  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    return panelHit(this.layout, event.clientX - box.left, event.clientY - box.top);
  }
}

function strikeCell(context, { left, top, width, height }) {
  const inset = Math.min(width, height) * 0.28;
  context.moveTo(left + inset, top + height - inset);
  context.lineTo(left + width - inset, top + inset);
}

// Put a mark over a cell, never smaller than can be seen.
function placeMark(mark, layout, cell) {
  const box = cell && panelBox(layout, cell);
  const [width, height] = box ? [Math.max(5, box.width), Math.max(5, box.height)] : [0, 0];
  const isSeen = box && box.left + box.width > 0.01 && box.top + box.height > 0.01
    && box.left < layout.picture.width - 0.01 && box.top < layout.picture.height - 0.01;
  mark.hidden = !isSeen;
  if (!isSeen) return;
  Object.assign(mark.style, {
    left: `${box.left + (box.width - width) / 2}px`, top: `${box.top + (box.height - height) / 2}px`, width: `${width}px`, height: `${height}px`,
  });
}
