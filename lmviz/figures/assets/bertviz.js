// Makes the parameters that BertViz's own scripts expect, and gives them jQuery and d3 without a module loader.
(function () {
  const data = JSON.parse(document.getElementById("bertviz-data").textContent);
  const bytes = Uint8Array.from(atob(data.weights), (character) => character.charCodeAt(0));
  const weights = new Uint16Array(bytes.buffer);
  const queries = data.queries.length;
  const keys = data.keys.length;
  const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
  // The weights of one part of the input: [layer][head][query][key].
  const slice = ([q0, q1, k0, k1]) => data.layers.map((_, layer) => data.heads.map((_, head) => range(q0, q1).map((query) => {
    const row = ((layer * data.heads.length + head) * queries + query) * keys;
    return Array.from(weights.subarray(row + k0, row + k1), (weight) => weight / 65535);
  })));
  window.lmvizParams = {
    attention: data.filters.map(({ name, box }) => ({
      name, attn: slice(box), left_text: data.queries.slice(box[0], box[1]), right_text: data.keys.slice(box[2], box[3]),
    })),
    default_filter: "0", root_div_id: "bertviz", display_mode: data.dark ? "dark" : "light",
    layer: null, heads: null, include_layers: data.layers, include_heads: data.heads, total_heads: data.heads.length,
  };
  window.require = window.requirejs = (names, start) => start(window.jQuery, window.d3);
  window.require.config = () => {};
})();
