// The written tokens of the head panel: two columns beside the arcs, and the edges of the matrix.
// Elements exist only for tokens that are written; long texts show some, and always those that matter now.

// Width of the widest label in pixels, its padding included.
function headLabelWidth(groups, theme) {
  const context = (COLOUR_PROBE.context || document.createElement("canvas").getContext("2d"));
  context.font = `12px ${theme.css.mono}`;
  return groups.reduce((widest, group) => {
    const text = (group.lead ? "·" : "") + shorten(group.text, 40);
    return Math.max(widest, Math.ceil(context.measureText(text).width) + 20);
  }, 0);
}

// Where labels stand in this mode. `main` ones are real, focusable tokens; the others repeat them at the matrix.
function headPlacements(layout) {
  const places = [];
  if (layout.arcs) {
    places.push({ name: "left", side: "q", main: true, step: layout.rowHeight });
    places.push({ name: "right", side: "k", main: true, step: layout.keyHeight });
  }
  if (layout.matrix) {
    places.push({ name: "rows", side: "q", main: !layout.arcs, step: layout.rowHeight });
    places.push({ name: "cols", side: "k", main: !layout.arcs, step: layout.matrix.cell });
  }
  return places;
}

// Left, top, width and height of one label with its number.
function headSlotBox(layout, place, index) {
  const { arcs, matrix, columns, seen } = layout;
  const tall = headClamp(place.step, HEAD_ROW_LABEL, HEAD_ROW);
  const withNumber = place.main ? HEAD_NUMBER : 0;
  if (place.name === "cols") {
    const x = matrix.left + (index + 0.5 - seen.col) * matrix.cell - tall / 2;
    return { left: x, top: matrix.top - layout.header, width: tall, height: layout.header - 4 };
  }
  const y = place.name === "right" ? headKeyY(layout, index) : headQueryY(layout, index, place.name === "rows" ? matrix : arcs);
  const box = { top: y - tall / 2, height: tall };
  if (place.name === "left") return { ...box, left: 0, width: columns.query + HEAD_NUMBER };
  if (place.name === "right") return { ...box, left: arcs.right, width: columns.key + HEAD_NUMBER };
  return { ...box, left: matrix.left - columns.rows - withNumber, width: columns.rows + withNumber - 2 };
}

// What one label looks like now.
function headLabelState(panel, place, index) {
  const { lit, shown, view } = panel;
  const query = place.side === "q";
  const groups = query ? shown.rows : shown.cols;
  const profile = query ? lit.queryNumbers : lit.keyNumbers;
  const onlyLit = lit.cell && !(query ? lit.rows : lit.cols).includes(index);
  const joins = (a, b) => Boolean(a && b && a.word >= 0 && a.word === b.word && b.first === a.first + a.positions.length);
  return {
    group: groups[index], number: profile && !onlyLit ? headShort(profile[index], panel.matrix.exact) : "",
    raw: profile ? String(profile[index]) : "",
    share: profile && !onlyLit ? amountShare(profile[index], query ? lit.queryScale : lit.keyScale, view.scale) : 0,
    lit: (query ? lit.rows : lit.cols).includes(index), locked: (query ? lit.lockedRows : lit.lockedCols).includes(index),
    above: joins(groups[index - 1], groups[index]), below: joins(groups[index], groups[index + 1]),
  };
}

// A number beside a token; what rounds to nothing there has its digits in the tooltip.
function headShort(value, exact) {
  return value > 0 && value < 1e-4 ? "< 0.0001" : formatAmount(value, exact);
}

// A label element; text goes in as text only.
function headMakeLabel(place, group) {
  const token = make("span", { class: `token-chip${group.special ? " special" : ""}`, title: group.title,
    dir: HEAD_RIGHT_TO_LEFT.test(group.text) ? "rtl" : "ltr" },
    group.lead ? make("span", { class: "token-lead", text: "·", "aria-hidden": "true" }) : null,
    make("bdi", { text: shorten(group.text, 40) }));
  const number = make("span", { class: "token-number" });
  if (place.main) {
    token.classList.add("token");
    const attributes = { role: "option", "data-side": place.side, "data-index": group.first, "aria-label": group.text };
    Object.entries(attributes).forEach(([name, value]) => token.setAttribute(name, value));
  }
  return { slot: make("div", { class: "token-slot", role: "presentation" }, token, place.main ? number : null), token, number, group };
}

function headUpdateLabel(label, state, box, place) {
  const { slot, token, number } = label;
  Object.assign(slot.style, { width: `${box.width}px`, height: `${box.height}px`, transform: `translate(${box.left}px, ${box.top}px)` });
  const cell = Math.min(place.step, HEAD_ROW);
  slot.style.setProperty("--chip", `${Math.max(cell, HEAD_ROW_LABEL)}px`);
  token.style.setProperty("--share", state.share.toFixed(3));
  token.classList.toggle("lit", state.lit);
  token.classList.toggle("locked", state.locked);
  token.classList.toggle("joined-above", state.above);
  token.classList.toggle("joined-below", state.below);
  if (place.main) {
    number.textContent = state.number;
    number.title = state.raw;
    token.setAttribute("aria-selected", String(state.locked));
    token.setAttribute("aria-description", [state.group.special ? "special token" : "", state.number].filter(Boolean).join(", "));
  }
}

// Tokens that must be written even when there is no room for all, the most important first.
function headWantedLabels(panel, side) {
  const { lit, focus } = panel;
  const [now, locked, profile] = side === "q" ? [lit.rows, lit.lockedRows, lit.queryNumbers]
    : [lit.cols, lit.lockedCols, lit.keyNumbers];
  const best = profile && !lit.cell
    ? Array.from(profile.keys()).filter((index) => profile[index] > 0).sort((a, b) => profile[b] - profile[a]).slice(0, 40) : [];
  return [...now.slice(0, 40), ...(focus.side === side && panel.hasFocus ? [focus.index] : []), ...locked, ...best];
}

// Bring one place's labels in line with the state, keeping the elements that stay.
function headDrawPlace(panel, place) {
  const { layout } = panel;
  const node = panel.nodes.places[place.name];
  const chosen = headChosenLabels(headLabelRange(layout, place.side), place.step, headWantedLabels(panel, place.side));
  const kept = new Map();
  const labels = panel.labels[place.name];
  let last = null;
  for (const index of chosen) {
    const state = headLabelState(panel, place, index);
    let label = labels.get(state.group);
    if (!label || label.main !== place.main) label = { ...headMakeLabel(place, state.group), main: place.main };
    headUpdateLabel(label, state, headSlotBox(layout, place, index), place);
    if (place.main) headUpdateOrder(panel, place, label.token, index);
    if ((last ? last.nextSibling : node.firstChild) !== label.slot) node.insertBefore(label.slot, last ? last.nextSibling : node.firstChild);
    last = label.slot;
    kept.set(state.group, label);
  }
  while (node.lastChild && node.lastChild !== last) node.lastChild.remove();
  panel.labels[place.name] = kept;
}

// One token per side is in the tab order; the others are reached by arrows.
function headUpdateOrder(panel, place, token, index) {
  const groups = place.side === "q" ? panel.shown.rows : panel.shown.cols;
  token.setAttribute("aria-posinset", index + 1);
  token.setAttribute("aria-setsize", groups.length);
  token.tabIndex = panel.tabStop[place.side] === index ? 0 : -1;
}

// Draw the labels of every place; empty the places that this mode does not use.
function headDrawLabels(panel) {
  const places = headPlacements(panel.layout);
  for (const [name, node] of Object.entries(panel.nodes.places)) {
    const place = places.find((candidate) => candidate.name === name);
    node.hidden = !place;
    if (!place) {
      node.replaceChildren();
      panel.labels[name] = new Map();
      continue;
    }
    if (place.main) {
      node.setAttribute("role", "listbox");
      node.setAttribute("aria-multiselectable", "true");
      node.setAttribute("aria-label", place.side === "q" ? "Tokens that look (from)" : "Tokens looked at (to)");
      node.removeAttribute("aria-hidden");
    } else {
      ["role", "aria-label", "aria-multiselectable"].forEach((attribute) => node.removeAttribute(attribute));
      node.setAttribute("aria-hidden", "true");
    }
    headDrawPlace(panel, place);
  }
}

// The element of a token, when it is written.
function headTokenNode(panel, side, index) {
  const group = (side === "q" ? panel.shown.rows : panel.shown.cols)[index];
  const place = headPlacements(panel.layout).find((candidate) => candidate.main && candidate.side === side);
  return place && panel.labels[place.name].get(group) ? panel.labels[place.name].get(group).token : null;
}
