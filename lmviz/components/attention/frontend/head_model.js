// What the head panel shows, worked out from the token-level matrix. Pure: no DOM, nothing kept between calls.
// A group is what one row or one column stands for: a token, or a word when pieces are merged.

// One group per token, or per word; special tokens (word −1) stay on their own.
function headGroups(tokens, words) {
  const groups = [];
  tokens.forEach((token, position) => {
    const last = groups[groups.length - 1];
    const joins = words && last && token.word >= 0 && !token.special && last.word === token.word;
    if (joins) {
      last.positions.push(position);
      last.tokens.push(token);
    } else groups.push({ first: position, positions: [position], tokens: [token], word: token.special ? -1 : token.word });
  });
  return groups.map(headDescribe);
}

// Add how a group is written and what the filters ask about it.
function headDescribe(group) {
  const labels = group.tokens.map(tokenLabel);
  const [first] = labels;
  const raws = group.tokens.map((token) => `“${token.raw}”`).join(" + ");
  const ids = group.tokens.map((token) => token.id).join(", ");
  const last = group.positions[group.positions.length - 1];
  const where = last > group.first ? `positions ${group.first}–${last}` : `position ${group.first}`;
  return {
    ...group, lead: first.lead, continued: first.continued, text: labels.map((label) => label.text).join(""),
    special: group.tokens.every((token) => token.special), segment: group.tokens[0].segment,
    punctuation: group.tokens.every((token) => token.punctuation), title: `${raws} · id ${ids} · ${where}`,
  };
}

// Is a group seen under these filters? `side` is "q" or "k"; "ab" shows queries of sentence A and keys of sentence B.
function headSeen(group, view, side) {
  if (view.hide_special && group.special) return false;
  if (view.hide_punctuation && group.punctuation && !group.special) return false;
  if (view.filter === "all") return true;
  return group.segment === (view.filter[side === "q" ? 0 : 1] === "b" ? 1 : 0);
}

// The matrix as the panel keeps it. A coarse one is spread over the tokens it stands for; `blocks` says how coarse.
function headSpread(values, rows, cols, about) {
  const { size, key_size: keySize, tile, tile_key: tileKey, pooled } = about;
  if (rows === size && cols === keySize) {
    return { values, rows, cols, pooled: Boolean(pooled), blocks: pooled ? [tile, tileKey] : null };
  }
  const [rowOf, colOf] = [poolIndex(size, rows), poolIndex(keySize, cols)];
  const spread = new Float32Array(size * keySize);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < keySize; j += 1) spread[i * keySize + j] = values[rowOf[i] * cols + colOf[j]];
  }
  return { values: spread, rows: size, cols: keySize, pooled: true, blocks: [rows, cols] };
}

// One number for a group of queries and one of keys: mean over queries, sum over keys (a pooled preview: the largest).
function headBlock(matrix, queries, keys) {
  let total = 0;
  let largest = 0;
  for (const i of queries) {
    for (const j of keys) {
      const value = matrix.values[i * matrix.cols + j];
      total += value;
      if (value > largest) largest = value;
    }
  }
  return matrix.pooled ? largest : total / queries.length;
}

// How much of each shown query lies on tokens that are not shown; nothing is ever renormalised.
function headRowMass(matrix, rowGroups, colGroups) {
  const seen = new Uint8Array(matrix.cols);
  colGroups.forEach((group) => group.positions.forEach((position) => { seen[position] = 1; }));
  const total = new Float64Array(rowGroups.length);
  const hidden = new Float64Array(rowGroups.length);
  rowGroups.forEach((group, r) => {
    for (const i of group.positions) {
      for (let j = 0; j < matrix.cols; j += 1) {
        const value = matrix.values[i * matrix.cols + j] / group.positions.length;
        total[r] += value;
        if (!seen[j]) hidden[r] += value;
      }
    }
  });
  const sum = (list) => list.reduce((all, value) => all + value, 0);
  const everything = sum(total);
  return { rowHidden: hidden, hiddenShare: everything > 0 ? sum(hidden) / everything : 0 };
}

// For a pooled preview: 1 for the group in the middle of each block, so that one block makes one arc.
function headBlockCentres(groups, size, blocks) {
  const centres = new Set(Array.from({ length: blocks }, (_, b) => Math.floor(((b + 0.5) * size) / blocks)));
  return Uint8Array.from(groups, (group) => (group.positions.some((position) => centres.has(position)) ? 1 : 0));
}

// The groups on both sides that are seen under a view.
function headSides(tokens, keyTokens, view) {
  return {
    rows: headGroups(tokens, view.words).filter((group) => headSeen(group, view, "q")),
    cols: headGroups(keyTokens, view.words).filter((group) => headSeen(group, view, "k")),
  };
}

// The matrix as it is shown: groups on both sides, their values row by row, the maximum and the mass out of sight.
function headShown(matrix, { rows, cols }) {
  const values = new Float32Array(rows.length * cols.length);
  let maximum = 0;
  rows.forEach((row, r) => {
    cols.forEach((col, c) => {
      const value = row.positions.length === 1 && col.positions.length === 1
        ? matrix.values[row.first * matrix.cols + col.first] : headBlock(matrix, row.positions, col.positions);
      values[r * cols.length + c] = value;
      if (value > maximum) maximum = value;
    });
  });
  const picks = matrix.pooled ? {
    row: headBlockCentres(rows, matrix.rows, matrix.blocks[0]), col: headBlockCentres(cols, matrix.cols, matrix.blocks[1]),
  } : null;
  return { rows, cols, values, maximum, picks, ...headRowMass(matrix, rows, cols) };
}

// Where the search for arcs looks: all rows and columns, or the part that the window shows.
function headWholeRange(shown) {
  return { row: [0, shown.rows.length], col: [0, shown.cols.length] };
}

// Call `visit(value, row, col)` for every cell in range that is above zero (and may become an arc).
function headEach(shown, range, visit) {
  const { picks, values } = shown;
  const width = shown.cols.length;
  for (let r = range.row[0]; r < range.row[1]; r += 1) {
    if (picks && !picks.row[r]) continue;
    for (let c = range.col[0]; c < range.col[1]; c += 1) {
      const value = values[r * width + c];
      if (value > 0 && (!picks || picks.col[c])) visit(value, r, c);
    }
  }
}

// The strongest pairs, at most `limit`, none below `cutoff`; `above` and `below` count all pairs by the cutoff.
function headStrongest(shown, cutoff, limit, range = headWholeRange(shown)) {
  const bins = new Uint32Array(2049);
  const bin = (value) => Math.floor(2048 * Math.sqrt(Math.min(1, value / shown.maximum)));
  let below = 0;
  let above = 0;
  headEach(shown, range, (value) => {
    if (value < cutoff) below += 1;
    else {
      above += 1;
      bins[bin(value)] += 1;
    }
  });
  let floor = 2048;
  for (let count = bins[2048]; floor > 0 && count < limit; count += bins[floor]) floor -= 1;
  const pairs = [];
  headEach(shown, range, (value, row, col) => {
    if (value >= cutoff && bin(value) >= floor) pairs.push({ row, col, value });
  });
  pairs.sort((a, b) => b.value - a.value || a.row - b.row || a.col - b.col);
  return { pairs: pairs.slice(0, limit), above, below };
}

// The groups that hold a locked position, as indices into the shown rows or columns.
function headLockedIndices(groups, locked, side) {
  const wanted = new Set(locked.filter(([where]) => where === side).map(([, position]) => position));
  return groups.flatMap((group, index) => (group.positions.some((position) => wanted.has(position)) ? [index] : []));
}

// Per key, the sum over these rows.
function headRowProfile(shown, rows) {
  const width = shown.cols.length;
  return Float64Array.from({ length: width }, (_, c) => rows.reduce((sum, r) => sum + shown.values[r * width + c], 0));
}

// Per query, the sum over these columns.
function headColProfile(shown, cols) {
  const width = shown.cols.length;
  return Float64Array.from(shown.rows, (_, r) => cols.reduce((sum, c) => sum + shown.values[r * width + c], 0));
}

// What is lit. What the pointer is on comes before what is locked on the same side.
function headLit(shown, hover, locked) {
  const lockedRows = headLockedIndices(shown.rows, locked, "q");
  const lockedCols = headLockedIndices(shown.cols, locked, "k");
  const has = (index) => index !== undefined && index !== null;
  const rows = has(hover.row) ? [hover.row] : has(hover.col) && !lockedRows.length ? [] : lockedRows;
  const cols = has(hover.col) ? [hover.col] : has(hover.row) && !lockedCols.length ? [] : lockedCols;
  const keyNumbers = rows.length ? headRowProfile(shown, rows) : null;
  const queryNumbers = cols.length ? headColProfile(shown, cols) : null;
  const pair = rows.length && cols.length ? cols.reduce((sum, c) => sum + keyNumbers[c], 0) : null;
  const scaleOf = (profile) => (profile || []).reduce((top, value) => Math.max(top, value), shown.maximum);
  return {
    rows, cols, keyNumbers, queryNumbers, pair, lockedRows, lockedCols, cell: has(hover.row) && has(hover.col),
    keyScale: scaleOf(keyNumbers), queryScale: scaleOf(queryNumbers),
  };
}

// The lit pairs: a cell, the block of chosen rows and columns, or everything from or to the chosen ones.
function headLitPairs(shown, lit, cutoff, limit) {
  const pairs = [];
  const add = (row, col) => {
    const value = shown.values[row * shown.cols.length + col];
    if (value > 0 && (value >= cutoff || lit.pair !== null)) pairs.push({ row, col, value });
  };
  const rows = lit.rows.length ? lit.rows : shown.rows.map((_, r) => r);
  const cols = lit.cols.length ? lit.cols : shown.cols.map((_, c) => c);
  if (lit.rows.length || lit.cols.length) rows.forEach((r) => cols.forEach((c) => add(r, c)));
  return pairs.sort((a, b) => b.value - a.value).slice(0, limit);
}
