// An explorer without a server: this page holds every head and answers for itself what the app's server would.
(async function () {
  const about = JSON.parse(document.getElementById("about").textContent);
  const bytesOf = (id) => {
    const text = atob(JSON.parse(document.getElementById(id).textContent));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  };
  const inflated = async (id) => new Uint8Array(
    await new Response(new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  const { layers, heads, rows, cols, maximum, precision, focused } = about;
  const cells = rows * cols;
  const first = focused && { key: matrixKey(completeView(about.view)), matrix: new Float32Array((await inflated("focused")).buffer) };
  let weights; // undefined until they are unpacked, null when this file holds none
  const explorer = mountExplorer(document.getElementById("explorer"), await inflated("payload"), { onView: answer }, about.view);
  deliver(explorer.view());
  const read = {
    float32: (bytes) => new Float32Array(bytes.buffer),
    uint16: (bytes) => new Uint16Array(bytes.buffer),
    uint8: (bytes) => bytes,
  }[precision];
  // What each quantised step stands for: the square of its share of the largest.
  const most = precision === "uint16" ? 65535 : 255;
  const quantised = read && precision !== "float32";
  const amounts = quantised ? Float32Array.from({ length: most + 1 }, (_, i) => (i / most) ** 2 * maximum) : null;
  weights = read ? read(await inflated("weights")) : null;

  function headMatrix(layer, head) {
    const start = (layer * heads + head) * cells;
    if (!amounts) return weights.slice(start, start + cells);
    const out = new Float32Array(cells);
    for (let i = 0; i < cells; i += 1) out[i] = amounts[weights[start + i]];
    return out;
  }

  function mean(chosen) {
    const sum = new Float64Array(cells);
    for (const [layer, head] of chosen) {
      const values = headMatrix(layer, head);
      for (let i = 0; i < cells; i += 1) sum[i] += values[i];
    }
    for (let i = 0; i < cells; i += 1) sum[i] /= chosen.length;
    return sum;
  }

  function largest(chosen) {
    const found = new Float32Array(cells).fill(-Infinity);
    for (const [layer, head] of chosen) {
      const values = headMatrix(layer, head);
      for (let i = 0; i < cells; i += 1) if (values[i] > found[i]) found[i] = values[i];
    }
    return found;
  }

  // The product over layers of half the head mean and half the identity (Abnar & Zuidema, 2020).
  function rollout(chosen) {
    let product = null;
    for (let layer = 0; layer < layers; layer += 1) {
      const inLayer = chosen.filter((item) => item[0] === layer);
      if (!inLayer.length) continue;
      const mixed = mean(inLayer);
      for (let i = 0; i < cells; i += 1) mixed[i] *= 0.5;
      for (let i = 0; i < rows; i += 1) mixed[i * cols + i] += 0.5;
      product = product ? times(mixed, product) : mixed;
    }
    return product;
  }

  function times(left, right) {
    const out = new Float64Array(cells);
    for (let i = 0; i < rows; i += 1) {
      for (let k = 0; k < cols; k += 1) {
        const factor = left[i * cols + k];
        if (!factor) continue;
        const [to, from] = [i * cols, k * cols];
        for (let j = 0; j < cols; j += 1) out[to + j] += factor * right[from + j];
      }
    }
    return out;
  }

  // What is shown when the file opens is there in full precision; the rest is worked out from all heads.
  function matrixFor(view) {
    if (first && matrixKey(view) === first.key) return { matrix: first.matrix, label: focused, exact: true };
    if (!weights || view.shown === "flow") return null;
    const exact = precision === "float32";
    if (view.shown === "head") return { matrix: headMatrix(view.layer, view.head), label: headName(view.layer, view.head), exact };
    const every = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
    const chosen = view.chosen || every;
    const count = view.chosen ? `${chosen.length} ${chosen.length === 1 ? "head" : "heads"}` : "all heads";
    const make = { mean, max: largest, rollout }[view.shown];
    return { matrix: Float32Array.from(make(chosen)), label: `${view.shown === "max" ? "maximum" : view.shown} of ${count}`, exact };
  }

  // One head at once; what takes longer after the page has shown that something happens.
  function answer(view) {
    if (view.shown === "head") deliver(view);
    else setTimeout(() => deliver(view), 30);
  }

  function deliver(view) {
    const found = matrixFor(view);
    if (!found) {
      const elsewhere = view.shown === "rollout" || view.shown === "flow"; // the rest is drawn from the tiles
      if (elsewhere && weights !== undefined) explorer.refuse(`not in this file for these heads; it holds the ${focused || "heads"}`);
      return;
    }
    explorer.deliver({
      matrix: found.matrix,
      header: { id: about.id, revision: 0, view, label: found.label, rows, cols, exact: found.exact },
    });
  }

  answer(explorer.view());
  document.documentElement.dataset.ready = "true";
})();
