// The funnel explorer's numbers: stored measurements at every state that the controls reach.

class Source {
  constructor(data) {
    this.data = data;
    this.stored = new StoredDepths(data, data.depths);
  }

  /** Everything that a setting shows. */
  look(setting) {
    const { activation, rule, width_a, width_b, depth } = setting, { data } = this;
    const at = (list, value) => list.indexOf(value);
    const widths = data.widths, place = at(data.depths, depth);
    const group = at(data.activations, activation) * data.rules.length + at(data.rules, rule);
    const state = (group * widths.length + at(widths, width_a)) * widths.length + at(widths, width_b);
    const [first, second] = data.inverse_variances[state];
    const picture = {
      widths: Array.from({ length: depth + 1 }, (_, level) => (level % 2 ? width_b : width_a)),
      rule: `Var(W) = ${data.formulas[activation][rule]}`,
      variances: [`${width_a} → ${width_b}: Var(W) = 1/${first}`,
        `${width_b} → ${width_a}: Var(W) = 1/${second}`],
      ...this.stored.curves(state, place),
    };
    return { picture, verdict: this.stored.words(state, place), alt: this.alt(picture, setting),
      table: this.table(picture) };
  }

  alt(picture, { width_a, width_b, depth }) {
    const begins = (values) => values.slice(0, 4).map(plainly).join(", ");
    const up = picture.signal, down = picture.gradient.toReversed();
    return `The silhouette of a network: the input has ${width_a} numbers, layer 1 ${width_b} units, ` +
      `layer 2 ${width_a}, in turn up to layer ${depth}. Below, on a log axis along depth, root mean ` +
      `squares. Signal, going up from layer 1: ${begins(up)}; at layer ${depth} ` +
      `${plainly(up[depth - 1])}, where theory expects ${plainly(picture.predicted_signal[depth - 1])}. ` +
      `Gradient, coming down from layer ${depth}: ${begins(down)}; at layer 1 ` +
      `${plainly(down[depth - 1])}, where theory expects ${plainly(picture.predicted_gradient[0])}.`;
  }

  table(picture) {
    const heads = ["layer", "rms of signal", "by theory", "rms of gradient", "gradient by theory"];
    const table = depthTable(picture, "Root mean squares along depth, layer 1 next to the input", heads);
    table.columns.splice(1, 0, "units");
    table.rows.forEach((row, i) => row.splice(1, 0, String(picture.widths[i + 1])));
    return table;
  }
}
