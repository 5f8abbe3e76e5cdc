// The small menu at a token: what it says can be replaced, masked, deleted, or something put before or after it.

const MENU_VERBS = { replace: "Replace", insert: "Insert before", append: "Insert after", mask: "Mask", delete: "Delete" };
const MENU_HINTS = {
  replace: "Type what is to stand there instead.",
  insert: "Type what is to stand before it.",
  append: "Type what is to stand after it.",
};

// The menu of a strip. `onEdit(action, text)` is called once, `onClose()` whenever it closes by itself.
class TokenMenu {
  constructor(root, { onEdit, onClose }) {
    Object.assign(this, { root, onEdit, onClose, index: -1, start: "", focusing: false });
    this.facts = make("div", { class: "menu-facts" });
    this.input = make("input", { type: "text", spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
    this.hint = make("p", { class: "hint quiet", role: "status" });
    this.buttons = make("div", { class: "verbs" });
    this.node = make("div", { class: "menu", role: "dialog", hidden: true }, this.facts, this.input, this.buttons, this.hint);
    this.node.addEventListener("keydown", (event) => this.key(event));
    ["keyup", "keypress"].forEach((type) => this.node.addEventListener(type, (event) => event.stopPropagation()));
    root.append(this.node);
  }

  get isOpen() { return this.index >= 0; }

  open({ token, index, look, chip, edits }) {
    this.index = index;
    this.edits = edits;
    this.start = (token.source || token.text).trim();
    this.facts.replaceChildren(...factLines(token, index, look));
    this.typed = ["replace", "insert", "append"].filter((verb) => edits.includes(verb));
    this.input.hidden = this.typed.length === 0;
    this.input.value = this.typed[0] === "replace" ? this.start : "";
    this.input.dir = "auto";
    this.input.setAttribute("aria-label", `${MENU_VERBS[this.typed[0]] ?? "Edit"} ${stripQuote(this.start)}`);
    this.hint.textContent = "";
    this.buttons.replaceChildren(...Object.keys(MENU_VERBS).filter((verb) => edits.includes(verb)).map((verb) => this.button(verb)));
    this.node.setAttribute("aria-label", `Edit ${stripQuote(this.start || token.text)}`);
    this.node.hidden = false;
    placeBeside(this.root, this.node, chip);
  }

  button(verb) {
    const node = make("button", { type: "button", class: verb === this.typed[0] ? "verb first" : "verb", "data-verb": verb, text: MENU_VERBS[verb] });
    node.addEventListener("click", () => this.pick(verb));
    return node;
  }

  focus() {
    if (this.input.hidden) this.buttons.firstChild.focus();
    else {
      this.input.focus();
      this.input.select();
    }
  }

  // Carry out a verb; what needs a text and has none, or the same as before, asks for one.
  pick(verb) {
    const text = this.input.value.trim();
    if (!this.typed.includes(verb)) this.onEdit(verb, "");
    else if (text && text !== (this.typed[0] === "replace" ? this.start : "")) this.onEdit(verb, text);
    else {
      this.hint.textContent = MENU_HINTS[verb];
      this.focus();
      placeBeside(this.root, this.node, this.root.querySelector(`.chip[data-index="${this.index}"]`));
    }
  }

  // Keys stay inside: the page has shortcuts of its own, and an input method's Enter is not ours.
  key(event) {
    event.stopPropagation();
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.onClose();
    } else if (event.key === "Enter" && event.target === this.input) {
      event.preventDefault();
      this.pick(this.typed[0]);
    }
  }

  close() {
    this.index = -1;
    this.node.hidden = true;
  }
}
