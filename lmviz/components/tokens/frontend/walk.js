// Where the arrow keys lead from one chip to the next.

const WALK_STEPS = { ArrowRight: 1, ArrowLeft: -1 };

// The position a key leads to from `index`, or -1 when the key is not for walking.
function walk(key, index, chips) {
  const last = chips.length - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowUp" || key === "ArrowDown") return walkRow(key === "ArrowUp" ? -1 : 1, index, chips);
  if (!WALK_STEPS[key]) return -1;
  const turned = getComputedStyle(chips[index].closest(".segment")).direction === "rtl" ? -1 : 1;
  return Math.max(0, Math.min(last, index + WALK_STEPS[key] * turned));
}

// The chip nearest to the middle of this one in the next row up or down; where it is when there is none.
function walkRow(step, index, chips) {
  const boxes = chips.map((chip) => chip.getBoundingClientRect());
  const from = boxes[index];
  const isBeyond = (box) => (step < 0 ? box.bottom <= from.top : box.top >= from.bottom);
  const away = (box) => Math.abs(box.top - from.top);
  const nearest = boxes.filter(isBeyond).reduce((least, box) => Math.min(least, away(box)), Infinity);
  const middle = (box) => (box.left + box.right) / 2;
  let best = index;
  boxes.forEach((box, other) => {
    if (!isBeyond(box) || away(box) > nearest + from.height / 2) return;
    if (best === index || Math.abs(middle(box) - middle(from)) < Math.abs(middle(boxes[best]) - middle(from))) best = other;
  });
  return best;
}
