// The explorer: overview and head panel side by side, one view for both. Knows neither Streamlit nor the network.

const CACHE_BYTES = 64 * 1024 * 1024; // exact matrices kept in the browser, so that going back asks nobody
const SEND_AFTER = 150; // milliseconds of rest before changes of detail are reported

// Fill `root` with an explorer for a payload. callbacks: {onView(view)}, called with every change of the view.
// `view` is what is seen first; what is missing in it takes its default.
// Gives {update(data), deliver(message), refuse(why), view(), destroy()}; `deliver` takes what readMatrix gives.
function mountExplorer(root, data, callbacks, view) {
  return new Explorer(root, data, callbacks || {}, view);
}

class Explorer {
  constructor(root, data, callbacks, view) {
    Object.assign(this, { root, callbacks, bin: createBin(), parts: null, revision: null, touched: false, sent: 0, timer: 0, refreshing: 0 });
    this.current = completeView(view);
    this.kept = null; // the picture before, while a new one is computed
    this.exact = new Map();
    this.choosing = false;
    this.node = make("section", { class: "lmviz-explorer", "aria-label": "Attention explorer", "data-ready": "false" });
    this.live = make("p", { class: "visually-hidden", "aria-live": "polite" });
    root.append(this.node);
    this.theme = readTheme(this.node);
    watchTheme(this.node, this.bin, () => this.retheme());
    this.bin.on(this.node, "keydown", (event) => this.key(event));
    this.update(data);
  }

  view() {
    return this.current;
  }

  // Take other data; the same data again is nothing new.
  update(data) {
    if (!data || data === this.data) return;
    this.data = data;
    const model = readExplorer(data);
    if (this.model && this.model.header.id === model.header.id) return;
    const before = this.model && this.model.header;
    this.leaveChannel();
    this.model = model;
    this.exact.clear();
    this.current = fittingView(this.current, model, before && !sameTokens(before, model.header));
    this.started = performance.now();
    const registry = attentionRegistry();
    registry.explorers.set(model.header.channel, this);
    const message = registry.waiting.get(model.header.channel);
    if (message && message.header.id === model.header.id) this.take(message);
    this.build();
  }

  leaveChannel() {
    if (!this.model) return;
    const { explorers } = attentionRegistry();
    if (explorers.get(this.model.header.channel) === this) explorers.delete(this.model.header.channel);
  }

  // Build everything beside what is seen, then change it over in one step.
  build() {
    const old = this.parts;
    const toolbar = new Toolbar(this.model, {
      onPatch: (changes) => this.patch(changes), onChoosing: (on) => this.setChoosing(on),
    });
    const note = new StatisticNote(this.model, (layer, head) => this.open(layer, head));
    const left = make("div", { class: "overview", role: "region", "aria-label": "All heads" }, toolbar.node);
    const right = make("div", { class: "focus", role: "region", "aria-label": "The head in focus" });
    const grid = make("div", { class: "explorer-columns" }, left, right);
    if (old) old.grid.replaceWith(grid);
    else this.node.append(grid, this.live);
    const overview = new Overview(left, this.model, {
      onOpen: (layer, head) => this.open(layer, head), onToggle: (heads) => this.toggle(heads),
    });
    left.append(note.node);
    const bar = new FocusBar(this.model, (layer, head) => this.open(layer, head));
    const place = make("div", { class: "head-place" });
    right.append(bar.node, place);
    const panel = createHeadPanel(place, this.model.header, { onView: (changes) => this.patch(changes) });
    this.parts = { grid, toolbar, note, overview, bar, panel, place };
    overview.setTheme(this.theme);
    this.node.dataset.id = this.model.header.id;
    this.refresh(true);
    if (old) {
      if (this.node.classList.contains("waiting")) this.keepPicture(old.place);
      dispose(old);
    }
    this.whenPainted(() => { this.node.dataset.ready = "true"; });
  }

  // While the first picture of other data is computed elsewhere, the one before stays, dimmed and out of reach.
  keepPicture(place) {
    const picture = place.querySelector(".head-picture");
    if (!picture.childElementCount) return;
    picture.inert = true;
    this.parts.place.querySelector(".head-picture").before(picture);
    this.kept = picture;
  }

  retheme() {
    this.theme = readTheme(this.node);
    if (!this.parts) return;
    this.parts.overview.setTheme(this.theme);
    this.parts.panel.setTheme(this.theme);
  }

  // ---- the view ------------------------------------------------------------------------------------------------------

  open(layer, head) {
    this.setChoosing(false);
    this.patch({ shown: "head", layer, head });
  }

  // Take heads into an aggregate, or out of it when all of them are in.
  toggle(heads) {
    const { shown, chosen, layer, head } = this.current;
    const start = shown === "head" ? (heads.length === 1 ? [[layer, head]] : []) : chosen || [];
    const names = new Map(start.map((item) => [headName(...item), item]));
    const removes = shown !== "head" && heads.every((item) => names.has(headName(...item)));
    heads.forEach((item) => (removes ? names.delete(headName(...item)) : names.set(headName(...item), item)));
    const next = [...names.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const all = next.length === 0 || next.length === this.model.count;
    this.patch({ shown: shown === "head" ? "mean" : shown, chosen: all ? null : next });
  }

  setChoosing(on) {
    if (on === this.choosing) return;
    this.choosing = on;
    this.parts.overview.setChoosing(on);
    this.parts.toolbar.setView(this.current, on);
  }

  // Change the view because a person did something here.
  patch(changes) {
    this.touched = true;
    const before = matrixKey(this.current);
    this.current = { ...this.current, ...changes };
    if (this.current.shown === "head") this.setChoosing(false);
    const refocused = matrixKey(this.current) !== before;
    if (refocused) this.started = performance.now();
    this.send(refocused);
    this.refreshSoon(refocused);
  }

  // After what is going on, so that the report leaves first and the server works while the browser draws.
  refreshSoon(refocused) {
    this.refocused = this.refocused || refocused;
    if (this.refreshing) return;
    this.refreshing = setTimeout(() => {
      const refocus = this.refocused;
      Object.assign(this, { refreshing: 0, refocused: false });
      this.refresh(refocus);
    });
  }

  // Report the view: a change of focus at once (a held key only once it rests), other changes after a rest.
  send(urgent) {
    clearTimeout(this.timer);
    const now = performance.now();
    const wait = urgent && now - this.sent > SEND_AFTER ? 0 : SEND_AFTER;
    const report = () => {
      this.sent = performance.now();
      if (this.callbacks.onView) this.callbacks.onView({ ...this.current });
    };
    if (wait) this.timer = setTimeout(report, wait);
    else report();
  }

  refresh(refocused) {
    const { toolbar, note, overview, bar, panel } = this.parts;
    toolbar.setView(this.current, this.choosing);
    note.setView(this.current);
    overview.setView(this.current);
    bar.setView(this.current);
    panel.setView(this.current);
    if (refocused) this.showMatrix();
  }

  // ---- the matrix in focus -------------------------------------------------------------------------------------------

  showMatrix() {
    const { shown, layer, head } = this.current;
    const found = this.exact.get(matrixKey(this.current));
    if (found) {
      const { rows, cols, label, exact } = found.header;
      this.draw(found.matrix, rows, cols, { label, exact: exact !== false });
      return;
    }
    this.node.dataset.exact = "false";
    this.node.classList.toggle("waiting", shown === "rollout" || shown === "flow");
    if (shown === "rollout" || shown === "flow") { // only the server has these; what is seen stays, dimmed
      this.parts.bar.setWaiting(shown);
      return;
    }
    const heads = shown === "head" ? [[layer, head]] : this.current.chosen || allHeads(this.model);
    const { size, key_size: keySize } = this.model.header;
    const label = shown === "head" ? headName(layer, head) : `${shown} of ${countOf(heads.length, "head")}`;
    this.draw(previewMatrix(this.model, heads, shown === "max" ? "max" : "mean"), size, keySize, { label, exact: false });
  }

  draw(matrix, rows, cols, about) {
    if (this.kept) this.kept.remove();
    this.kept = null;
    this.parts.panel.setMatrix(matrix, rows, cols, { ...about, made: matrixWords(this.current, this.model.count) });
    this.parts.bar.setLabel(about);
    this.node.classList.remove("waiting");
    this.node.dataset.exact = String(about.exact);
    this.node.dataset.label = about.label;
    this.live.textContent = about.exact ? `${about.label} is shown` : "";
    const { started } = this;
    this.whenPainted(() => {
      const name = about.exact ? "drawMs" : "previewMs";
      if (started === this.started) this.node.dataset[name] = (performance.now() - started).toFixed(1);
    });
  }

  // A matrix in full precision has come. It is kept, and drawn when it is what is in focus.
  deliver(message) {
    if (message.header.id !== this.model.header.id) return;
    const before = matrixKey(this.current);
    if (this.take(message)) this.refresh(matrixKey(this.current) !== before);
    const here = matrixKey(completeView(message.header.view)) === matrixKey(this.current);
    if (here && this.node.dataset.exact !== "true") this.showMatrix();
  }

  // What is in focus cannot be had; what is seen stays, and the title says why.
  refuse(why) {
    if (this.node.dataset.exact !== "true") this.parts.bar.setWaiting(this.current.shown, why);
  }

  // Keep a matrix; a new revision says that the view was changed elsewhere, and is followed. Says whether it was.
  take({ header, matrix }) {
    const view = completeView(header.view);
    const follows = header.revision !== this.revision && !(this.revision === null && this.touched);
    this.revision = header.revision;
    this.keep(matrixKey(view), { header, matrix });
    if (follows) this.current = fittingView(view, this.model, false);
    return follows;
  }

  keep(key, message) {
    this.exact.delete(key);
    this.exact.set(key, message);
    let bytes = 0;
    [...this.exact.entries()].reverse().forEach(([name, { matrix }]) => {
      bytes += matrix.byteLength;
      if (bytes > CACHE_BYTES && name !== key) this.exact.delete(name);
    });
  }

  // ---- the rest ------------------------------------------------------------------------------------------------------

  key(event) {
    const typing = event.target.matches("input[type=text], textarea");
    if (event.key === "?" && !typing) this.parts.toolbar.toggleKeys();
    else if (event.key === "Escape") this.free();
    else return;
    event.preventDefault();
  }

  free() {
    if (this.parts.toolbar.toggleKeys(false)) return;
    if (this.choosing) this.setChoosing(false);
    else if (this.current.locked.length) this.patch({ locked: [] });
  }

  whenPainted(work) {
    requestAnimationFrame(() => requestAnimationFrame(work));
  }

  destroy() {
    clearTimeout(this.timer);
    clearTimeout(this.refreshing);
    this.leaveChannel();
    if (this.parts) dispose(this.parts);
    this.bin.empty();
    this.node.remove();
  }
}

function dispose(parts) {
  parts.panel.destroy();
  parts.overview.destroy();
}

function allHeads(model) {
  return tileOrder(model, "layer");
}
