// Pointer and keyboard of the panels.

const PANEL_STEPS = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -Infinity], End: [0, Infinity],
};
const PANEL_FACTORS = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 };
const DRAG_STARTS = 4; // pixels; a press that moves less is a click

// Ctrl + wheel (or a pinch) zooms where the pointer is; a plain wheel moves what is enlarged, and the page at its ends.
function panelsWheel(view, picture, event) {
  const { layout } = view;
  if (layout.most <= 1) return;
  const box = picture.canvas.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const at = { row: (event.clientY - box.top) / box.height, column: (event.clientX - box.left) / box.width };
    view.move(panelsZoomed(layout, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.004)), at));
    return;
  }
  const [dy, dx] = event.shiftKey ? [0, event.deltaY + event.deltaX] : [event.deltaY, event.deltaX];
  const unit = event.deltaMode ? [3, 3] : [1 / layout.cell.height, 1 / layout.cell.width];
  const row = panelClamp(layout.row + dy * unit[0], 0, layout.rows - layout.span.row);
  const column = panelClamp(layout.column + dx * unit[1], 0, layout.columns - layout.span.column);
  if (Math.abs(row - layout.row) + Math.abs(column - layout.column) < 1e-6) return;
  event.preventDefault();
  view.move({ zoom: layout.zoom, row, column });
}

// Pointing, clicking and dragging in one picture.
function panelsListenPicture(view, picture) {
  const { cells } = picture;
  let [drag, wasDragged] = [null, false];
  cells.addEventListener("pointerdown", (event) => {
    wasDragged = false;
    drag = view.layout.zoom > 1 ? { x: event.clientX, y: event.clientY, from: view.layout, id: event.pointerId } : null;
  });
  cells.addEventListener("pointermove", (event) => {
    if (drag && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!wasDragged && Math.hypot(dx, dy) > DRAG_STARTS) {
        wasDragged = true;
        cells.setPointerCapture(drag.id);
      }
      const { zoom, row, column, cell } = drag.from;
      if (wasDragged) view.move({ zoom, row: row - dy / cell.height, column: column - dx / cell.width });
    } else if (event.pointerType !== "touch") view.point(picture.hit(event));
  });
  ["pointerup", "pointercancel"].forEach((name) => cells.addEventListener(name, () => { drag = null; }));
  cells.addEventListener("pointerleave", () => { if (!drag) view.point(null); });
  cells.addEventListener("click", (event) => {
    const cell = wasDragged ? null : picture.hit(event);
    wasDragged = false;
    if (cell) view.select(cell, true);
  });
  cells.addEventListener("wheel", (event) => panelsWheel(view, picture, event), { passive: false });
}

// The cell that a key leads to, from the one that is pointed at or selected, else from the first that is seen.
function panelsNext(view, [down, right]) {
  const { model, layout } = view;
  const from = view.pointed || view.selected;
  if (!from) return { row: Math.ceil(layout.row), column: Math.ceil(layout.column) };
  return { row: panelClamp(from.row + down, 0, model.rows - 1), column: panelClamp(from.column + right, 0, model.columns - 1) };
}

function panelsKey(view, event) {
  if (event.altKey || event.ctrlKey || event.metaKey || view.isEmpty) return;
  const { key } = event;
  if (key === "?") view.toggleKeys();
  else if (key === "Escape") {
    view.free(); // the event goes on: Escape also closes what is open around the panels
    return;
  } else if (event.target !== view.nodes.pictures) return;
  else if (PANEL_STEPS[key]) view.walk(panelsNext(view, PANEL_STEPS[key]));
  else if (key in PANEL_FACTORS) view.zoom(PANEL_FACTORS[key]);
  else if ((key === "Enter" || key === " ") && view.pointed) view.select(view.pointed, true);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
