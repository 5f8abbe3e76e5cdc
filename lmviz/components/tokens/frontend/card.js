// The card beside a token: its raw form, id, position, number, label and note.

const CARD_GAP = 6;

// Where a chip ends, the label under it included.
function lowerEdge(chip) {
  const end = chip.getBoundingClientRect().bottom;
  const label = chip.nextElementSibling || chip.closest(".pieces").nextElementSibling;
  const box = label ? label.getBoundingClientRect() : null;
  return box && Math.abs(box.top - end) < 4 ? box.bottom : end;
}

// Put `box` under a chip, or above it where the window ends; both stay inside `root`.
function placeBeside(root, box, chip) {
  const [frame, at] = [root.getBoundingClientRect(), chip.getBoundingClientRect()];
  const { offsetWidth: width, offsetHeight: height } = box;
  const end = lowerEdge(chip) + CARD_GAP;
  const above = end + height > window.innerHeight && at.top - CARD_GAP - height >= 0;
  const start = getComputedStyle(chip).direction === "rtl" ? at.right - width : at.left;
  box.style.left = `${Math.round(Math.max(0, Math.min(start - frame.left, frame.width - width)))}px`;
  box.style.top = `${Math.round((above ? at.top - CARD_GAP - height : end) - frame.top)}px`;
}

// The lines of a card as elements.
function factLines(token, index, look) {
  const source = stripSource(token);
  const first = make("p", { class: "facts" },
    make("bdi", { class: "raw", text: stripLabel({ text: token.raw, special: true }).text }),
    make("span", { class: "quiet", text: token.id < 0 ? `position ${index}` : `id ${token.id} · position ${index}` }));
  const number = stripNumber(token, look) || (look.maximum === null ? "" : `no ${look.quantity || "value"} here`);
  const rest = [
    number, token.label || "", source ? `In the text: ${source}` : "",
    token.special ? "Special token, not in the text" : "", token.note || "",
  ];
  return [first, ...rest.filter(Boolean).map((text, place) => make("p", { class: place || !token.number ? "" : "number", text }))];
}

function createCard(root) {
  const node = make("div", { class: "card", hidden: true, "aria-hidden": "true" });
  root.append(node);
  let shown = -1;
  return {
    node,
    get index() { return shown; },
    show(token, { index, look, chip }) {
      node.replaceChildren(...factLines(token, index, look));
      node.hidden = false;
      shown = index;
      placeBeside(root, node, chip);
    },
    hide() {
      node.hidden = true;
      shown = -1;
    },
  };
}
