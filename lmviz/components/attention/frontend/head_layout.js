// Where everything in the head panel's picture lies, in CSS pixels. Pure: no DOM.
// Arcs and matrix stand on the same rows; one window (zoom, first row, first column) serves both.

const HEAD_ROW = 22; // height of a row when there is room
const HEAD_ROW_LABEL = 14; // the least height (or width) at which every token can be written
const HEAD_TALL = 720; // the most a long text takes; up to 64 tokens every row is written instead
const HEAD_NUMBER = 56; // room for a number beside a token
const HEAD_GAP = 24;

const headClamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

// Height of the picture's body for the longer side.
function headBodyHeight(count) {
  if (count <= 64) return headClamp(count * HEAD_ROW, HEAD_ROW, Math.max(HEAD_TALL, count * HEAD_ROW_LABEL));
  return HEAD_TALL;
}

// Widths: number | tokens | arcs | tokens | number | gap | tokens | matrix; below each other when there is no room.
function headColumns({ width, mode, labels, cols, rowHeight }) {
  const cap = width < 480 ? headClamp((width - 2 * HEAD_NUMBER - 64) / 2, 40, 88) : width < 800 ? 100 : 144;
  const query = headClamp(labels.query, 32, cap);
  const key = headClamp(labels.key, 32, cap);
  const sides = 2 * HEAD_NUMBER + query + key;
  const wanted = headClamp(cols * Math.max(rowHeight, HEAD_ROW_LABEL), 3 * HEAD_ROW, HEAD_TALL);
  const rows = Math.min(query, 84); // tokens are written in full beside the arcs already
  const room = width - sides - HEAD_GAP - rows - 2;
  const besideMatrix = Math.min(wanted, room - headClamp(room * 0.3, 88, 280));
  const least = Math.min(wanted, Math.max(180, cols <= 32 ? cols * HEAD_ROW_LABEL : 0)); // short texts: every column is named
  if (mode === "both" && width >= 560 && besideMatrix >= least) {
    return { beside: true, query, key, rows, matrix: besideMatrix, arcs: headClamp(room - besideMatrix, 88, 360) };
  }
  const start = query + (mode === "matrix" ? HEAD_NUMBER : 0);
  return { beside: false, query, key, rows: query, arcs: headClamp(width - sides, 40, 520), matrix: Math.min(wanted, width - start - 2) };
}

// How much of rows and columns the window shows, and from where. `zoom` 1 shows everything.
function headWindow(view, rows, cols, body) {
  const written = rows * HEAD_ROW_LABEL <= body.height + 1 && cols * HEAD_ROW_LABEL <= body.width + 1;
  const least = written ? { row: rows, col: cols }
    : { row: Math.min(rows, body.height / HEAD_ROW), col: Math.min(cols, body.width / HEAD_ROW) };
  const most = Math.max(1, rows / least.row || 1, cols / least.col || 1);
  const zoom = headClamp(view.zoom, 1, most);
  const rowSpan = Math.max(least.row, rows / zoom);
  const colSpan = Math.max(least.col, cols / zoom);
  return {
    zoom, most, rowSpan, colSpan, row: headClamp(view.row, 0, rows - rowSpan), col: headClamp(view.col, 0, cols - colSpan),
  };
}

// The whole plan. `labels` are the widest token labels in pixels; `window` is what the person asked to see.
function headLayout({ width, rows, cols, mode, labels, window: asked }) {
  const height = headBodyHeight(Math.max(rows, cols));
  const fit = Math.min(HEAD_ROW, height / Math.max(rows, 1));
  const columns = headColumns({ width, mode, labels, cols, rowHeight: fit });
  const hasMatrix = mode !== "arcs";
  const seen = headWindow(asked, rows, cols, { height, width: hasMatrix ? columns.matrix : height });
  const rowHeight = Math.min(HEAD_ROW, height / seen.rowSpan);
  const keyHeight = Math.min(HEAD_ROW, height / seen.colSpan);
  const header = headClamp(labels.key, 24, 104) + 8 + (mode === "matrix" ? HEAD_NUMBER - 12 : 0);
  const arcsTop = columns.beside ? header : 24;
  const arcsHeight = Math.max(rowHeight * seen.rowSpan, keyHeight * seen.colSpan);
  const arcs = mode === "matrix" ? null : {
    left: HEAD_NUMBER + columns.query, top: arcsTop, width: columns.arcs, height: arcsHeight,
    right: HEAD_NUMBER + columns.query + columns.arcs,
  };
  const left = columns.beside ? arcs.right + columns.key + HEAD_NUMBER + HEAD_GAP + columns.rows
    : columns.query + (mode === "matrix" ? HEAD_NUMBER : 0);
  const top = columns.beside || !arcs ? header : arcs.top + arcs.height + HEAD_GAP + header;
  const matrix = hasMatrix
    ? { left, top, width: columns.matrix, height: rowHeight * seen.rowSpan, cell: columns.matrix / seen.colSpan } : null;
  const bottom = Math.max(arcs ? arcs.top + arcs.height : 0, matrix ? matrix.top + matrix.height : 0);
  return { width, height: Math.ceil(bottom) + 4, seen, rowHeight, keyHeight, columns, arcs, matrix, header, rows, cols };
}

// Middle of a row or column on the screen.
const headQueryY = (layout, row, box) => box.top + (row + 0.5 - layout.seen.row) * layout.rowHeight;
const headKeyY = (layout, col) => layout.arcs.top + (col + 0.5 - layout.seen.col) * layout.keyHeight;
const headKeyX = (layout, col) => layout.matrix.left + (col + 0.5 - layout.seen.col) * layout.matrix.cell;

// The rows and columns that the window shows (whole or in part).
function headRange(layout) {
  const { seen, rows, cols } = layout;
  const whole = (value) => Math.round(value * 1e6) / 1e6;
  return {
    row: [Math.floor(seen.row), Math.min(rows, Math.ceil(whole(seen.row + seen.rowSpan)))],
    col: [Math.floor(seen.col), Math.min(cols, Math.ceil(whole(seen.col + seen.colSpan)))],
  };
}

// The rows or columns whose middle the window shows: only these are written.
function headLabelRange(layout, side) {
  const { seen } = layout;
  const [start, span] = side === "q" ? [seen.row, seen.rowSpan] : [seen.col, seen.colSpan];
  return [Math.max(0, Math.ceil(start - 0.5)), Math.min(side === "q" ? layout.rows : layout.cols, Math.floor(start + span - 0.5 + 1e-6) + 1)];
}

// Which of the tokens from..to are written when not all fit: first the wanted ones, best first, then an even spread.
function headChosenLabels([from, to], step, wanted) {
  const chosen = [];
  const taken = new Set();
  const reach = Math.max(1, Math.ceil(HEAD_ROW_LABEL / step - 1e-6));
  const free = (index) => {
    for (let near = index - reach + 1; near < index + reach; near += 1) if (taken.has(near)) return false;
    return true;
  };
  const take = (index) => {
    if (index < from || index >= to || !free(index)) return;
    taken.add(index);
    chosen.push(index);
  };
  wanted.forEach(take);
  for (let index = Math.ceil(from / reach) * reach; index < to; index += reach) take(index);
  return chosen.sort((a, b) => a - b);
}

// What lies under a point of the picture: {row}, {col}, both (a cell), {arcs: true} or nothing.
function headHit(layout, x, y) {
  const { arcs, matrix, seen } = layout;
  const row = (box) => headInside(Math.floor(seen.row + (y - box.top) / layout.rowHeight), headRange(layout).row);
  const colAcross = () => headInside(Math.floor(seen.col + (x - matrix.left) / matrix.cell), headRange(layout).col);
  if (matrix && x >= matrix.left - layout.columns.rows && x < matrix.left + matrix.width) {
    const inside = x >= matrix.left;
    if (y >= matrix.top && y < matrix.top + matrix.height) return inside ? { row: row(matrix), col: colAcross() } : { row: row(matrix) };
    if (inside && y >= matrix.top - layout.header && y < matrix.top) return { col: colAcross() };
  }
  if (arcs && y >= arcs.top && y < arcs.top + arcs.height && x < arcs.right + layout.columns.key + HEAD_NUMBER) {
    if (x < arcs.left) return { row: row(arcs) };
    if (x < arcs.right) return { arcs: true };
    return { col: headInside(Math.floor(seen.col + (y - arcs.top) / layout.keyHeight), headRange(layout).col) };
  }
  return {};
}

const headInside = (index, [from, to]) => (index >= from && index < to ? index : undefined);

// The window after zooming by `factor` around a point given in shares (0 to 1) of what is seen.
function headZoomed(seen, factor, at = { row: 0.5, col: 0.5 }) {
  const zoom = headClamp(seen.zoom * factor, 1, seen.most);
  const real = zoom / seen.zoom;
  const shift = (start, span, share) => start + span * share * (1 - 1 / real);
  return { zoom, row: shift(seen.row, seen.rowSpan, at.row), col: shift(seen.col, seen.colSpan, at.col) };
}
