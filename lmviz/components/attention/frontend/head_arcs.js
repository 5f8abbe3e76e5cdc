// Arcs of the head panel: from the token that looks (left) to the token looked at (right). Strength is opacity and width.

// Both ends of an arc on the screen.
function headArcEnds(layout, pair) {
  const { arcs } = layout;
  return { x0: arcs.left + 3, y0: headQueryY(layout, pair.row, arcs), x1: arcs.right - 3, y1: headKeyY(layout, pair.col) };
}

// How strong an arc is drawn: weak ones stay faint but can be seen, hundreds of next to nothing do not add up to a shade.
function headArcLook(pair, panel) {
  const share = amountShare(pair.value, panel.shown.maximum, panel.view.scale);
  return { opacity: 0.05 * Math.min(1, 50 * share) + 0.9 * share, width: 0.75 + 2.75 * share };
}

function headArcPath(context, ends, left, top) {
  const middle = (ends.x0 + ends.x1) / 2 - left;
  context.beginPath();
  context.moveTo(ends.x0 - left, ends.y0 - top);
  context.bezierCurveTo(middle, ends.y0 - top, middle, ends.y1 - top, ends.x1 - left, ends.y1 - top);
  context.stroke();
}

// Draw all arcs; when something is lit, the rest steps back.
function headDrawArcs(panel) {
  const { layout, nodes, theme } = panel;
  nodes.arcs.hidden = !layout.arcs;
  if (!layout.arcs) return;
  const { left, top, width, height } = layout.arcs;
  Object.assign(nodes.arcs.style, { left: `${left}px`, top: `${top}px` });
  const context = fitCanvas(nodes.arcs, width, height);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = theme.ramp.css[255];
  context.lineCap = "round";
  const lit = panel.litPairs.length > 0 || panel.lit.rows.length > 0 || panel.lit.cols.length > 0;
  const paint = (pairs, faintness) => pairs.forEach((pair) => {
    const look = headArcLook(pair, panel);
    context.globalAlpha = look.opacity * faintness;
    context.lineWidth = look.width;
    headArcPath(context, headArcEnds(layout, pair), left, top);
  });
  paint([...panel.found.pairs].reverse(), lit ? 0.12 : 1);
  if (lit) paint([...panel.litPairs].reverse(), 1);
  context.globalAlpha = 1;
}

// Height of an arc at a given x; the curve's x grows steadily, so halving finds the place.
function headArcHeight(ends, x) {
  let [low, high] = [0, 1];
  const middle = (ends.x0 + ends.x1) / 2;
  const along = (t, a, b, c, d) => (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d;
  for (let i = 0; i < 16; i += 1) {
    const t = (low + high) / 2;
    if (along(t, ends.x0, middle, middle, ends.x1) < x) low = t;
    else high = t;
  }
  return along((low + high) / 2, ends.y0, ends.y0, ends.y1, ends.y1);
}

// The arc under the pointer: the strongest that passes within four pixels.
function headArcAt(panel, x, y) {
  return panel.found.pairs.find((pair) => Math.abs(headArcHeight(headArcEnds(panel.layout, pair), x) - y) < 4) || null;
}
