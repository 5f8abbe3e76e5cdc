// The strip of tokens: shown in reading order, clicked, walked with the keyboard, edited. Knows neither Streamlit nor network.

const STRIP_KEYS = "Arrow keys move between tokens, Enter selects one, Escape closes.";
const STRIP_PATIENCE = 1500; // ms that an edit is waited for before these tokens can be clicked again
const SEGMENT_NAMES = ["First text", "Second text"];

// Fill `root` with the strip of a payload. `onEvent({of, action, position, text, number})`. Gives {update(data), destroy()}.
function mountTokenStrip(root, data, callbacks) {
  return new TokenStrip(root, data, callbacks);
}

class TokenStrip {
  constructor(root, data, { onEvent }) {
    Object.assign(this, { bin: createBin(), onEvent, said: null, data: null, chips: [], stop: 0, last: 0 });
    Object.assign(this, { selected: null, told: null, pending: [], waiting: 0 });
    this.about = make("p", { class: "visually-hidden about" });
    this.keys = make("p", { class: "visually-hidden", text: STRIP_KEYS });
    this.lists = make("div", { class: "lists" });
    this.legend = make("p", { class: "legend", hidden: true });
    this.node = make("section", { class: "lmviz-token-strip", "aria-label": "Tokens" }, this.about, this.keys, this.lists, this.legend);
    root.append(this.node);
    this.card = createCard(this.node);
    this.menu = new TokenMenu(this.node, { onEdit: (verb, text) => this.edit(verb, text), onClose: () => this.closeMenu() });
    this.theme = readTheme(this.node);
    watchTheme(this.node, this.bin, oncePerFrame(() => this.retheme()));
    this.listen();
    this.update(data);
  }

  listen() {
    const { bin, lists } = this;
    bin.on(lists, "click", (event) => this.click(this.at(event), event));
    bin.on(lists, "keydown", (event) => this.key(event));
    bin.on(lists, "focusin", (event) => this.arrive(this.at(event)));
    bin.on(lists, "focusout", () => this.leave());
    bin.on(lists, "pointerover", (event) => this.hover(this.at(event)));
    bin.on(lists, "pointerout", (event) => { if (event.pointerType !== "touch") this.leave(); });
    bin.on(lists, "scroll", () => this.moved(), { passive: true });
    bin.on(window, "resize", oncePerFrame(() => this.moved()));
    bin.on(this.node, "focusout", (event) => this.left(event.relatedTarget));
    bin.on(document, "pointerdown", (event) => this.outside(event.composedPath()));
  }

  // ---- what is shown ----

  // Take what the server sent; the same again changes nothing at all.
  update(data) {
    const said = new TextDecoder().decode(data instanceof Uint8Array ? data : new Uint8Array(data));
    if (said === this.said) return;
    this.said = said;
    this.wait(false);
    const before = this.data;
    this.data = JSON.parse(said);
    const isSame = before !== null && before.of === this.data.of;
    const labels = (all) => all.tokens.map((token) => token.label || "").join("\n");
    if (!isSame || labels(before) !== labels(this.data)) this.rebuild(isSame);
    this.adopt(isSame);
    this.paint();
    if (this.menu.isOpen && String(before.edits) !== String(this.data.edits)) this.closeMenu();
    if (this.card.index >= 0) this.show(this.card.index);
    this.follow();
  }

  rebuild(isSame) {
    const { tokens } = this.data;
    const focused = this.focusedPosition();
    const scrolled = this.lists.scrollTop;
    const segments = stripGroups(tokens);
    this.chips = [];
    this.lists.replaceChildren(...segments.map((words, number) => makeSegment(tokens, words, {
      chips: this.chips, name: segments.length > 1 ? SEGMENT_NAMES[number] || `Text ${number + 1}` : "Tokens of the text",
    })));
    this.lists.scrollTop = scrolled;
    this.card.hide();
    if (!isSame && this.menu.isOpen) this.menu.close();
    this.stop = Math.max(0, Math.min(this.stop, tokens.length - 1));
    if (this.chips.length) this.chips[this.stop].tabIndex = 0;
    if (focused >= 0 && !this.menu.isOpen) this.focusChip(Math.min(focused, tokens.length - 1)); // it was here: it stays here
  }

  // The server's selection, unless it only answers to a click that another one has followed since.
  adopt(isSame) {
    const { selected } = this.data;
    const answered = this.pending.indexOf(selected);
    if (!isSame) this.pending = [];
    else if (selected === this.told) return;
    else this.pending = answered >= 0 ? this.pending.slice(answered + 1) : [];
    this.told = selected;
    if (!this.pending.length) this.selected = selected;
  }

  paint() {
    const { data, theme } = this;
    this.about.textContent = data.describe;
    this.keys.textContent = data.edits.length ? STRIP_KEYS.replace("selects one", "selects one and opens its menu") : STRIP_KEYS;
    this.chips.forEach((chip, index) => {
      paintChip(chip, data.tokens[index], { theme, look: data, index });
      if (this.isEditable(index)) chip.setAttribute("aria-haspopup", "dialog");
      else chip.removeAttribute("aria-haspopup");
    });
    this.ring();
    this.writeLegend();
    this.node.dataset.of = data.of;
  }

  ring() {
    this.chips.forEach((chip, index) => {
      const on = index === this.selected;
      chip.classList.toggle("selected", on);
      chip.setAttribute("aria-pressed", String(on));
    });
  }

  writeLegend() {
    const { data, theme } = this;
    this.legend.hidden = data.maximum === null;
    if (this.legend.hidden) return;
    const signed = data.scale === "signed";
    const steps = [-1, -0.5, 0, 0.5, 1].filter((share) => signed || share >= 0);
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.background = `linear-gradient(to right, ${steps.map((share) => chipColours(theme, share, data.scale).background).join(", ")})`;
    const [low, high] = data.cut ? ["≤ −", "≥ "] : ["−", ""]; // some values lie beyond the strongest colour
    const words = [data.quantity, signed ? `${low}${data.maximum}` : "0", bar, `${high}${data.maximum}${unitText(data.unit)}`];
    this.legend.replaceChildren(...words.filter(Boolean).map((word) => (word === bar ? bar : make("span", { text: word }))));
  }

  retheme() {
    this.theme = readTheme(this.node);
    this.paint();
  }

  moved() {
    this.card.hide();
    this.follow();
  }

  // Keep the menu at its token.
  follow() {
    if (this.menu.isOpen) placeBeside(this.node, this.menu.node, this.chips[this.menu.index]);
  }

  // ---- what a person does ----

  at(event) {
    const chip = event.target.closest(".chip");
    return chip ? Number(chip.dataset.index) : -1;
  }

  isEditable(index) {
    const token = this.data.tokens[index];
    return this.data.edits.length > 0 && !token.special && Boolean(token.source);
  }

  click(index, event) {
    if (index < 0 || this.waiting) return;
    const again = this.menu.index === index;
    this.closeMenu();
    if (again) return;
    this.select(index);
    if (this.isEditable(index)) this.openMenu(index, event.pointerType);
    else this.show(index);
  }

  select(index) {
    this.selected = index;
    this.pending = [...this.pending.slice(-20), index];
    this.ring();
    this.send("select", index, "");
  }

  openMenu(index, pointer) {
    this.card.hide();
    this.menu.open({ token: this.data.tokens[index], index, look: this.data, chip: this.chips[index], edits: this.data.edits });
    this.chips[index].setAttribute("aria-expanded", "true");
    if (pointer !== "touch") this.menu.focus(); // a keyboard on the screen would hide what was touched
  }

  // Close the menu; the keyboard goes back to the token when it was in the menu.
  closeMenu() {
    if (!this.menu.isOpen) return;
    const { index } = this.menu;
    const wasInside = this.menu.node.contains(this.node.getRootNode().activeElement);
    this.menu.close();
    this.chips[index].removeAttribute("aria-expanded");
    if (wasInside) this.focusChip(index);
  }

  edit(verb, text) {
    const { index } = this.menu;
    this.closeMenu();
    this.wait(true);
    this.send(verb, index, text);
  }

  // After an edit these tokens are about to go: what is done to them meanwhile would be done to others.
  wait(on) {
    clearTimeout(this.waiting);
    this.waiting = on ? setTimeout(() => this.wait(false), STRIP_PATIENCE) : 0;
    this.node.classList.toggle("waiting", on);
  }

  send(action, position, text) {
    this.last = Math.max(this.last + 1, Date.now()); // rises also after the strip was away
    this.onEvent({ of: this.data.of, action, position, text, number: this.last });
  }

  key(event) {
    const index = this.at(event);
    if (index < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      this.card.hide();
      this.closeMenu();
      return;
    }
    const next = walk(event.key, index, this.chips);
    if (next < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.closeMenu();
    this.focusChip(next);
  }

  arrive(index) {
    if (index < 0) return;
    this.chips[this.stop].tabIndex = -1;
    this.stop = index;
    this.chips[index].tabIndex = 0;
    if (this.chips[index].matches(":focus-visible")) this.show(index);
  }

  hover(index) { if (index >= 0) this.show(index); }

  show(index) {
    if (this.menu.isOpen) return;
    this.card.show(this.data.tokens[index], { index, look: this.data, chip: this.chips[index] });
  }

  // Hide the card, unless it belongs to the token that the keyboard is at.
  leave() {
    const focused = this.focusedPosition();
    if (focused >= 0 && this.chips[focused].matches(":focus-visible")) this.show(focused);
    else this.card.hide();
  }

  left(target) {
    if (target && !this.node.contains(target) && this.menu.isOpen) this.closeMenu();
  }

  outside(path) {
    if (path.includes(this.node)) {
      if (this.menu.isOpen && !path.includes(this.menu.node) && !path.includes(this.lists)) this.closeMenu();
    } else {
      this.closeMenu();
      this.card.hide();
    }
  }

  // The position that the keyboard is at, in the strip or in its menu; -1 when it is elsewhere.
  focusedPosition() {
    const { activeElement } = this.node.getRootNode();
    if (!activeElement || !this.node.contains(activeElement)) return -1;
    return this.menu.node.contains(activeElement) ? this.menu.index : Number(activeElement.dataset.index ?? -1);
  }

  focusChip(index) {
    this.chips[index].focus({ preventScroll: false });
  }

  destroy() {
    this.wait(false);
    this.bin.empty();
    this.node.remove();
  }
}
