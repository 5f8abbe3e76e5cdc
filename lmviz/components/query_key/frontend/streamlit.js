// The query–key view inside Streamlit: one view per place on the page, however often the script runs again.

const queryKeyPlaces = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  if (!data) return undefined;
  let place = queryKeyPlaces.get(parentElement);
  if (!place) {
    const host = make("div", {});
    parentElement.append(host);
    place = { host, calls: 0, view: mountQueryKey(host, data) };
    queryKeyPlaces.set(parentElement, place);
  }
  place.view.update(data);
  place.calls += 1;
  const mine = place.calls;
  return () => {
    if (place.calls !== mine) return; // a later call of the same place is alive
    place.view.destroy();
    place.host.remove();
    queryKeyPlaces.delete(parentElement);
  };
}
