// Export of what the head panel shows: SVG (vector), PNG (the SVG at twice its size), CSV (the shown numbers).

const HEAD_SVG = "http://www.w3.org/2000/svg";
const HEAD_MOST_RECTS = 20000; // more cells than this become one embedded picture
const HEAD_MARGIN = 24;

function headSvgNode(tag, attributes, text) {
  const node = document.createElementNS(HEAD_SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, typeof value === "number" ? Number(value.toFixed(2)) : value));
  if (text !== undefined) node.textContent = text;
  return node;
}

// Break a caption into lines of about `limit` characters.
function headWrap(text, limit) {
  const lines = [""];
  text.split(" ").forEach((word) => {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= limit) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  });
  return lines;
}

// Characters that XML cannot hold are written as a sign for something that cannot be shown.
const headPlainText = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");

// Shorten a label until it fits.
function headFitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const parts = Array.from(text);
  while (parts.length > 1 && context.measureText(`${parts.join("")}…`).width > width) parts.pop();
  return `${parts.join("")}…`;
}

function headSvgArcs(panel) {
  const { layout, theme, lit } = panel;
  const group = headSvgNode("g", { fill: "none", stroke: theme.ramp.css[255], "stroke-linecap": "round", "clip-path": "url(#arcs)" });
  const some = lit.rows.length + lit.cols.length > 0;
  [...(some ? panel.litPairs : panel.found.pairs)].reverse().forEach((pair) => {
    const { x0, y0, x1, y1 } = headArcEnds(layout, pair);
    const look = headArcLook(pair, panel);
    const middle = (x0 + x1) / 2;
    const path = [x0, y0, middle, y0, middle, y1, x1, y1].map((value) => Number(value.toFixed(2)));
    group.append(headSvgNode("path", {
      d: `M${path[0]} ${path[1]}C${path.slice(2).join(" ")}`, "stroke-opacity": look.opacity, "stroke-width": look.width,
    }));
  });
  return group;
}

// The window of the matrix as one rectangle per cell, or as a picture when there are too many.
function headSvgMatrix(panel) {
  const { layout, shown, view, theme } = panel;
  const { left, top, cell, width, height } = layout.matrix;
  const range = headRange(layout);
  const group = headSvgNode("g", { "clip-path": "url(#matrix)", "shape-rendering": "crispEdges" });
  const at = (row, col) => ({ x: left + (col - layout.seen.col) * cell, y: top + (row - layout.seen.row) * layout.rowHeight });
  const [rows, cols] = [range.row[1] - range.row[0], range.col[1] - range.col[0]];
  if (rows * cols > HEAD_MOST_RECTS) {
    const picture = headImage(panel, range, { height: rows, width: cols }).toDataURL("image/png");
    group.append(headSvgNode("image", {
      ...at(range.row[0], range.col[0]), width: cols * cell, height: rows * layout.rowHeight, href: picture,
      preserveAspectRatio: "none", style: "image-rendering: pixelated",
    }));
  } else {
    const gap = (size) => (size >= 9 ? 1 : 0);
    const cutoff = view.threshold * shown.maximum;
    for (let row = range.row[0]; row < range.row[1]; row += 1) {
      for (let col = range.col[0]; col < range.col[1]; col += 1) {
        const value = shown.values[row * shown.cols.length + col];
        const share = value >= cutoff ? amountShare(value, shown.maximum, view.scale) : 0;
        const step = Math.round(255 * share);
        if (step) {
          group.append(headSvgNode("rect", {
            ...at(row, col), width: cell - gap(cell), height: layout.rowHeight - gap(layout.rowHeight), fill: theme.ramp.css[step],
          }));
        }
      }
    }
  }
  const frame = headSvgNode("rect", { x: left, y: top, width, height, fill: "none", stroke: theme.css.text, "stroke-opacity": 0.25 });
  const both = headSvgNode("g", {});
  both.append(group, frame, ...headBands(panel).map(({ x, y, width: w, height: h }) => (
    headSvgNode("rect", { x, y, width: w, height: h, fill: "none", stroke: theme.ramp.css[255], "stroke-width": 2 }))));
  return both;
}

// The labels of one place, as they are written on the screen.
function headSvgLabels(panel, place) {
  const { layout, theme } = panel;
  const group = headSvgNode("g", { "font-family": theme.css.mono, "font-size": 12, fill: theme.css.text });
  const context = COLOUR_PROBE.context;
  context.font = `12px ${theme.css.mono}`;
  const indices = place.side === "q" ? panel.shown.rows : panel.shown.cols;
  for (const written of panel.labels[place.name].keys()) {
    const index = indices.indexOf(written);
    const box = headSlotBox(layout, place, index);
    const state = headLabelState(panel, place, index);
    const room = (place.name === "cols" ? box.height : box.width) - (place.main ? HEAD_NUMBER : 0) - 10;
    const text = headPlainText(headFitText(context, (written.lead ? "·" : "") + written.text, room));
    const look = { "dominant-baseline": "central", ...(state.locked || state.lit ? { "font-weight": 700 } : {}), ...(written.special ? { opacity: 0.7 } : {}) };
    const add = (x, y, anchor, extra, content) => group.append(headSvgNode("text", { x, y, "text-anchor": anchor, ...look, ...extra }, content));
    if (place.name === "cols") {
      const [x, y] = [box.left + box.width / 2, layout.matrix.top - 6];
      add(x, y, "start", { transform: `rotate(-90 ${x.toFixed(2)} ${y.toFixed(2)})` }, text + (place.main && state.number ? `  ${state.number}` : ""));
      continue;
    }
    const middle = box.top + box.height / 2;
    const right = place.name === "right";
    add(right ? box.left + 7 : box.left + box.width - 7, middle, right ? "start" : "end", {}, text);
    if (place.main && state.number) {
      add(right ? box.left + box.width - 52 : box.left, middle, "start", { opacity: 0.8 }, state.number);
    }
  }
  return group;
}

// The sentence above the picture, broken to its width.
const headReadoutLines = (panel, width) => headWrap(headPlainText(panel.nodes.readout.textContent), width / 7.6);

// Title above, legend and caption below the picture.
function headSvgWords(panel, svg, width, top) {
  const { theme, matrix, header, shown, view } = panel;
  const sans = { "font-family": theme.css.font, fill: theme.css.text };
  svg.append(headSvgNode("text", { ...sans, x: 0, y: 16, "font-size": 16, "font-weight": 600 }, headPlainText(`${matrix.label} · ${header.what}`)));
  headReadoutLines(panel, width).forEach((text, index) => svg.append(headSvgNode("text", { ...sans, x: 0, y: 38 + 18 * index, "font-size": 14 }, text)));
  const gradient = headSvgNode("linearGradient", { id: "ramp" });
  [0, 64, 128, 192, 255].forEach((step) => gradient.append(headSvgNode("stop", { offset: step / 255, "stop-color": theme.ramp.css[step] })));
  svg.querySelector("defs").append(gradient);
  const low = view.scale === "log" ? `≤ ${formatNumber(shown.maximum / 1e4)}` : "0";
  const start = low.length * 7 + 8;
  const line = { ...sans, "font-size": 12 };
  svg.append(headSvgNode("text", { ...line, x: 0, y: top + 10 }, low));
  svg.append(headSvgNode("rect", { x: start, y: top, width: 120, height: 12, fill: "url(#ramp)", stroke: theme.css.text, "stroke-opacity": 0.25 }));
  svg.append(headSvgNode("text", { ...line, x: start + 128, y: top + 10 }, `${formatAmount(shown.maximum, matrix.exact)}  (${view.scale} scale)`));
  const settings = `${headSettings(panel)}. ${headNotes(shown, panel.found, view, Boolean(panel.layout.arcs)).join(". ")}`;
  const lines = [...headWrap(settings, width / 6.2), ...headWrap(header.caption || "", width / 6.2)].filter(Boolean);
  lines.forEach((text, index) => svg.append(headSvgNode("text", { ...line, opacity: 0.8, x: 0, y: top + 36 + 16 * index }, headPlainText(text))));
  return top + 36 + 16 * lines.length;
}

// The whole drawing. User text enters as text nodes only, so that it can never become markup.
function headSvg(panel) {
  const { layout, theme } = panel;
  const right = layout.matrix ? layout.matrix.left + layout.matrix.width : layout.arcs.right + layout.columns.key + HEAD_NUMBER;
  const width = Math.max(480, Math.ceil(right) + 8);
  const svg = headSvgNode("svg", { xmlns: HEAD_SVG });
  const defs = headSvgNode("defs", {});
  const clip = (id, box) => {
    const path = headSvgNode("clipPath", { id });
    path.append(headSvgNode("rect", { x: box.left, y: box.top, width: box.width, height: box.height }));
    defs.append(path);
  };
  const content = headSvgNode("g", { transform: `translate(${HEAD_MARGIN} ${HEAD_MARGIN})` });
  const above = 34 + 18 * headReadoutLines(panel, width).length;
  const picture = headSvgNode("g", { transform: `translate(0 ${above})` });
  if (layout.arcs) {
    clip("arcs", layout.arcs);
    const title = { "font-family": theme.css.font, "font-size": 12, fill: theme.css.text, opacity: 0.8, y: layout.arcs.top - 8 };
    picture.append(headSvgArcs(panel), headSvgNode("text", { ...title, x: layout.arcs.left - 8, "text-anchor": "end" }, "from (query)"),
      headSvgNode("text", { ...title, x: layout.arcs.right + 8 }, "to (key)"));
  }
  if (layout.matrix) {
    clip("matrix", layout.matrix);
    picture.append(headSvgMatrix(panel));
  }
  headPlacements(layout).forEach((place) => picture.append(headSvgLabels(panel, place)));
  content.append(defs, picture);
  const height = headSvgWords(panel, content, width, layout.height + above + 16) + 2 * HEAD_MARGIN;
  const size = { width: width + 2 * HEAD_MARGIN, height: Math.ceil(height) };
  Object.entries({ ...size, viewBox: `0 0 ${size.width} ${size.height}` }).forEach(([name, value]) => svg.setAttribute(name, value));
  svg.append(headSvgNode("title", {}, headPlainText(`${panel.header.what}, ${panel.matrix.label}`)),
    headSvgNode("desc", {}, headPlainText(`${panel.nodes.readout.textContent}. ${headSettings(panel)}. ${panel.header.caption || ""}`)),
    headSvgNode("rect", { width: size.width, height: size.height, fill: theme.css.background }), content);
  return { text: `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`, ...size };
}

// The drawing as pixels, at twice its size.
async function headPng({ text, width, height }) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  } finally {
    URL.revokeObjectURL(address);
  }
}

function headSave(panel, blob, kind) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: headFileName(panel.header.file_name, panel.matrix.label, kind), hidden: true });
  panel.root.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Write a file of what is seen; the pointer has left the picture by then, so locks are what is lit.
async function headExport(panel, kind) {
  panel.hover = {};
  panel.dirty = panel.dirty || "light";
  panel.flush();
  if (kind === "csv") {
    const text = headCsv(panel.shown, panel.view.threshold * panel.shown.maximum, headCsvCaption(panel));
    headSave(panel, new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }), kind);
    return;
  }
  if (!panel.shown.rows.length || !panel.shown.cols.length) return;
  const drawing = headSvg(panel);
  headSave(panel, kind === "png" ? await headPng(drawing) : new Blob([drawing.text], { type: "image/svg+xml" }), kind);
}
