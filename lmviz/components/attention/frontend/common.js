// Shared by every part of the attention explorer: messages, numbers, tokens, colours, canvases, elements.
// Every file here is plain top-level code; they are joined in a fixed order into one module.

// ---- the view: what is seen, as plain data that fits into a link -------------------------------------------------

const DEFAULT_VIEW = Object.freeze({
  layer: 0, head: 0, shown: "head", chosen: null, locked: [], mode: "both", words: false, hide_special: true,
  hide_punctuation: false, threshold: 0, scale: "linear", filter: "all", sort: "layer", statistic: "entropy",
  arcs: 400,
});

// The view with every missing key filled in; the argument stays as it was.
function completeView(view) {
  return { ...DEFAULT_VIEW, locked: [], ...(view || {}) };
}

// ---- messages: u32 header length | JSON | binary body --------------------------------------------------------------

// Split a message into its header and the place where the (4-aligned) body starts, in an own aligned buffer.
function unpackMessage(data) {
  const given = data instanceof Uint8Array ? data : new Uint8Array(data);
  const bytes = given.byteOffset % 4 ? given.slice() : given;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, bytes, offset: 4 + length };
}

// A pipe payload as {header, matrix}; a triangle is filled up with zeros.
function readMatrix(data) {
  const { header, bytes, offset } = unpackMessage(data);
  const { rows, cols, triangle } = header;
  const count = triangle ? (rows * (rows + 1)) / 2 : rows * cols;
  const sent = new Float32Array(bytes.buffer, bytes.byteOffset + offset, count);
  if (!triangle) return { header, matrix: sent };
  const matrix = new Float32Array(rows * cols);
  for (let row = 0, start = 0; row < rows; start += row + 1, row += 1) {
    matrix.set(sent.subarray(start, start + row + 1), row * cols);
  }
  return { header, matrix };
}

// Where explorers and the pipes that feed them find each other on one page.
function attentionRegistry() {
  if (!window.__lmviz_attention) {
    window.__lmviz_attention = { explorers: new Map(), waiting: new Map() };
  }
  return window.__lmviz_attention;
}

// ---- numbers -------------------------------------------------------------------------------------------------------

// Three significant digits, with a true minus sign; "n/a" for what is not defined.
function formatNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "n/a";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text;
  if (size >= 1e6 || size < 1e-3) text = value.toExponential(2);
  else if (size >= 100) text = String(Math.round(value));
  else text = value.toPrecision(3);
  return text.replace(/-/g, "−").replace("e+", "e");
}

// A number that may come from a quantised tile says so.
function formatAmount(value, exact) {
  return (exact ? "" : "≈ ") + formatNumber(value);
}

// A unit behind a number; a share is a number without one.
function unitText(unit) {
  return unit && unit !== "share" ? ` ${unit}` : "";
}

function headName(layer, head) {
  return `L${layer}H${head}`;
}

// The share (0 to 1) of the colour ramp that an amount takes; log spans four decades below the maximum.
function amountShare(value, maximum, scale) {
  if (!(value > 0) || !(maximum > 0)) return 0;
  const share = Math.min(1, value / maximum);
  return scale === "log" ? Math.max(0, 1 + Math.log10(share) / 4) : share;
}

// ---- tokens --------------------------------------------------------------------------------------------------------

const VISIBLE = { "\n": "⏎", "\r": "␍", "\t": "⇥", "\u00a0": "⍽", "\u200b": "⁚", "\u200e": "⁚", "\u200f": "⁚" };

// How a token is written: `lead` a faint · comes before it, `continued` it joins the word before it.
function tokenLabel(token) {
  const lead = /^ /.test(token.text) && token.text.length > 1;
  const continued = !lead && /^##./.test(token.text) && !token.special;
  const bare = lead ? token.text.slice(1) : continued ? token.text.slice(2) : token.text;
  const text = bare.replace(/[\n\r\t\u00a0\u200b\u200e\u200f]/g, (mark) => VISIBLE[mark]).replace(/ /g, "·") || "∅";
  return { text, lead, continued, special: token.special, title: `“${token.raw}” · id ${token.id}` };
}

// At most `limit` characters as a person counts them (an emoji with its modifiers is one).
function shorten(text, limit) {
  if (text.length <= limit) return text;
  const parts = typeof Intl.Segmenter === "function"
    ? Array.from(new Intl.Segmenter().segment(text), (part) => part.segment) : Array.from(text);
  return parts.length <= limit ? text : parts.slice(0, limit - 1).join("") + "…";
}

// ---- colours -------------------------------------------------------------------------------------------------------

const COLOUR_PROBE = { context: null };

// Any CSS colour as [red, green, blue], 0 to 255.
function parseColour(css) {
  if (!COLOUR_PROBE.context) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    COLOUR_PROBE.context = canvas.getContext("2d", { willReadFrequently: true });
  }
  const context = COLOUR_PROBE.context;
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = "#888888";
  context.fillStyle = css.trim();
  context.fillRect(0, 0, 1, 1);
  return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

const toLinear = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
const fromLinear = (channel) => (channel <= 0.0031308 ? channel * 12.92 : 1.055 * channel ** (1 / 2.4) - 0.055);

// sRGB (0 to 255) to OKLab, where equal steps look equal.
function toLab(rgb) {
  const [r, g, b] = rgb.map((channel) => toLinear(channel / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromLab([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s]
    .map((channel) => Math.round(255 * Math.min(1, Math.max(0, fromLinear(Math.max(0, channel))))));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((channel) => toLinear(channel / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(first, second) {
  const [low, high] = [luminance(first), luminance(second)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const cssColour = (rgb) => `rgb(${rgb[0]}, ${rgb[1]}, ${rgb[2]})`;

// The accent moved in lightness until it is readable on the background.
function readableAccent(accent, background, wanted) {
  const [lightness, a, b] = toLab(accent);
  const step = luminance(background) > 0.18 ? -0.02 : 0.02;
  let colour = accent;
  for (let i = 1; i < 50 && contrast(colour, background) < wanted; i += 1) {
    colour = fromLab([Math.min(1, Math.max(0, lightness + i * step)), a, b]);
  }
  return colour;
}

// 256 steps of one hue from the background to the accent, even in lightness, so that it works in grey.
function buildRamp(background, accent) {
  const start = toLab(background);
  const end = toLab(accent);
  const steps = Array.from({ length: 256 }, (_, i) => fromLab(start.map((from, k) => from + (end[k] - from) * (i / 255))));
  return {
    css: steps.map(cssColour),
    abgr: Uint32Array.from(steps, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0), // for ImageData
  };
}

// The colours in force on `root`, and `--lv-accent`, `--lv-on-accent`, `color-scheme` set on it to match them.
// Call it first, and again from watchTheme.
function readTheme(root) {
  const probe = make("i", { hidden: true });
  root.append(probe);
  const style = getComputedStyle(probe);
  const resolved = (name) => { // mixtures and light-dark() become plain colours
    probe.style.color = `var(${name})`;
    return style.color;
  };
  const colour = (name) => parseColour(resolved(name));
  const background = colour("--lv-background");
  const dark = luminance(background) <= 0.18;
  const accent = readableAccent(colour("--lv-primary"), background, 4.8);
  const end = readableAccent(accent, background, 7.5);
  const onAccent = contrast(accent, [255, 255, 255]) >= 4.5 ? "#ffffff" : "#101014";
  root.style.setProperty("--lv-accent", cssColour(accent));
  root.style.setProperty("--lv-on-accent", onAccent);
  root.style.setProperty("--lv-ramp-end", cssColour(end));
  root.style.colorScheme = dark ? "dark" : "light";
  const text = colour("--lv-text");
  const [quiet, line, raised] = ["--lv-quiet", "--lv-line", "--lv-raised"].map(colour);
  const fonts = { font: style.getPropertyValue("--lv-font"), mono: style.getPropertyValue("--lv-mono") };
  probe.remove();
  return {
    dark, background, text, accent, ramp: buildRamp(background, end), tileRamp: buildRamp(raised, end), css: {
      background: cssColour(background), text: cssColour(text), quiet: cssColour(quiet), line: cssColour(line),
      accent: cssColour(accent), onAccent, ...fonts,
    },
  };
}

// Call back when the page's theme changes; the stylesheet gives .theme-probe a transition on its colours.
function watchTheme(root, bin, callback) {
  const probe = make("i", { class: "theme-probe", "aria-hidden": "true" });
  root.append(probe);
  bin.on(probe, "transitionend", callback);
  bin.add(() => probe.remove());
}

// ---- canvases and elements -----------------------------------------------------------------------------------------

// Size a canvas in CSS pixels, sharp on every screen; the context draws in CSS pixels from then on.
function fitCanvas(canvas, width, height) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const [columns, rows] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(columns / width, 0, 0, rows / height, 0, 0);
  return context;
}

// An element with attributes; `text` becomes its text, never markup. null and false attributes are left out.
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "text") node.textContent = value;
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Collects what must be undone when a part goes away: listeners and anything given to add().
function createBin() {
  const undo = [];
  return {
    on(target, type, listener, options) {
      target.addEventListener(type, listener, options);
      undo.push(() => target.removeEventListener(type, listener, options));
    },
    add(step) { undo.push(step); },
    empty() { while (undo.length) undo.pop()(); },
  };
}

// Run `work` at most once per frame however often the returned function is called.
function oncePerFrame(work) {
  let waiting = 0;
  return () => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; work(); });
  };
}
