// Where the overview's tiles stand, in CSS pixels of the whole (scrolled) area.

const LABEL_ROW = 20; // height of the row of column labels
const LABEL_COLUMN = 32; // width of the column of row labels
const FRAME = 3; // room for the frame around an outer tile

function clampNumber(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

// Layers down, heads across: as large as fits the width, shrinking to fit the height only while comfortable.
function gridLayout(model, width, height) {
  const { layers, heads, tile, tile_key: tileKey } = model.header;
  const aspect = clampNumber(tile / tileKey, 0.5, 2);
  const dense = heads > 24;
  const gap = dense ? 2 : 4;
  const below = dense ? 3 : 4; // the statistic's bar and the room above it
  const fitWidth = (width - LABEL_COLUMN - FRAME) / heads - gap;
  const fitHeight = ((height - LABEL_ROW - FRAME) / layers - gap - below) / aspect;
  const tileWidth = Math.floor(clampNumber(Math.min(fitWidth, Math.max(fitHeight, 20)), 8, 120));
  const tileHeight = Math.round(tileWidth * aspect);
  return finishLayout({
    flat: false, columns: heads, rows: layers, left: LABEL_COLUMN, top: LABEL_ROW, tileWidth, tileHeight, below,
    stepX: tileWidth + gap, stepY: tileHeight + below + gap,
  });
}

// One after another with a caption under each.
function flatLayout(model, width) {
  const { layers, heads, tile, tile_key: tileKey } = model.header;
  const aspect = clampNumber(tile / tileKey, 0.5, 2);
  const gap = 8;
  const columns = Math.max(1, Math.min(layers * heads, Math.floor((width - 2 * FRAME + gap) / (76 + gap))));
  const tileWidth = Math.min(120, Math.floor((width - 2 * FRAME + gap) / columns) - gap);
  const tileHeight = Math.round(tileWidth * aspect);
  return finishLayout({
    flat: true, columns, rows: Math.ceil((layers * heads) / columns), left: FRAME, top: FRAME, tileWidth, tileHeight,
    below: 22, stepX: tileWidth + gap, stepY: tileHeight + 22 + gap,
  });
}

function finishLayout(layout) {
  const { left, top, columns, rows, stepX, stepY, tileWidth } = layout;
  const width = left + (columns - 1) * stepX + tileWidth + FRAME;
  return { ...layout, width, height: top + rows * stepY };
}

// The layout for a frame of this width; when it has to scroll down, room is left for the scroll bar.
function overviewLayout(model, flat, width, height) {
  const build = (room) => (flat ? flatLayout(model, room) : gridLayout(model, room, height));
  const layout = build(width);
  return layout.height > height ? build(width - 12) : layout;
}

// Label only every n-th column so that labels never touch.
function labelStep(stepX, widest) {
  return [1, 2, 4, 5, 8, 10, 20].find((step) => step * stepX >= widest + 4) || 40;
}
