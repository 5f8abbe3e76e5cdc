// What a view shows: the key of its matrix, the heads it is made of, and what of it these data have.

// What a matrix is known by: two views with the same key show the same matrix.
function matrixKey({ shown, layer, head, chosen }) {
  return shown === "head" ? `head ${layer} ${head}` : `${shown} ${chosen ? JSON.stringify(chosen) : "all"}`;
}

function sameTokens(first, second) {
  const ids = (header) => JSON.stringify([header.tokens, header.key_tokens]);
  return first.size === second.size && ids(first) === ids(second);
}

// The view with everything that these data do not have put right.
function fittingView(view, model, forgets) {
  const { layers, heads, size, key_size: keySize, statistics } = model.header;
  const inside = ([layer, head]) => layer >= 0 && layer < layers && head >= 0 && head < heads;
  const known = (slug) => statistics.some((item) => item.slug === slug);
  const chosen = view.chosen ? view.chosen.filter(inside) : null;
  const statistic = known(view.statistic) ? view.statistic : statistics.length ? statistics[0].slug : "";
  return {
    ...view, statistic, shown: model.header.offers.includes(view.shown) ? view.shown : "head",
    layer: clampNumber(view.layer, 0, layers - 1), head: clampNumber(view.head, 0, heads - 1),
    chosen: chosen && chosen.length ? chosen : null,
    sort: view.sort === "layer" || known(view.sort.replace(/^-/, "")) ? view.sort : "layer",
    locked: forgets ? [] : view.locked.filter(([side, index]) => index >= 0 && index < (side === "q" ? size : keySize)),
  };
}

const MOST_NAMED = 20; // heads of an aggregate that a caption names one by one

// What a matrix was made of, for captions: "L5H1", "mean of L0H1, L2H3", "maximum of all 144 heads".
function matrixWords({ shown, layer, head, chosen }, count) {
  if (shown === "head") return headName(layer, head);
  const name = shown === "max" ? "maximum" : shown;
  if (!chosen) return `${name} of ${count === 1 ? "the only head" : `all ${count} heads`}`;
  const named = chosen.slice(0, MOST_NAMED).map((item) => headName(...item)).join(", ");
  return `${name} of ${named}${chosen.length > MOST_NAMED ? ` … (${chosen.length} heads)` : ""}`;
}
