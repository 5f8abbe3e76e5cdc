// What stands above the overview: what is shown, order and statistic, which heads are taken together, the keys.

const SHOWN = [["head", "One head"], ["mean", "Mean"], ["max", "Max"], ["rollout", "Rollout"], ["flow", "Flow"]];
const SHOWN_NAMES = { mean: "Mean", max: "Maximum", rollout: "Rollout", flow: "Flow" };
const KEYS = [
  ["↑ ↓ ← →", "open the head beside it"], ["Home End", "first, last head of the row"], ["Enter", "open the head; in the picture: lock the token"],
  ["Space", "take the head in or out"], ["R, C", "take in a whole layer, a whole head column"],
  ["Shift + click", "take several heads together"], ["+ − 0", "in the picture: zoom in, out, fit"],
  ["Ctrl + wheel", "zoom where the pointer is"], ["Shift + ↑ ↓ ← →", "in the matrix: move the enlarged part"], ["Esc", "free what is locked, close"], ["?", "show these keys"],
];

// callbacks: {onPatch(changes), onChoosing(on)}
class Toolbar {
  constructor(model, callbacks) {
    Object.assign(this, { model, callbacks });
    const patch = (name) => (value) => callbacks.onPatch({ [name]: value });
    const offers = SHOWN.filter(([name]) => model.header.offers.includes(name));
    this.shown = segmentedControl({ label: "Shown", name: "shown", options: offers, value: "head", onPick: patch("shown") });
    this.statistic = selectControl({ label: "Statistic", name: "statistic", value: "", onPick: (slug) => this.pickStatistic(slug),
      options: model.header.statistics.map(({ slug, title }) => [slug, title]) });
    this.sort = selectControl({ label: "Sort", name: "sort", value: "layer", onPick: (order) => this.pickSort(order),
      options: [["layer", "Layer order"], ["down", "Highest first"], ["up", "Lowest first"]] });
    this.help = make("button", { type: "button", class: "quiet-button", "aria-expanded": "false", "data-control": "keys", text: "Shortcuts" });
    this.help.addEventListener("click", () => this.toggleKeys());
    this.keys = keyList();
    this.choose = make("button", { type: "button", class: "quiet-button", "data-control": "choose", "aria-pressed": "false", text: "Choose heads" });
    this.choose.addEventListener("click", () => callbacks.onChoosing(this.choose.getAttribute("aria-pressed") !== "true"));
    this.all = make("button", { type: "button", class: "quiet-button", "data-control": "all", text: "Use all" });
    this.all.addEventListener("click", () => callbacks.onPatch({ chosen: null }));
    this.summary = make("p", { class: "summary" });
    this.legend = legendNode(model.header);
    this.node = this.build();
  }

  build() {
    const hasStatistics = this.model.header.statistics.length > 0;
    const title = make("h2", { class: "panel-title", text: "All heads" });
    return make("div", { class: "toolbar" },
      make("div", { class: "bar" }, title, make("span", { class: "spring" }), this.help, this.keys),
      make("div", { class: "bar" }, this.shown.node),
      hasStatistics ? make("div", { class: "bar" }, this.sort.node, this.statistic.node) : null,
      make("div", { class: "bar summary-bar" }, this.summary, this.choose, this.all, this.legend));
  }

  pickStatistic(statistic) {
    const { sort } = this.view;
    const order = sort === "layer" ? "layer" : (sort.startsWith("-") ? "-" : "") + statistic;
    this.callbacks.onPatch({ statistic, sort: order });
  }

  pickSort(order) {
    const { statistic } = this.view;
    this.callbacks.onPatch({ sort: { layer: "layer", down: `-${statistic}`, up: statistic }[order] });
  }

  setView(view, choosing) {
    this.view = view;
    this.shown.set(view.shown);
    this.statistic.set(view.statistic);
    this.sort.set(view.sort === "layer" ? "layer" : view.sort.startsWith("-") ? "down" : "up");
    const single = view.shown === "head";
    this.summary.textContent = single ? this.hint() : `${SHOWN_NAMES[view.shown]} of ${this.chosenWords(view)}`;
    this.summary.classList.toggle("hint", single);
    this.choose.hidden = single;
    this.choose.textContent = choosing ? "Done" : "Choose heads";
    this.choose.setAttribute("aria-pressed", String(choosing));
    this.all.hidden = single || !view.chosen;
    this.legend.classList.toggle("log", view.scale === "log");
    this.legend.title = `colour, ${view.scale} scale`;
  }

  hint() {
    const { size, key_size: keySize, part } = this.model.header;
    const rows = part === "cross" ? "rows are decoder tokens, columns encoder tokens" : "rows look at columns";
    return size * keySize === 1 ? "One token: there is nothing else to look at." : `Each tile is a head: ${rows}.`;
  }

  chosenWords(view) {
    const { count } = this.model;
    if (!view.chosen) return `all ${countOf(count, "head")}`;
    return view.chosen.length === 1 ? headName(...view.chosen[0]) : `${view.chosen.length} of ${count} heads`;
  }

  // Open or close the list of keys; says whether it was open.
  toggleKeys(open = this.keys.hidden) {
    const was = !this.keys.hidden;
    this.keys.hidden = !open;
    this.help.setAttribute("aria-expanded", String(open));
    return was;
  }
}

// What the colours of the tiles stand for.
function legendNode({ maximum, unit }) {
  return make("span", { class: "legend" }, "0", make("i", { "aria-hidden": "true" }),
    `${formatNumber(maximum)}${unitText(unit)}`);
}

function keyList() {
  const list = make("dl", { class: "keys", hidden: true, "data-keys": true });
  KEYS.forEach(([keys, meaning]) => list.append(make("dt", { text: keys }), make("dd", { text: meaning })));
  return list;
}

// The chosen statistic of all heads: what it means, its extremes as buttons, and the numbers as a table on demand.
class StatisticNote {
  constructor(model, onOpen) {
    Object.assign(this, { model, onOpen });
    this.extremes = make("p", { class: "extremes" });
    this.explain = make("p", { class: "explain" });
    this.table = make("div", { class: "table-scroll", tabindex: 0 });
    this.details = make("details", { class: "numbers" }, make("summary", { text: "Table of all heads" }), this.table);
    this.details.addEventListener("toggle", () => this.fill());
    this.node = make("div", { class: "statistic-note", hidden: !model.header.statistics.length }, this.extremes, this.explain, this.details);
  }

  setView(view) {
    const about = this.model.describe(view.statistic);
    if (!about || this.slug === view.statistic) return;
    this.slug = view.statistic;
    const range = statisticRange(this.model, view.statistic);
    const unit = unitText(about.unit);
    const extreme = (word, item) => {
      const button = make("button", { type: "button", class: "link-button", text: headName(item.layer, item.head) });
      button.addEventListener("click", () => this.onOpen(item.layer, item.head));
      return make("span", {}, `${word} `, button, ` ${formatNumber(item.value)}${unit}`);
    };
    this.extremes.replaceChildren(make("strong", { text: about.title }),
      ...(range.high ? [extreme("highest", range.high), extreme("lowest", range.low)] : ["not defined for this text"]));
    this.explain.textContent = about.explain;
    this.fill();
  }

  fill() {
    if (!this.details.open) return;
    const { layers, heads } = this.model.header;
    const about = this.model.describe(this.slug);
    const row = (cells) => make("tr", {}, ...cells);
    const columns = Array.from({ length: heads }, (_, head) => make("th", { scope: "col", text: `H${head}` }));
    const body = Array.from({ length: layers }, (_, layer) => row([make("th", { scope: "row", text: `L${layer}` }),
      ...Array.from({ length: heads }, (__, head) => make("td", { text: formatNumber(this.model.statistic(this.slug, layer, head)) }))]));
    const caption = `${about.title}${about.unit ? `, ${about.unit}` : ""}`;
    this.table.replaceChildren(make("table", {}, make("caption", { text: caption }), make("thead", {}, row([make("td"), ...columns])),
      make("tbody", {}, ...body)));
  }
}
