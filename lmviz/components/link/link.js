// Copies the address of what is seen, and lets Enter apply the texts of the sidebar (Shift+Enter starts a new line).

const RESTING = "Copy link";

function applyOnEnter(event) {
  const box = event.target;
  const plain = event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!plain || event.isComposing || !(box instanceof HTMLTextAreaElement)) return;
  if (!box.closest('[data-testid="stSidebar"]')) return;
  event.preventDefault();
  event.stopPropagation();
  box.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", code: "Enter", keyCode: 13, which: 13, ctrlKey: true, metaKey: true, bubbles: true, cancelable: true,
  }));
}

export default function (component) {
  const { data, parentElement } = component;
  const button = parentElement.querySelector("button");
  const input = parentElement.querySelector("input");
  button.title = data.carries_text
    ? "Copies the address of exactly this view"
    : "The text is too long for a link: who opens it gets the same settings and puts in the text";
  button.onclick = async () => {
    const address = window.location.href;
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = data.carries_text ? "Copied" : "Copied, without the text";
    } catch {
      input.hidden = false; // the browser forbids the clipboard here: let the person copy by hand
      input.value = address;
      input.focus();
      input.select();
    }
    window.setTimeout(() => { button.textContent = RESTING; }, 2000);
  };
  if (!window.__lmviz_enter) {
    window.__lmviz_enter = true;
    document.addEventListener("keydown", applyOnEnter, true);
  }
}
