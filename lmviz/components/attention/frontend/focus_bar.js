// The title over the head panel: the name of what is shown, its statistic, and the heads before and after it.

class FocusBar {
  constructor(model, onOpen) {
    Object.assign(this, { model, onOpen });
    this.waiting = ""; // what there is to say while nothing new can be shown
    this.title = make("h2", { class: "panel-title" });
    this.fact = make("span", { class: "fact" });
    this.before = this.step("previous");
    this.after = this.step("next");
    this.node = make("div", { class: "bar focus-bar" }, this.title, this.fact, make("span", { class: "spring" }), this.before, this.after);
  }

  step(name) {
    const button = make("button", { type: "button", class: "quiet-button step", "data-step": name });
    button.addEventListener("click", () => this.onOpen(Number(button.dataset.layer), Number(button.dataset.head)));
    return button;
  }

  setLabel({ label }) {
    this.waiting = "";
    if (!this.single) this.fact.textContent = "";
    this.title.textContent = label.charAt(0).toUpperCase() + label.slice(1);
  }

  setWaiting(shown, why = "being computed …") {
    this.setLabel({ label: shown === "max" ? "maximum" : shown });
    this.waiting = why;
    this.fact.textContent = why;
  }

  // Previous and next follow the order of the overview.
  setView(view) {
    const single = view.shown === "head";
    this.single = single;
    const order = tileOrder(this.model, view.sort);
    const now = order.findIndex(([layer, head]) => layer === view.layer && head === view.head);
    this.aim(this.before, single ? order[now - 1] : null, (name) => `‹ ${name}`);
    this.aim(this.after, single ? order[now + 1] : null, (name) => `${name} ›`);
    this.fact.textContent = single ? statisticText(this.model, view.statistic, view.layer, view.head) : this.waiting;
  }

  aim(button, target, write) {
    button.hidden = !target;
    if (!target) return;
    const [layer, head] = target;
    button.textContent = write(headName(layer, head));
    button.setAttribute("aria-label", `Open ${headName(layer, head)}`);
    Object.assign(button.dataset, { layer, head });
  }
}
