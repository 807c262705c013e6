// The activation explorer's numbers: stored measurements at every state that the controls reach.

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

class Source {
  constructor(data) {
    this.data = data;
    this.deepest = Math.max(...data.depths);
    this.tables = { heights: decode(data.heights, Uint8Array) };
    for (const name of [...CURVES, "spoken"]) this.tables[name] = decode(data[name], Uint16Array);
  }

  /** Everything that a setting shows. */
  look({ activation, std, depth }) {
    const { data, tables, deepest } = this, place = data.depths.indexOf(depth);
    const state = data.activations.indexOf(activation) * data.stds.length + data.stds.indexOf(std);
    const all = sum(data.depths), before = sum(data.depths.slice(0, place));
    const up = (name) => fromCodes(tables[name].subarray(state * deepest, state * deepest + depth));
    const down = (name) => fromCodes(tables[name].subarray(state * all + before, state * all + before + depth));
    const layers = spread(depth, data.panels), [low, high] = data.histogram_ranges[activation];
    const picture = {
      layers, low, high, heights: layers.map((layer) => this.bars(state, layer)),
      signal: up("signal"), predicted_signal: up("predicted_signal"),
      gradient: down("gradient"), predicted_gradient: down("predicted_gradient"),
    };
    picture.stds = layers.map((layer) => general(picture.signal[layer - 1], 2));
    const said = (state * data.depths.length + place) * data.words;
    const pieces = Array.from(tables.spoken.subarray(said, said + data.words), (i) => data.pieces[i]);
    const heads = ["layer", "std of activations", "by theory", "std of gradients",
      "gradients by theory"];
    return {
      picture, verdict: pieces.join(" ").trim(), alt: this.alt(picture, depth),
      table: depthTable(picture, "Std along depth, layer 1 next to the input", heads),
    };
  }

  bars(state, layer) {
    const { bins, histogram_layers: stored } = this.data;
    const place = (state * stored.length + stored.indexOf(layer)) * bins;
    return Array.from(this.tables.heights.subarray(place, place + bins), (height) => height / 255);
  }

  alt({ layers, signal, gradient, heights, low, high }, depth) {
    const two = (x) => (Number.isFinite(x) ? general(x, 2) : "too large for float32");
    const bins = heights[0].length;
    const histogram = (i) => {
      const share = heights[i].map((height) => height ** 2), whole = sum(share) || 1;
      const fullest = share.indexOf(Math.max(...share));
      const middle = low + ((high - low) * (fullest + 0.5)) / bins;
      const ends = (100 * (share[0] + share[bins - 1])) / whole;
      const held = ((100 * share[fullest]) / whole).toFixed(0);
      return `the fullest of ${bins} bars, near ${two(middle)}, holds ${held} %` +
        (ends >= 1 ? `, ${ends.toFixed(0)} % at or beyond ${low} and ${high}` : "");
    };
    const shown = layers.length < depth ? `${layers.length} of ${depth} layers` : `${depth} layers`;
    return `Histograms of the activations of ${shown}. Layer 1: ${histogram(0)}. Layer ${depth}: ` +
      `${histogram(layers.length - 1)}. Below, on a log axis along depth, the std of the activations, ` +
      `${two(signal[0])} at layer 1 and ${two(signal[depth - 1])} at layer ${depth}, and of the ` +
      `gradients, ${two(gradient[depth - 1])} at layer ${depth} and ${two(gradient[0])} at layer 1; ` +
      "dashed, what theory expects.";
  }
}
