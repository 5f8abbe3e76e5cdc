// The strip inside Streamlit: one strip per place on the page, however often the script runs again.

const stripPlaces = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!data) return undefined;
  let place = stripPlaces.get(parentElement);
  if (!place) {
    const host = make("div", {});
    parentElement.append(host);
    place = { host, send: setStateValue, calls: 0, strip: null };
    const now = place;
    place.strip = mountTokenStrip(host, data, { onEvent: (event) => now.send("event", event) });
    stripPlaces.set(parentElement, place);
  }
  place.send = setStateValue;
  place.strip.update(data);
  place.calls += 1;
  const mine = place.calls;
  return () => {
    if (place.calls !== mine) return; // a later call of the same place is alive
    place.strip.destroy();
    place.host.remove();
    stripPlaces.delete(parentElement);
  };
}
