// The chips of a strip: which tokens make a word, how a token is written, coloured and read out. Text is only ever text.

const STRIP_LONGEST = 60; // characters of a token that are written; the rest is in its card
const STRIP_RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]/g;
// What would show as nothing, or turn what stands around it.
const STRIP_UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2060-\u2069\ufeff]/g;

// A token as it is written: like tokenLabel, and nothing of it stays unseen.
function stripLabel(token) {
  const label = tokenLabel(token);
  return { ...label, text: label.text.replace(STRIP_UNSEEN, "⁚") };
}

// Tokens as [segments] of [words] of [positions]: pieces of a word that follow each other stand together.
function stripGroups(tokens) {
  const segments = [];
  tokens.forEach((token, index) => {
    const before = index ? tokens[index - 1] : null;
    if (!before || (before.segment || 0) !== (token.segment || 0)) segments.push([]);
    const words = segments[segments.length - 1];
    const joins = words.length && before.word >= 0 && before.word === token.word && !before.special && !token.special
      && !stripLabel(token).lead;
    if (joins) words[words.length - 1].push(index);
    else words.push([index]);
  });
  return segments;
}

// Reading direction of some tokens: that of most of their letters, "" without letters.
function stripDirection(tokens) {
  const text = tokens.filter((token) => !token.special).map((token) => token.source || token.text).join("");
  const letters = (text.match(/\p{L}/gu) || []).length;
  if (!letters) return "";
  return (text.match(STRIP_RIGHT_TO_LEFT) || []).length * 2 > letters ? "rtl" : "ltr";
}

// Words as runs of one direction: [[direction, words], ...]. What has none goes with the words on both sides of it when
// they agree, else with the whole text.
function stripRuns(words, tokens, whole) {
  const given = words.map((word) => stripDirection(word.map((index) => tokens[index])));
  let next = whole;
  const after = given.map(() => whole);
  for (let place = given.length - 1; place >= 0; place -= 1) {
    after[place] = next;
    next = given[place] || next;
  }
  const runs = [];
  let before = whole;
  words.forEach((word, place) => {
    const direction = given[place] || (before === after[place] ? before : whole);
    before = given[place] || before;
    if (runs.length && runs[runs.length - 1][0] === direction) runs[runs.length - 1][1].push(word);
    else runs.push([direction, [word]]);
  });
  return runs;
}

// The label that all pieces of a word share, else "".
function sharedLabel(tokens) {
  const given = new Set(tokens.map((token) => token.label || "").filter(Boolean));
  return tokens.length > 1 && given.size === 1 ? [...given][0] : "";
}

// A token inside a sentence; right-to-left text may not turn the sentence around.
function stripQuote(text) {
  const shown = shorten(stripLabel({ text, special: true }).text, 40);
  return `“\u2068${shown}\u2069”`;
}

// "surprisal 2.31 nats"; "" where there is no number.
function stripNumber(token, look) {
  if (token.number === undefined) return "";
  return `${look.quantity ? `${look.quantity} ` : ""}${token.number}${unitText(look.unit)}`;
}

// What the token stands for in the text, where it does not look like it.
function stripSource(token) {
  const bare = (text) => text.replace(/^##/, "").trim().normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const source = (token.source || "").trim();
  return source && bare(source) !== bare(token.text) ? stripQuote(source) : "";
}

// What a token's chip is called when it is read out.
function stripName(token, index, look) {
  const source = stripSource(token);
  return [
    stripLabel(token).text, source ? `for ${source}` : "", `position ${index}`, token.special ? "special token" : "",
    token.label || "", stripNumber(token, look), token.note || "",
  ].filter(Boolean).join(", ");
}

function makeChip(token, index) {
  const { text, lead } = stripLabel(token);
  const chip = make("button", { type: "button", class: "chip", "data-index": index, tabindex: -1 });
  if (token.special) chip.classList.add("special");
  if (lead) chip.append(make("span", { class: "lead", text: "·" }));
  chip.append(make("bdi", { text: shorten(text, STRIP_LONGEST) }));
  return chip;
}

// Background and text of a chip with a share of the strongest colour; the text stays readable on it.
function chipColours(theme, share, scale) {
  const background = scale === "signed"
    ? signedColour(theme.signed || (theme.signed = buildSignedRamp(theme)), share, 1)
    : theme.tileRamp.css[Math.round(255 * Math.min(1, Math.max(0, share)))];
  const known = theme.onChip || (theme.onChip = new Map());
  if (!known.has(background)) known.set(background, readableOn(parseColour(background), theme));
  return { background, text: known.get(background) };
}

// The page's own text colour where it is readable, else its background, else black or white.
function readableOn(background, theme) {
  const plain = [[0, 0, 0], [255, 255, 255]].sort((a, b) => contrast(b, background) - contrast(a, background))[0];
  return cssColour([theme.text, theme.background].find((colour) => contrast(colour, background) >= 4.5) || plain);
}

function paintChip(chip, token, { theme, look, index }) {
  const colours = token.share === undefined ? null : chipColours(theme, token.share, look.scale);
  chip.style.background = colours ? colours.background : "";
  chip.style.color = colours ? colours.text : "";
  chip.classList.toggle("valued", colours !== null);
  chip.classList.toggle("unknown", colours === null && look.maximum !== null);
  chip.setAttribute("aria-label", stripName(token, index, look));
}

// A segment as a list that reads as its first word does; `chips` takes the chip of each position.
function makeSegment(tokens, words, { chips, name }) {
  const whole = words.reduce((first, word) => first || stripDirection(word.map((index) => tokens[index])), "") || "ltr";
  const list = make("div", { class: "segment", role: "list", "aria-label": name, dir: whole });
  stripRuns(words, tokens, whole).forEach(([direction, run]) => {
    const made = run.map((word) => makeWord(tokens, word, { chips, direction }));
    if (direction === whole) list.append(...made);
    else list.append(make("div", { class: "run", role: "presentation", dir: direction }, ...made));
  });
  return list;
}

function makeWord(tokens, word, { chips, direction }) {
  const shared = sharedLabel(word.map((index) => tokens[index]));
  const pieces = make("div", { class: "pieces", role: "presentation", dir: direction });
  word.forEach((index) => {
    chips[index] = makeChip(tokens[index], index);
    const own = shared ? "" : tokens[index].label;
    pieces.append(make("div", { class: "token", role: "listitem" }, chips[index],
      own ? make("span", { class: "label", "aria-hidden": "true", text: own }) : null));
  });
  return make("div", { class: "word", role: "presentation" }, pieces,
    shared ? make("span", { class: "label shared", "aria-hidden": "true", text: shared }) : null);
}
