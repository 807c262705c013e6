// The residual explorer's numbers: stored measurements at every state that the controls reach.

class Source {
  constructor(data) {
    this.data = data;
    this.stored = new StoredDepths(data, data.depths.map((depth) => depth + 1)); // the stem's, too
    this.share = decode(data.share, Uint16Array);
  }

  /** What a button sets depends on the depth; the other moves are everybody's. */
  answer(name, how, value, { depth }) {
    return how === "jump" ? [this.jumps(depth)[value], ""] : undefined;
  }

  jumps(depth) {
    return this.data.jumps[this.data.depths.indexOf(depth)];
  }

  /** Everything that a setting shows. */
  look(setting) {
    const { depth, scale } = setting, { data } = this;
    const state = this.state(setting), place = data.depths.indexOf(depth);
    const stream = this.stored.curves(state, place), deepest = Math.max(...data.depths);
    const share = fromCodes(this.share.subarray(state * deepest, state * deepest + depth));
    const blocks = Object.entries(stream).map(([name, values]) => [name, values.slice(1)]);
    const picture = { rule: this.rule(setting), share, ...Object.fromEntries(blocks) };
    const jumped = Object.entries(this.jumps(depth)).filter(([, value]) => value === scale);
    return { picture, verdict: this.stored.words(state, place), alt: this.alt(picture, depth),
      table: this.table(stream, share), jumped: { scale: jumped.map(([name]) => name) } };
  }

  state({ scale, normalization, start }) {
    const { starts, norms, scales } = this.data, norm = norms.indexOf(normalization);
    if (start === "he") return norm * scales.length + scales.indexOf(scale);
    const silent = starts.filter((name) => name !== "he");
    return norms.length * (scales.length + silent.indexOf(start)) + norm;
  }

  /** What a block computes. */
  rule({ scale, normalization, start }) {
    const read = normalization === "none" ? "x" : `${normalization} norm(x)`;
    return `x + ${start === "rezero" ? 0 : general(scale, 3)} · ${start === "fixup" ? 0 : "W"} relu(${read})`;
  }

  alt({ rule, share, signal, gradient, predicted_signal, predicted_gradient }, depth) {
    const last = depth - 1, also = depth > 1 ? ` and ${plainly(share[last])} by block ${depth}` : "";
    return `Each block computes ${rule}. Bars: what a block adds, as a share of what the stream then ` +
      `holds: ${plainly(share[0])} by block 1${also}. Below, on a log axis along the blocks, root mean ` +
      `squares: of the stream, going up, ${plainly(signal[0])} after block 1 and ` +
      `${plainly(signal[last])} after block ${depth}, where theory expects ` +
      `${plainly(predicted_signal[last])}; of the gradient, coming down, ${plainly(gradient[last])} after ` +
      `block ${depth} and ${plainly(gradient[0])} after block 1, where theory expects ` +
      `${plainly(predicted_gradient[0])}.`;
  }

  table(stream, share) {
    const heads = ["after", "rms of stream", "by theory", "rms of gradient", "gradient by theory"];
    const table = depthTable(stream, "The stream after the stem and after each block", heads);
    table.columns.splice(1, 0, "share added");
    table.rows.forEach((row, i) => {
      row.splice(0, 1, i ? `block ${i}` : "stem", i ? general(share[i - 1], 3) : "–");
    });
    return table;
  }
}
