// What panels show: values and labels from a payload, the scale they are coloured on, and the words for a cell. No DOM.

// Read a payload: the header, and one array per panel.
function readPanels(data) {
  const { header, bytes, offset } = unpackMessage(data);
  const [rows, columns] = [header.rows.labels.length, header.columns.labels.length];
  const panels = header.panels.map((panel, i) => {
    const values = new Float32Array(bytes.buffer, bytes.byteOffset + offset + 4 * i * rows * columns, rows * columns);
    return { ...panel, values, top: largestSize(values), hasGaps: values.some(Number.isNaN) };
  });
  const kinds = new Set(panels.map((panel) => panel.kind));
  return {
    header, rows, columns, panels, isMixed: kinds.size > 1, largest: Math.max(...panels.map((panel) => panel.top)),
    rowAxis: readAxis(header.rows), columnAxis: readAxis(header.columns),
  };
}

// An axis with its labels as they are written; where a text occurs again, `nth` tells the occurrences apart.
function readAxis({ name, labels, holds_text: holdsText }) {
  const counts = new Map();
  const entries = labels.map((raw) => {
    const nth = (counts.get(raw) || 0) + 1;
    counts.set(raw, nth);
    const { text, lead, continued } = tokenLabel({ text: raw, raw, id: 0, special: false });
    return { raw, nth, lead, text: holdsText && continued ? `##${text}` : holdsText ? text : raw };
  });
  return { name, holdsText, entries: entries.map((entry) => ({ ...entry, count: counts.get(entry.raw) })) };
}

// The size that has the strongest colour in a panel. With `own`, signed panels are coloured by themselves.
function panelsTop(model, kind, own) {
  if (own && model.isMixed && kind === "signed") {
    return Math.max(...model.panels.filter((panel) => panel.kind === kind).map((panel) => panel.top));
  }
  return model.header.maximum ?? model.largest;
}

// Where a value lies on its ramp: 0 to 1, with its sign for signed values.
function panelShare(value, top, scale) {
  if (!(top > 0)) return 0;
  const size = Math.min(1, Math.abs(value) / top);
  return Math.sign(value) * (scale === "root" ? Math.sqrt(size) : size);
}

// The step of the ramp (255 steps for signed values, 256 for amounts) of a value.
function panelStep(value, { kind, top, scale }) {
  const share = panelShare(value, top, scale);
  return kind === "signed" ? Math.round(127 + 127 * share) : Math.round(255 * Math.max(0, share));
}

// The values of `range`, at most height × width of them; of what falls together the value of the largest size stays.
function panelPooled(values, columns, range, most) {
  const [r0, r1] = range.row;
  const [c0, c1] = range.column;
  const height = Math.min(r1 - r0, Math.max(1, Math.floor(most.height)));
  const width = Math.min(c1 - c0, Math.max(1, Math.floor(most.width)));
  const pooled = new Float32Array(height * width).fill(NaN);
  const across = Uint32Array.from({ length: c1 - c0 }, (_, c) => Math.floor((c * width) / (c1 - c0)));
  for (let r = r0; r < r1; r += 1) {
    const line = Math.floor(((r - r0) * height) / (r1 - r0)) * width;
    for (let c = c0; c < c1; c += 1) {
      const value = values[r * columns + c];
      const place = line + across[c - c0];
      if (!(Math.abs(value) <= Math.abs(pooled[place])) && !Number.isNaN(value)) pooled[place] = value;
    }
  }
  return { values: pooled, width, height };
}

// ---- words ---------------------------------------------------------------------------------------------------------

function panelNumber(value, undefinedWords) {
  if (Number.isNaN(value)) return undefinedWords;
  return Number.isFinite(value) ? formatNumber(value) : value > 0 ? "∞" : "−∞";
}

// A label as it is read out: “cat”, “the” (2 of 5), L3.
function entryWords({ holdsText, entries, name }, index, withName) {
  const { text, nth, count } = entries[index];
  const written = holdsText ? `“${shorten(text, 24)}”` : text;
  return `${withName ? `${name} ` : ""}${written}${holdsText && count > 1 ? ` (${nth} of ${count})` : ""}`;
}

function cellWords({ rowAxis, columnAxis }, { row, column }) {
  const named = !(rowAxis.holdsText && columnAxis.holdsText);
  return `${entryWords(rowAxis, row, named)} ${named ? "·" : "→"} ${entryWords(columnAxis, column, named)}`;
}

// One {title, number} per panel for a cell.
function cellNumbers(model, { row, column }) {
  const { undefined: gap } = model.header;
  return model.panels.map(({ title, values }) => ({ title, number: panelNumber(values[row * model.columns + column], gap) }));
}
