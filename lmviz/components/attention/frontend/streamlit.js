// The explorer inside Streamlit: one explorer per place on the page, however often the script runs again.

const placed = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let place = placed.get(parentElement);
  if (!place) {
    const host = make("div", { class: "lmviz-host" });
    parentElement.append(host);
    place = { host, send: setStateValue, calls: 0, explorer: null };
    const now = place;
    place.explorer = mountExplorer(host, data, { onView: (view) => now.send("view", view) });
    placed.set(parentElement, place);
  }
  place.send = setStateValue;
  place.explorer.update(data);
  place.calls += 1;
  const mine = place.calls;
  return () => {
    if (place.calls !== mine) return; // a later call of the same place is alive
    place.explorer.destroy();
    place.host.remove();
    placed.delete(parentElement);
  };
}
