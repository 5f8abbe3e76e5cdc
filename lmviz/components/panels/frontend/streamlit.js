// The panels inside Streamlit: one view per place on the page, however often the script runs again.

const panelPlaces = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!data) return undefined;
  let place = panelPlaces.get(parentElement);
  if (!place) {
    const host = make("div", {});
    parentElement.append(host);
    place = { host, send: setStateValue, calls: 0, view: null };
    const now = place;
    place.view = mountPanels(host, data, { onEvent: (event) => now.send("event", event) });
    panelPlaces.set(parentElement, place);
  }
  place.send = setStateValue;
  place.view.update(data);
  place.calls += 1;
  const mine = place.calls;
  return () => {
    if (place.calls !== mine) return; // a later call of the same place is alive
    place.view.destroy();
    place.host.remove();
    panelPlaces.delete(parentElement);
  };
}
