// The few controls of the explorer: one of several, a list, a switch. Each gives {node, set(value)}; styles: .control.

// Radio buttons in one bar. `options` is [[value, text], ...]; arrows move, the picked one is in the tab order.
function segmentedControl({ label, options, value, onPick, name }) {
  const node = make("div", { class: "segmented", role: "radiogroup", "aria-label": label, "data-control": name });
  const buttons = options.map(([key, text]) => {
    const button = make("button", { type: "button", role: "radio", "data-value": key, text });
    button.addEventListener("click", () => { set(key); onPick(key); });
    return button;
  });
  function set(picked) {
    buttons.forEach((button) => {
      const on = button.dataset.value === picked;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    });
  }
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const now = buttons.findIndex((button) => button.tabIndex === 0);
    const next = buttons[(now + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  node.append(...buttons);
  set(value);
  return { node, set };
}

// A labelled list of choices. `options` is [[value, text], ...].
function selectControl({ label, options, value, onPick, name }) {
  const select = make("select", { "data-control": name });
  options.forEach(([key, text]) => select.append(make("option", { value: key, text })));
  select.value = value;
  select.addEventListener("change", () => onPick(select.value));
  const node = make("label", { class: "control" }, make("span", { class: "control-label", text: label }), select);
  return { node, set: (picked) => { select.value = picked; } };
}

// A labelled switch.
function checkControl({ label, value, onPick, name }) {
  const box = make("input", { type: "checkbox", "data-control": name });
  box.checked = value;
  box.addEventListener("change", () => onPick(box.checked));
  const node = make("label", { class: "control check" }, box, make("span", { class: "control-label", text: label }));
  return { node, set: (on) => { box.checked = on; } };
}

// A labelled slider from 0 to 1; `show(value)` writes what stands behind it.
function rangeControl({ label, value, onPick, name, show, step = 0.01 }) {
  const slider = make("input", { type: "range", min: 0, max: 1, step, "data-control": name });
  const output = make("output", { class: "control-output" });
  const set = (amount) => {
    slider.value = amount;
    slider.style.setProperty("--share", amount);
    output.textContent = show(amount);
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", () => { set(Number(slider.value)); onPick(Number(slider.value)); });
  set(value);
  const node = make("label", { class: "control" }, make("span", { class: "control-label", text: label }), slider, output);
  return { node, set };
}
