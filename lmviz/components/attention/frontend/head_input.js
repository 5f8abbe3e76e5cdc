// Pointer and keyboard of the head panel.

// What the event points at: a written token first, then whatever lies at that place.
function headTarget(panel, event) {
  const token = event.target.closest ? event.target.closest(".token") : null;
  if (token) {
    const query = token.dataset.side === "q";
    const groups = query ? panel.shown.rows : panel.shown.cols;
    const index = groups.findIndex((group) => group.first === Number(token.dataset.index));
    if (index >= 0) return query ? { row: index } : { col: index };
  }
  const box = panel.nodes.picture.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const hit = headHit(panel.layout, x, y);
  if (!hit.arcs) return hit;
  const arc = headArcAt(panel, x, y);
  return arc ? { row: arc.row, col: arc.col } : {};
}

// Change what is lit; nothing happens when it is lit already.
function headHover(panel, hover) {
  if (panel.hover.row === hover.row && panel.hover.col === hover.col) return;
  panel.hover = hover;
  panel.light();
}

// Lock or free a group on one side.
function headToggle(locked, side, group) {
  const mine = ([where, position]) => where === side && group.positions.includes(position);
  return locked.some(mine) ? locked.filter((entry) => !mine(entry)) : [...locked, [side, group.first]];
}

// Lock what the hit names; a cell locks its query and its key (or frees both when both are locked).
function headLock(panel, hit) {
  const { shown, view } = panel;
  const [row, col] = [shown.rows[hit.row], shown.cols[hit.col]];
  if (!row && !col) return;
  let { locked } = view;
  const holds = (side, group) => locked.some(([where, position]) => where === side && group.positions.includes(position));
  if (row && col && holds("q", row) !== holds("k", col)) {
    locked = holds("q", row) ? headToggle(locked, "k", col) : headToggle(locked, "q", row);
  } else {
    if (row) locked = headToggle(locked, "q", row);
    if (col) locked = headToggle(locked, "k", col);
  }
  panel.patch({ locked });
}

// Where the window is to be, drawn with the next frame.
function headMoveWindow(panel, window) {
  panel.window = window;
  panel.update("layout");
}

const headPan = (panel, rows, cols) => headMoveWindow(panel, {
  zoom: panel.layout.seen.zoom, row: panel.layout.seen.row + rows, col: panel.layout.seen.col + cols,
});
const headZoom = (panel, factor, at) => headMoveWindow(panel, headZoomed(panel.layout.seen, factor, at));

// Ctrl + wheel (or a pinch) zooms where the pointer is; a plain wheel pans, and scrolls the page at the ends.
function headWheel(panel, event) {
  const { seen, matrix, arcs } = panel.layout;
  if (seen.most <= 1.02) return;
  const box = panel.nodes.picture.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const body = matrix && x >= matrix.left && y >= matrix.top ? matrix : null;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const share = (value) => headClamp(value, 0, 1);
    const down = (y - (body || arcs || matrix).top) / (body || arcs || matrix).height;
    const at = body ? { row: share(down), col: share((x - body.left) / body.width) } : { row: share(down), col: share(down) };
    headZoom(panel, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.004)), at);
    return;
  }
  const unit = event.deltaMode ? 3 : 1 / panel.layout.rowHeight;
  const [dy, dx] = event.shiftKey ? [0, event.deltaY + event.deltaX] : [event.deltaY, event.deltaX];
  const before = [seen.row, seen.col];
  const rows = dy * unit;
  const cols = (body ? dx : dy) * unit;
  const after = [headClamp(seen.row + rows, 0, panel.layout.rows - seen.rowSpan), headClamp(seen.col + cols, 0, panel.layout.cols - seen.colSpan)];
  if (Math.abs(after[0] - before[0]) + Math.abs(after[1] - before[1]) < 1e-6) return;
  event.preventDefault();
  headPan(panel, rows, cols);
}

// Dragging the matrix pans it; a press that hardly moves is a click.
function headListenPointer(panel) {
  const { bin, nodes } = panel;
  let drag = null;
  let dragged = false;
  bin.on(nodes.picture, "pointerdown", (event) => {
    dragged = false;
    if (event.target !== nodes.matrix || panel.layout.seen.most <= 1.02) return;
    drag = { x: event.clientX, y: event.clientY, seen: panel.layout.seen, id: event.pointerId };
  });
  bin.on(nodes.picture, "pointermove", (event) => {
    if (drag && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!dragged && Math.hypot(dx, dy) > 4) {
        dragged = true;
        nodes.matrix.setPointerCapture(drag.id);
      }
      if (dragged) {
        const { layout } = panel;
        headMoveWindow(panel, { zoom: drag.seen.zoom, row: drag.seen.row - dy / layout.rowHeight, col: drag.seen.col - dx / layout.matrix.cell });
      }
      return;
    }
    if (panel.ready() && event.pointerType !== "touch") headHover(panel, headTarget(panel, event));
  });
  bin.on(nodes.picture, "pointerup", () => { drag = null; });
  bin.on(nodes.picture, "pointercancel", () => { drag = null; });
  bin.on(nodes.picture, "pointerleave", () => { if (!drag) headHover(panel, {}); });
  bin.on(nodes.picture, "click", (event) => {
    if (!dragged && panel.ready()) headLock(panel, headTarget(panel, event));
    dragged = false;
  });
  bin.on(nodes.picture, "wheel", (event) => { if (panel.ready()) headWheel(panel, event); }, { passive: false });
}

// Move the window so that a row or column is inside.
function headReveal(panel, side, index) {
  const { seen } = panel.layout;
  const into = (start, span) => headClamp(start, index + 1 - span, index);
  if (side === "q") panel.window = { ...seen, row: into(seen.row, seen.rowSpan) };
  else panel.window = { ...seen, col: into(seen.col, seen.colSpan) };
  panel.update("layout");
}

// Put the focus on a token, write it if it was not, and light it.
function headFocus(panel, side, wanted) {
  const groups = side === "q" ? panel.shown.rows : panel.shown.cols;
  const index = headClamp(wanted, 0, groups.length - 1);
  panel.focus = { side, index };
  panel.tabStop[side] = index;
  panel.hasFocus = true;
  panel.hover = side === "q" ? { row: index } : { col: index };
  headReveal(panel, side, index);
  panel.flush();
  const node = headTokenNode(panel, side, index);
  if (node) node.focus({ preventScroll: true });
}

function headTokenKey(panel, event, token) {
  const side = token.dataset.side;
  const hit = headTarget(panel, { target: token });
  const index = side === "q" ? hit.row : hit.col;
  const across = panel.view.mode === "matrix";
  const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };
  const other = { ArrowLeft: "q", ArrowRight: "k" }[event.key];
  if (across && side === "k" && other) headFocus(panel, "k", index + (other === "q" ? -1 : 1));
  else if (across && side === "k" && event.key === "ArrowDown") headFocus(panel, "q", panel.tabStop.q);
  else if (other) headFocus(panel, other, other === side ? index : panel.sideStep(side, index));
  else if (event.key in steps) headFocus(panel, side, index + steps[event.key]);
  else if (event.key === "Enter" || event.key === " ") headLock(panel, hit);
  else return false;
  return true;
}

function headMatrixKey(panel, event) {
  const { seen } = panel.layout;
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const last = (groups) => groups.length - 1;
  if (move && event.shiftKey) headPan(panel, move[0] * seen.rowSpan * 0.25, move[1] * seen.colSpan * 0.25);
  else if (move) {
    const from = panel.cell;
    panel.cell = { row: headClamp(from.row + move[0], 0, last(panel.shown.rows)), col: headClamp(from.col + move[1], 0, last(panel.shown.cols)) };
    panel.hover = panel.cell;
    headReveal(panel, "q", panel.cell.row);
    panel.flush();
    headReveal(panel, "k", panel.cell.col);
  } else if (event.key === "Enter" || event.key === " ") headLock(panel, panel.cell);
  else return false;
  return true;
}

// Escape frees, + − 0 zoom, the rest depends on what has the focus.
function headListenKeys(panel) {
  const { bin, nodes, root } = panel;
  bin.on(root, "keydown", (event) => {
    if (!panel.ready() || event.ctrlKey || event.metaKey || event.altKey) return;
    const zoom = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 1e-9 }[event.key];
    const inPicture = nodes.picture.contains(event.target);
    let used = false;
    if (event.key === "Escape" && panel.view.locked.length) {
      panel.patch({ locked: [] }); // the event goes on: Escape also closes what is open around the panel
    } else if (inPicture && zoom) {
      headZoom(panel, zoom);
      used = true;
    } else if (event.target === nodes.matrix) used = headMatrixKey(panel, event);
    else if (event.target.matches(".token")) used = headTokenKey(panel, event, event.target);
    if (used) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  bin.on(nodes.picture, "focusin", (event) => {
    if (!panel.ready() || !event.target.matches(":focus-visible")) return;
    panel.hasFocus = true;
    if (event.target === nodes.matrix) headHover(panel, { ...panel.cell });
    else if (event.target.matches(".token")) headHover(panel, headTarget(panel, event));
  });
  bin.on(nodes.picture, "focusout", () => {
    panel.hasFocus = false;
    headHover(panel, {});
  });
}
