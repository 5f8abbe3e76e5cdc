// Where panels and their cells lie, in CSS pixels, and the window that all of them show. Pure: no DOM.

const PANEL_CELL = 28; // the largest cell
const PANEL_LABEL = 9; // the smallest cell that has its label written
const PANEL_TALL = 480; // height of the tallest picture
const PANEL_GAP = 24; // between panels
const PANEL_LEAST = 240; // the width of a panel below which they go under each other
const PANEL_STRETCH = 1.6; // how far from square a cell may be where rows and columns count different things

const panelClamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
const panelWhole = (size) => (size >= 4 ? Math.floor(size) : size); // larger cells have edges on whole pixels

// How many panels stand beside each other, and how wide each may be: as many as leave room for the labels of the
// columns, and where a whole line has none for them either, as many as fit.
function panelsAcross({ width, count, wanted, labelled }) {
  const least = labelled > width ? PANEL_LEAST : Math.max(PANEL_LEAST, labelled);
  const most = panelClamp(Math.floor((width + PANEL_GAP) / (Math.min(wanted, least) + PANEL_GAP)), 1, count);
  const lines = Math.ceil(count / most);
  const across = Math.ceil(count / lines);
  return { across, each: (width - PANEL_GAP * (across - 1)) / across };
}

// The size of a cell when everything is seen: about square, and not so small that a single row is not seen.
function panelCell({ room, rows, columns }) {
  let width = Math.min(PANEL_CELL, room / columns);
  let height = Math.min(PANEL_CELL, PANEL_TALL / rows);
  const stretch = rows === columns ? 1 : PANEL_STRETCH;
  height = Math.max(Math.min(height, stretch * width), PANEL_CELL / rows);
  width = Math.max(Math.min(width, stretch * height), Math.min(width, PANEL_CELL / columns));
  return { width: panelWhole(width), height: panelWhole(height) };
}

// The plan. `labels` are the widest label of rows and of columns and whether column labels stand upright.
function panelsLayout({ width, count, rows, columns, labels, window: asked }) {
  const gutter = Math.ceil(panelClamp(labels.row, 24, width < 480 ? 96 : 120)) + 8;
  const { across, each } = panelsAcross({ width, count, wanted: gutter + columns * PANEL_CELL + 2,
    labelled: gutter + columns * PANEL_LABEL + 2 });
  const cell = panelCell({ room: Math.max(24, each - gutter - 2), rows, columns });
  const upright = labels.short && cell.width >= labels.column;
  const header = upright ? 36 : Math.ceil(panelClamp(labels.column, 32, 112)) + 8;
  const picture = { width: columns * cell.width, height: rows * cell.height };
  const most = Math.max(1, PANEL_CELL / Math.min(cell.width, cell.height));
  const zoom = panelClamp(asked.zoom, 1, most > 1.25 ? most : 1);
  const span = { row: rows / zoom, column: columns / zoom };
  return {
    across, each, gutter, header, upright, picture, rows, columns, span, most: most > 1.25 ? most : 1, zoom,
    cell: { width: cell.width * zoom, height: cell.height * zoom },
    row: panelClamp(asked.row, 0, rows - span.row), column: panelClamp(asked.column, 0, columns - span.column),
  };
}

// The rows and columns that are seen, whole or in part.
function panelsRange(layout) {
  const end = (start, span, count) => Math.min(count, Math.ceil(Math.round((start + span) * 1e6) / 1e6));
  return {
    row: [Math.floor(layout.row), end(layout.row, layout.span.row, layout.rows)],
    column: [Math.floor(layout.column), end(layout.column, layout.span.column, layout.columns)],
  };
}

// The place of a cell in the picture.
function panelBox(layout, { row, column }) {
  const { cell } = layout;
  return {
    left: (column - layout.column) * cell.width, top: (row - layout.row) * cell.height, width: cell.width, height: cell.height,
  };
}

// The cell at a point of the picture, or null.
function panelHit(layout, x, y) {
  const { picture, cell } = layout;
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return null;
  return {
    row: panelClamp(Math.floor(layout.row + y / cell.height), 0, layout.rows - 1),
    column: panelClamp(Math.floor(layout.column + x / cell.width), 0, layout.columns - 1),
  };
}

// The window after zooming by `factor` around a point given in shares (0 to 1) of what is seen.
function panelsZoomed(layout, factor, at = { row: 0.5, column: 0.5 }) {
  const zoom = panelClamp(layout.zoom * factor, 1, layout.most);
  const shift = (start, span, share) => start + span * share * (1 - layout.zoom / zoom);
  return {
    zoom, row: shift(layout.row, layout.span.row, at.row), column: shift(layout.column, layout.span.column, at.column),
  };
}

// The window moved so that a cell is inside.
function panelsRevealing(layout, { row, column }) {
  const into = (start, span, index) => panelClamp(start, index + 1 - span, index);
  return { zoom: layout.zoom, row: into(layout.row, layout.span.row, row), column: into(layout.column, layout.span.column, column) };
}
