// On a page: what a move leads to is answered here, from what the page holds.
//
// The state stands in the address, #std=0.05&depth=20, so that it can be shared.

const { spec, start, data } = JSON.parse(document.getElementById("held").textContent);

/** All controls with a value, by name. */
const known = new Map(spec.rows.flat().filter((c) => c.kind !== "jumps" && c.kind !== "button")
  .map((control) => [control.name, control]));

/** Read a number; a comma may stand for the point, but not where it may part thousands. */
function readNumber(text) {
  const words = String(text).trim();
  const decimal = /^[+-]?\d*[.,]?\d+(e[+-]?\d+)?$/i.test(words) || /^[+-]?\d+[.]$/.test(words);
  const thousands = /^[+-]?0*[1-9]\d*,\d{3}$/.test(words);
  return decimal && !thousands ? Number(words.replace(",", ".")) : NaN;
}

/** The value that the page has nearest to a number; on a log slider by ratio. */
function nearest(control, number) {
  const byRatio = control.log && number > 0;
  const far = (stop) => Math.abs(byRatio ? Math.log(stop / number) : stop - number); // 0 is ∞ far
  const all = [...control.stops, ...(control.more ?? [])];
  return all.reduce((best, stop) => (far(stop) < far(best) ? stop : best));
}

/** What was typed, as a value that the page has, and a sentence if that is another. */
function fromText({ name, label, ...control }, text, previous) {
  const number = readNumber(text);
  if (Number.isNaN(number)) {
    const shown = JSON.stringify(String(text).slice(0, 60));
    return [previous, `${label} must be a number; ${shown} was ignored.`];
  }
  if (control.kind === "typed") {
    const whole = Math.min(Math.max(Math.trunc(number), control.low), control.high);
    return [whole, whole === number ? "" : `${label} is a whole number from ${control.low} to ` +
      `${control.high}: ${general(number, 6)} was changed to ${whole}.`];
  }
  const value = nearest(control, number);
  const same = Math.abs(value - number) <= 5e-4 * Math.abs(number);
  return [value, same ? "" : `${label} ${general(number, 4)} is not on this page: the nearest is ` +
    `${general(value, 4)}.`];
}

/** The value that a move means, and a sentence if it is not what was asked. */
function answer(name, how, value, setting) {
  const control = known.get(name);
  if (how === "jump") {
    const jumps = spec.rows.flat().find((c) => c.kind === "jumps" && c.name === name);
    return [jumps.values[value], ""];
  }
  if (how === "place") return [control.stops[value], ""];
  if (control.kind === "choice") {
    const option = control.options.find(([one]) => one === String(value));
    const all = control.options.map(([one]) => one).join(", ");
    if (!option) return [setting[name], `${control.label} can be ${all}; the other was ignored.`];
    return [option[0], ""];
  }
  return fromText(control, value, setting[name]);
}

/** What the controls show of a setting. */
function controlsShown(setting) {
  const shown = { values: {}, places: {}, spoken: {}, jumped: {} };
  for (const [name, control] of known) {
    const value = setting[name];
    if (control.kind === "choice") shown.values[name] = String(value);
    else if (value !== undefined) {
      shown.values[name] = general(value, 4);
      const text = shown.values[name], units = control.unit ?? "";
      shown.spoken[name] = `${text} ${text === "1" ? units.replace(/s$/, "") : units}`.trim();
    }
    if (control.stops) {
      const onSlider = { ...control, more: [] };
      shown.places[name] = control.stops.indexOf(nearest(onSlider, value));
    }
  }
  for (const { kind, name, values } of spec.rows.flat()) {
    if (kind === "jumps") {
      shown.jumped[name] = Object.keys(values).filter((key) => values[key] === setting[name]);
    }
  }
  return shown;
}

/** The kernel's place on a page: it holds the setting, and answers the view. */
class Desk {
  constructor(root) {
    this.setting = { ...start };
    this.source = new Source(data, this);
    this.view = new View(root, spec, draw, (request) => queueMicrotask(() => this.asked(request)));
    addEventListener("hashchange", () => this.fromAddress());
    this.fromAddress();
  }

  asked({ request, set = {}, press }) {
    const notes = [];
    if (press) notes.push(this.source.press(press) ?? "");
    for (const [name, [how, value]] of Object.entries(set)) {
      const own = this.source.answer?.(name, how, value, this.setting);
      const [taken, note] = own ?? answer(name, how, value, this.setting);
      this.setting = { ...this.setting, [name]: taken };
      notes.push(note);
    }
    this.request = request;
    this.show(notes.filter(Boolean).join(" "));
    if (Object.keys(set).length) this.toAddress();
  }

  /** Show what the source says of the setting; it may call this again when it has more to show. */
  show(correction = "") {
    const shown = { answer: this.request ?? "", ...controlsShown(this.setting), correction };
    this.view.show({ ...shown, ...this.source.look(this.setting) });
  }

  fromAddress() {
    const notes = [];
    let setting = { ...start };
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      if (!known.has(name)) continue;
      const how = known.get(name).kind === "choice" ? "chosen" : "typed";
      const own = this.source.answer?.(name, how, text, setting);
      const [value, note] = own ?? answer(name, how, text, setting);
      setting = { ...setting, [name]: value };
      notes.push(note);
    }
    if (JSON.stringify(setting) === JSON.stringify(this.setting) && this.begun) return;
    this.setting = setting;
    this.begun = true;
    this.show(notes.filter(Boolean).join(" "));
  }

  toAddress() {
    const shared = Object.entries(this.setting).filter(([name]) => known.has(name));
    const words = shared.map(([name, value]) =>
      `${name}=${encodeURIComponent(typeof value === "number" ? general(value, 4) : value)}`);
    history.replaceState(null, "", `#${words.join("&")}`);
  }
}

/** A table of four curves, a row a layer. */
function depthTable(shown, caption, heads) {
  const three = (x) => general(x, 3);
  const rows = shown.signal.map((signal, i) => [String(i + 1), three(signal),
    three(shown.predicted_signal[i]), three(shown.gradient[i]), three(shown.predicted_gradient[i])]);
  return { caption, columns: heads, rows };
}

/** Write a number in two digits, without a power of ten where it is read well: 570, 34,000. */
function plainly(x) {
  const short = Number(x.toPrecision(2));
  return short >= 1e-4 && short < 1e12 ? short.toLocaleString("en-US", { maximumSignificantDigits: 2 })
    : general(x, 2);
}

/** Measurements of many states, each at several depths, with `lengths[place]` numbers: depths.py. */
class StoredDepths {
  constructor(data, lengths) {
    Object.assign(this, { data, lengths, tables: {} });
    for (const name of [...CURVES, "spoken"]) this.tables[name] = decode(data[name], Uint16Array);
  }

  /** The four curves of a state: of the signal's the first part, of the gradient's that depth's. */
  curves(state, place) {
    const { lengths } = this, length = lengths[place];
    const before = lengths.slice(0, place).reduce((sum, one) => sum + one, 0);
    const all = lengths.reduce((sum, one) => sum + one, 0), longest = Math.max(...lengths);
    return Object.fromEntries(CURVES.map((name) => {
      const from = name.endsWith("signal") ? state * longest : state * all + before;
      return [name, fromCodes(this.tables[name].subarray(from, from + length))];
    }));
  }

  words(state, place) {
    const { pieces, words } = this.data, from = (state * this.lengths.length + place) * words;
    const spoken = Array.from(this.tables.spoken.subarray(from, from + words), (i) => pieces[i]);
    return spoken.join(" ").trim();
  }
}

/** Turn a text in base64 into numbers of this type. */
function decode(text, Type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Type(bytes.buffer);
}

/** Turn 16-bit codes back into the numbers that they stand for: see numbers.py. */
function fromCodes(codes) {
  return Array.from(codes, (code) => {
    if (code === 0) return 0;
    if (code === 65534) return NaN;
    if (code === 65535) return Infinity;
    return 10 ** (-47 + (94 * (code - 1)) / 65532);
  });
}

new Desk(document.getElementById("explorer"));
