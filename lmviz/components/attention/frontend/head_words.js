// What the head panel says and writes: sentences, the strongest pairs, counts, tables. Pure: no DOM.

const HEAD_RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

// A token in a sentence, in quotation marks; right-to-left text may not turn the sentence around.
function headQuote(group) {
  const text = shorten(group.text, 24);
  return `“${HEAD_RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text}”`;
}

// One token as itself, several as their sum.
function headSumName(groups) {
  if (groups.length === 1) return headQuote(groups[0]);
  const named = groups.slice(0, 4).map(headQuote).join(" + ");
  return `Sum of ${groups.length} tokens (${named}${groups.length > 4 ? " + …" : ""})`;
}

// The largest entries of a profile as `“cat” 0.623, “The” 0.110`.
function headTop(profile, groups, exact, count) {
  const order = Array.from(profile.keys()).filter((index) => profile[index] > 0).sort((a, b) => profile[b] - profile[a]);
  const parts = order.slice(0, count).map((index) => `${headQuote(groups[index])} ${formatAmount(profile[index], exact)}`);
  return parts.join(", ") || "nothing shown";
}

// The sentence of the readout and, for its tooltip, the number in full.
function headReadout(shown, lit, matrix, strongest) {
  const { exact, label } = matrix;
  const [from, to] = [lit.rows.map((r) => shown.rows[r]), lit.cols.map((c) => shown.cols[c])];
  if (lit.pair !== null) {
    const text = `${headSumName(from)} → ${headSumName(to).replace(/^Sum/, "sum")} in ${label}: ${formatAmount(lit.pair, exact)}`;
    return { text, raw: String(lit.pair) };
  }
  if (lit.rows.length) {
    const hidden = lit.rows.reduce((sum, r) => sum + shown.rowHidden[r], 0);
    const isShare = !label.startsWith("max"); // maxima over heads do not add up to anything
    const rest = hidden > 0 && exact && isShare ? ` · ${formatNumber(hidden)} on hidden tokens` : "";
    return { text: `${headSumName(from)} looks at ${headTop(lit.keyNumbers, shown.cols, exact, 4)}${rest}`, raw: "" };
  }
  if (lit.cols.length) {
    return { text: `${headSumName(to)} is looked at from ${headTop(lit.queryNumbers, shown.rows, exact, 4)}`, raw: "" };
  }
  if (!strongest) return { text: "Nothing to show.", raw: "" };
  const [row, col] = [shown.rows[strongest.row], shown.cols[strongest.col]];
  const text = `Strongest in ${label}: ${headQuote(row)} → ${headQuote(col)}, ${formatAmount(strongest.value, exact)}`;
  return { text, raw: String(strongest.value) };
}

// The main finding, for those who hear the page: two digits are enough.
function headFinding(shown, lit, matrix, strongest) {
  if (!strongest) return "Nothing to show: every token is hidden.";
  const about = matrix.exact ? "" : "about ";
  const say = (row, col, value, verb) => `${verb} in ${matrix.label}: ${about}${value.toPrecision(2)}`
    .replace(/FROM|TO/g, (side) => headSumName(side === "FROM" ? row : col));
  if (lit.pair !== null) {
    return say(lit.rows.map((r) => shown.rows[r]), lit.cols.map((c) => shown.cols[c]), lit.pair, "FROM → TO");
  }
  const best = (profile) => profile.reduce((top, value, index) => (value > profile[top] ? index : top), 0);
  if (lit.rows.length) {
    const col = best(lit.keyNumbers);
    return say(lit.rows.map((r) => shown.rows[r]), [shown.cols[col]], lit.keyNumbers[col], "FROM looks mostly at TO");
  }
  if (lit.cols.length) {
    const row = best(lit.queryNumbers);
    return say([shown.rows[row]], lit.cols.map((c) => shown.cols[c]), lit.queryNumbers[row], "TO is looked at mostly from FROM");
  }
  return say([shown.rows[strongest.row]], [shown.cols[strongest.col]], strongest.value, "FROM looks mostly at TO");
}

const headCount = (count) => count.toLocaleString("en");

// What is not drawn and why; an empty list when everything is.
function headNotes(shown, found, view, arcsDrawn) {
  const notes = [];
  const left = found.above - found.pairs.length;
  if (found.below) notes.push(`Threshold hides ${headCount(found.below)} of ${headCount(found.below + found.above)} pairs`);
  if (arcsDrawn && left > 0) {
    notes.push(`Arcs: the strongest ${headCount(found.pairs.length)}, ${headCount(left)} weaker hidden`);
  }
  if (shown.hiddenShare >= 0.0005) {
    notes.push(`${(100 * shown.hiddenShare).toPrecision(3)} % of the total is on hidden tokens`);
  }
  if (view.words) notes.push("Words: sum over keys, mean over queries");
  return notes;
}

// The settings that shaped the picture, for the caption of an export.
function headSettings(panel) {
  const { view, shown, matrix } = panel;
  const locked = panel.lit.lockedRows.map((r) => `from ${headQuote(shown.rows[r])}`)
    .concat(panel.lit.lockedCols.map((c) => `to ${headQuote(shown.cols[c])}`));
  return [
    `${panel.header.what}, ${matrix.made || matrix.label}${matrix.exact ? "" : " (preview, approximate)"}`,
    `${view.scale} colour from 0 to ${formatNumber(shown.maximum)}`,
    view.threshold > 0 ? `pairs from ${formatNumber(view.threshold * shown.maximum)} up` : "",
    view.words ? "pieces merged to words" : "",
    view.hide_special ? "special tokens hidden" : "",
    view.hide_punctuation ? "punctuation hidden" : "",
    view.filter !== "all" ? `sentence ${view.filter[0].toUpperCase()} to ${view.filter[1].toUpperCase()}` : "",
    locked.length ? `locked: ${locked.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

// A field of a comma-separated file; quotation marks are doubled, line breaks stay inside them.
const headCsvField = (text) => (/[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replace(/"/g, '""')}"` : text);

// Where a file's numbers come from, on one line. No double quotes: readers that skip a line still pair them up.
function headCsvCaption(panel) {
  const words = [panel.header.caption, panel.matrix.label, headSettings(panel)].filter(Boolean).join(" · ");
  return `# ${words.replace(/"/g, "'").replace(/\s+/g, " ").trim()}`;
}

// The caption, then one line per shown pair; tokens as they are read, not as they are drawn. Pairs below the cutoff are left out.
function headCsv(shown, cutoff, caption) {
  const name = (group) => headCsvField(group.tokens.map((token, place) => (
    place && group.tokens[place].text.startsWith("##") ? token.text.slice(2) : token.text)).join(""));
  const [rows, cols] = [shown.rows.map(name), shown.cols.map(name)];
  const lines = [caption, "query_position,query,key_position,key,value"];
  shown.rows.forEach((row, r) => shown.cols.forEach((col, c) => {
    const value = shown.values[r * cols.length + c];
    if (value >= cutoff) lines.push(`${row.first},${rows[r]},${col.first},${cols[c]},${Number(value.toPrecision(9))}`);
  }));
  return `${lines.join("\r\n")}\r\n`;
}

// A file name made of the stem and the label: letters, digits, dots and dashes.
function headFileName(stem, label, ending) {
  const clean = (text) => text.normalize("NFKD").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "");
  return `${[clean(stem || ""), clean(label || "")].filter(Boolean).join("-").slice(0, 120) || "attention"}.${ending}`;
}
