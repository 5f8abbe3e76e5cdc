// Draws the visible part of the overview onto one canvas: tiles once, frames and labels on top of them.

class OverviewPainter {
  constructor(canvas, model) {
    this.canvas = canvas;
    this.model = model;
    this.base = document.createElement("canvas");
  }

  // Everything that decides the tiles: called when layout, order, colours or the scroll position change.
  drawTiles(state) {
    const { layout, theme, colours, width, height } = state;
    fitCanvas(this.canvas, width, height);
    this.base.width = this.canvas.width;
    this.base.height = this.canvas.height;
    const ratio = this.canvas.width / width;
    const context = this.base.getContext("2d", { alpha: false });
    context.fillStyle = theme.css.background;
    context.fillRect(0, 0, this.base.width, this.base.height);
    const [tileWidth, tileHeight] = [Math.round(layout.tileWidth * ratio), Math.round(layout.tileHeight * ratio)];
    const paint = createTilePainter(this.model, tileWidth, tileHeight, colours);
    this.visible(state).forEach(({ layer, head, box }) => {
      const [left, top] = [Math.round(box.left * ratio), Math.round(box.top * ratio)];
      paint(context, layer, head, left, top);
    });
    this.drawMarks(state);
  }

  // The tiles inside the frame, with their boxes relative to the canvas.
  visible(state) {
    const { layout, order, scrollTop, scrollLeft, width, height } = state;
    const found = [];
    order.forEach(([layer, head], index) => {
      const box = tileBox(layout, index, scrollLeft, scrollTop);
      if (box.top < height && box.top + layout.stepY > 0 && box.left < width && box.left + layout.stepX > 0) {
        found.push({ layer, head, index, box });
      }
    });
    return found;
  }

  // What changes with the view alone: numbers, dimming, frames, labels.
  drawMarks(state) {
    const { width, height, layout, theme } = state;
    const context = fitCanvas(this.canvas, width, height);
    context.drawImage(this.base, 0, 0, width, height);
    this.visible(state).forEach((item) => {
      this.drawStatistic(context, state, item);
      if (state.chosen && !state.chosen.has(headName(item.layer, item.head))) this.dim(context, state, item.box);
    });
    this.visible(state).forEach((item) => this.drawFrame(context, state, item));
    if (!layout.flat) this.drawLabels(context, state, theme);
  }

  dim(context, { layout, theme }, box) {
    context.globalAlpha = 0.7;
    context.fillStyle = theme.css.background;
    context.fillRect(box.left - 1, box.top - 1, layout.tileWidth + 2, layout.tileHeight + layout.below + 1);
    context.globalAlpha = 1;
  }

  drawStatistic(context, { layout, theme, statistic, range }, { layer, head, box }) {
    const value = this.model.statistic(statistic, layer, head);
    const top = box.top + layout.tileHeight + (layout.below > 3 ? 2 : 1);
    if (!Number.isNaN(value) && range.high && range.high.value > 0) {
      context.globalAlpha = 0.6;
      context.fillStyle = theme.css.quiet;
      context.fillRect(box.left, top, layout.tileWidth * Math.max(0, value / range.high.value), layout.below > 3 ? 2 : 1);
      context.globalAlpha = 1;
    }
    if (!layout.flat) return;
    context.textBaseline = "alphabetic";
    context.font = `600 12px ${theme.css.font}`;
    context.fillStyle = theme.css.text;
    context.textAlign = "left";
    context.fillText(headName(layer, head), box.left, top + 15);
    context.font = `12px ${theme.css.font}`;
    context.fillStyle = theme.css.quiet;
    context.textAlign = "right";
    context.fillText(formatNumber(value), box.left + layout.tileWidth, top + 15);
  }

  drawFrame(context, state, { layer, head, box }) {
    const { layout, theme, open, active, focused } = state;
    const name = headName(layer, head);
    const outline = (colour, width, reach) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(box.left - reach, box.top - reach, layout.tileWidth + 2 * reach, layout.tileHeight + 2 * reach);
    };
    if (name === open) {
      outline(theme.css.background, 1, 0.5);
      outline(theme.css.accent, 2, 2);
    }
    if (focused && name === active) {
      outline(theme.css.background, 1, 0.5);
      context.setLineDash(name === open ? [] : [3, 2]);
      outline(theme.css.text, 2, name === open ? 2 : 1.5);
      context.setLineDash([]);
    }
    if (state.chosen && state.chosen.has(name)) this.drawTick(context, theme, box, layout);
  }

  // A chosen head wears a tick in its corner: shape, not colour alone.
  drawTick(context, theme, box, layout) {
    const size = clampNumber(layout.tileWidth / 2.4, 8, 14);
    const [left, top] = [box.left + layout.tileWidth - size, box.top];
    context.fillStyle = theme.css.accent;
    context.fillRect(left, top, size, size);
    context.strokeStyle = theme.css.onAccent;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(left + size * 0.22, top + size * 0.52);
    context.lineTo(left + size * 0.42, top + size * 0.72);
    context.lineTo(left + size * 0.78, top + size * 0.28);
    context.stroke();
  }

  // Labels stay in sight while the tiles scroll under them.
  drawLabels(context, state, theme) {
    const { layout, width, height, scrollTop, scrollLeft, openLayer, openHead } = state;
    context.fillStyle = theme.css.background;
    context.fillRect(0, 0, width, layout.top - FRAME);
    context.fillRect(0, 0, layout.left - FRAME, height);
    context.textBaseline = "middle";
    const write = (text, x, y, picked) => {
      context.font = `${picked ? "600 " : ""}12px ${theme.css.font}`;
      context.fillStyle = picked ? theme.css.text : theme.css.quiet;
      context.fillText(text, x, y);
    };
    context.textAlign = "center";
    const step = labelStep(layout.stepX, context.measureText(`H${layout.columns - 1}`).width);
    for (let column = 0; column < layout.columns; column += 1) {
      const x = layout.left + column * layout.stepX + layout.tileWidth / 2 - scrollLeft;
      if (column % step === 0 && x > layout.left) write(`H${column}`, x, 8, column === openHead);
    }
    context.textAlign = "left";
    for (let row = 0; row < layout.rows; row += 1) {
      const y = layout.top + row * layout.stepY + layout.tileHeight / 2 - scrollTop;
      if (y > layout.top) write(`L${row}`, 0, y, row === openLayer);
    }
    context.fillStyle = theme.css.background;
    if (scrollTop || scrollLeft) context.fillRect(0, 0, layout.left - FRAME, layout.top - FRAME);
  }
}

function tileBox(layout, index, scrollLeft, scrollTop) {
  return {
    left: layout.left + (index % layout.columns) * layout.stepX - scrollLeft,
    top: layout.top + Math.floor(index / layout.columns) * layout.stepY - scrollTop,
    width: layout.tileWidth, height: layout.tileHeight,
  };
}
