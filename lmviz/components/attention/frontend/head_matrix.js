// The heat map of the head panel: a window of the shown matrix, pooled by its largest cells when it is longer than the screen.

// The cells of `range`, at most height x width of them; a pooled one has the largest value below it.
function headPooled(shown, range, height, width) {
  const [r0, r1] = range.row;
  const [c0, c1] = range.col;
  const rows = Math.min(r1 - r0, Math.max(1, Math.floor(height)));
  const cols = Math.min(c1 - c0, Math.max(1, Math.floor(width)));
  const values = new Float32Array(rows * cols);
  const across = Uint32Array.from({ length: c1 - c0 }, (_, c) => Math.floor((c * cols) / (c1 - c0)));
  for (let r = 0; r < r1 - r0; r += 1) {
    const start = (r0 + r) * shown.cols.length + c0;
    const line = Math.floor((r * rows) / (r1 - r0)) * cols;
    for (let c = 0; c < c1 - c0; c += 1) {
      const value = shown.values[start + c];
      if (value > values[line + across[c]]) values[line + across[c]] = value;
    }
  }
  return { values, rows, cols };
}

// A small canvas with one pixel per (pooled) cell, at most `most` of them; what is below the cutoff is left empty.
function headImage(panel, range, most) {
  const { shown, view, theme } = panel;
  const pooled = headPooled(shown, range, most.height, most.width);
  const image = new ImageData(pooled.cols, pooled.rows);
  const pixels = new Uint32Array(image.data.buffer);
  const cutoff = view.threshold * shown.maximum;
  for (let i = 0; i < pixels.length; i += 1) {
    const value = pooled.values[i];
    const share = value >= cutoff ? amountShare(value, shown.maximum, view.scale) : 0;
    pixels[i] = theme.ramp.abgr[Math.round(255 * share)];
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: pooled.cols, height: pooled.rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Draw the window of the matrix, with hairlines between cells large enough to bear them.
function headDrawMatrix(panel) {
  const { layout, nodes, theme } = panel;
  nodes.matrix.hidden = !layout.matrix;
  if (!layout.matrix) return;
  const { left, top, width, height, cell } = layout.matrix;
  Object.assign(nodes.matrix.style, { left: `${left}px`, top: `${top}px` });
  const context = fitCanvas(nodes.matrix, width, height);
  context.clearRect(0, 0, width, height);
  if (!layout.rows || !layout.cols) return;
  const range = headRange(layout);
  const { seen, rowHeight } = layout;
  const size = { width: (range.col[1] - range.col[0]) * cell, height: (range.row[1] - range.row[0]) * rowHeight };
  context.imageSmoothingEnabled = false;
  context.drawImage(headImage(panel, range, size), (range.col[0] - seen.col) * cell, (range.row[0] - seen.row) * rowHeight,
    size.width, size.height);
  context.fillStyle = theme.css.background;
  if (rowHeight >= 9) {
    for (let r = range.row[0] + 1; r < range.row[1]; r += 1) context.fillRect(0, (r - seen.row) * rowHeight - 0.5, width, 1);
  }
  if (cell >= 9) {
    for (let c = range.col[0] + 1; c < range.col[1]; c += 1) context.fillRect((c - seen.col) * cell - 0.5, 0, 1, height);
  }
}

// Frames around lit rows and columns of the matrix, at most forty, cut off at its edges.
function headBands(panel) {
  const { layout, lit } = panel;
  if (!layout.matrix) return [];
  const { left, top, width, height, cell } = layout.matrix;
  const cut = (kind, locked, x, y, w, h) => {
    const [x0, y0] = [Math.max(x, left), Math.max(y, top)];
    return { kind, locked, x: x0, y: y0, width: Math.min(x + w, left + width) - x0, height: Math.min(y + h, top + height) - y0 };
  };
  const tall = Math.max(2, layout.rowHeight);
  const wide = Math.max(2, cell);
  const rows = lit.rows.slice(0, 20).map((r) => (
    cut("row", lit.lockedRows.includes(r), left, headQueryY(layout, r, layout.matrix) - tall / 2, width, tall)));
  const cols = lit.cols.slice(0, 20).map((c) => (
    cut("col", lit.lockedCols.includes(c), headKeyX(layout, c) - wide / 2, top, wide, height)));
  return [...rows, ...cols].filter((band) => band.width > 0 && band.height > 0);
}

function headDrawBands(panel) {
  panel.nodes.bands.replaceChildren(...headBands(panel).map(({ kind, locked, x, y, width, height }) => {
    const band = make("i", { class: `band ${kind}${locked ? " locked" : ""}` });
    Object.assign(band.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    return band;
  }));
}
