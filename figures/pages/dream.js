// The dream explorer's numbers, computed here: a Boltzmann machine and its Gibbs chains.

const AT_ONCE = 60; // Gibbs steps; what takes longer is shown on its way

/** A restricted Boltzmann machine with Bernoulli units, as in course_utils.boltzmann. */
class Machine {
  /** `filters`: a signed byte a weight; the largest of a unit, 127, means `largest`. */
  constructor({ filters, largest, visible_bias: visible, hidden_bias: hidden }) {
    const bytes = new Int8Array(bytesOf(filters).buffer);
    this.visible = Float64Array.from(visible);
    this.hidden = Float64Array.from(hidden);
    this.weight = Array.from(hidden, (_, unit) => Float32Array.from(
      bytes.subarray(unit * visible.length, (unit + 1) * visible.length),
      (weight) => (weight * largest[unit]) / 127)); // [hidden][visible]
    this.turned = Array.from(visible, (_, pixel) =>
      Float32Array.from(hidden, (_, unit) => this.weight[unit][pixel])); // [visible][hidden]
  }

  /** The log-odds of p(h = 1 | v), for states v, 0 or 1, at temperature 1. */
  hiddenInput(v) {
    return inputs(this.turned, this.hidden, v);
  }

  hiddenGivenVisible(v, temperature = 1) {
    return this.hiddenInput(v).map((input) => sigmoid(input / temperature));
  }

  visibleGivenHidden(h, temperature = 1) {
    return inputs(this.weight, this.visible, h).map((input) => sigmoid(input / temperature));
  }

  /** F(v) = −b·v − Σ log(1 + exp(c + W v)), in nats. */
  freeEnergy(v) {
    const own = v.reduce((total, state, pixel) => total + state * this.visible[pixel], 0);
    return -own - this.hiddenInput(v).reduce((total, input) => total + softplus(input), 0);
  }

  /** One Gibbs step: draw h given v, write the held units into it, draw v given h. */
  step(v, { temperature, clamped }, random) {
    const h = drawn(this.hiddenGivenVisible(v, temperature), random);
    for (const [unit, state] of Object.entries(clamped)) h[unit] = Number(state === "on");
    return { h, v: drawn(this.visibleGivenHidden(h, temperature), random) };
  }
}

/** The bias, and the sum of the rows whose unit is on; four at once, in half the time. */
function inputs(rows, bias, states) {
  const result = Float64Array.from(bias), on = rows.filter((_, i) => states[i]), size = bias.length;
  const fours = on.length - (on.length % 4);
  for (let i = 0; i < fours; i += 4) {
    const first = on[i], second = on[i + 1], third = on[i + 2], fourth = on[i + 3];
    for (let j = 0; j < size; j++) result[j] += first[j] + second[j] + third[j] + fourth[j];
  }
  for (const row of on.slice(fours)) {
    for (let j = 0; j < size; j++) result[j] += row[j];
  }
  return result;
}

/** 1 with this probability, else 0, for each unit. */
function drawn(probability, random) {
  const states = new Uint8Array(probability.length);
  for (let i = 0; i < states.length; i++) states[i] = Number(random() < probability[i]);
  return states;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Chains that dream: each from its start, all of them as far as they were asked to go. */
class Chains {
  constructor(machine, setting, { n, images, stops }) {
    Object.assign(this, { machine, setting, stops, taken: 0 });
    this.random = generator(setting.seed);
    const pixels = machine.visible.length, even = new Float64Array(pixels).fill(0.5);
    if (setting.start === "data") {
      const order = shuffled(images.length / pixels, this.random);
      this.shown = Array.from({ length: n }, (_, i) => {
        const first = order[i % order.length] * pixels;
        return Float64Array.from(images.subarray(first, first + pixels), (byte) => byte / 255);
      });
      this.start = this.shown.map((image) => drawn(image, this.random));
    } else {
      this.start = Array.from({ length: n }, () => drawn(even, this.random));
      this.shown = this.start;
    }
    this.now = this.start.map((v) => ({ v }));
    this.kept = new Map(); // stop → the states of all chains there, and their mean free energy
    this.keep();
  }

  /** Go on until `steps` are taken, but take `most` at most. */
  advance(steps, most) {
    for (let i = 0; i < most && this.taken < Math.max(steps, 1); i++) {
      this.now = this.now.map(({ v }) => this.machine.step(v, this.setting, this.random));
      this.taken++;
      if (this.stops.includes(this.taken)) this.keep();
    }
  }

  keep() {
    const energies = this.now.map(({ v }) => this.machine.freeEnergy(v));
    this.kept.set(this.taken, { states: this.now, energy: mean(energies) });
  }

  /** What the chains dream at the last stop up to `steps` that they have reached. */
  dream(setting, data) {
    const passed = this.stops.filter((stop) => stop <= setting.steps && this.kept.has(stop));
    const steps = passed[passed.length - 1], kept = this.kept.get(steps);
    kept.seen ??= this.seenAt(steps, kept.states);
    const energies = passed.map((stop) => this.kept.get(stop).energy);
    return { setting: { ...setting, steps }, steps: passed, free_energy: energies, data, ...kept.seen };
  }

  /** Pictures, the units that drew them, and distances, once they are asked for. */
  seenAt(steps, states) {
    const hidden = this.kept.get(Math.max(steps, 1)).states.map(({ h }) => h);
    const picture = (h) => this.machine.visibleGivenHidden(h, this.setting.temperature);
    return {
      hidden, pictures: steps ? hidden.map(picture) : this.shown,
      moved: mean(states.map(({ v }, i) => differing(v, this.start[i]))),
      spread: spreadOf(states.map(({ v }) => v)),
    };
  }
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const mean = (numbers) => total(numbers) / numbers.length;
const differing = (one, other) => one.reduce((count, bit, i) => count + (bit !== other[i]), 0);

/** In how many of its bits a pair of rows differs on average. */
function spreadOf(rows) {
  const shares = Array.from(rows[0], (_, i) => mean(rows.map((row) => row[i])));
  return (total(shares.map((p) => 2 * p * (1 - p))) * rows.length) / Math.max(rows.length - 1, 1);
}

/** The numbers 0 to `count` − 1 in random order. */
function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

// ---------------------------------------------------------------- the words, as the package has them

/** Write a number without decimals as Python does: halves go to the even neighbour. */
function whole(x) {
  const even = Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
  return x < 0 && even === 0 ? "-0" : String(even);
}

const plural = (count) => (count === 1 ? "" : "s");
const onEach = ({ hidden }) => hidden.map(total);
const onInChains = ({ hidden }) => Array.from(hidden[0], (_, unit) => total(hidden.map((h) => h[unit])));

function verdictOf(dream) {
  const { setting: s, data, hidden, moved, spread, pictures } = dream, n = hidden.length;
  const now = dream.free_energy[dream.free_energy.length - 1], on = mean(onEach(dream));
  const after = s.steps ? `After ${s.steps} step${plural(s.steps)}` : "At the start";
  const verb = s.steps ? `draw${whole(on) === "1" ? "s" : ""} a dream` : "are switched on by it";
  const alike = spread < data.spread / 3 ? ": they dream almost the same" : "";
  const words = [
    `${after} the mean free energy of the chains is ${whole(now)} nats, of the data ` +
      `${whole(data.free_energy)} ± ${whole(data.free_energy_std)}: ${compared(now, data)}.`,
    `${whole(on)} of ${hidden[0].length} hidden units ${verb} (an image of the data switches ` +
      `${whole(data.on)} on).`,
  ];
  if (s.steps) {
    words.push(`A chain is ${whole(moved)} of ${pictures[0].length} pixels from its start; two chains ` +
      `differ in ${whole(spread)} (two images of the data: ${whole(data.spread)})${alike}.`);
  }
  const held = s.clamped[s.unit], here = total(hidden.map((h) => Number(h[s.unit])));
  words.push(held ? `Unit ${s.unit} is held ${held}.`
    : `Unit ${s.unit} is on in ${here} of ${n} chains (orange frames).`);
  for (const state of ["on", "off"]) {
    const others = Object.keys(s.clamped).map(Number).sort((a, b) => a - b)
      .filter((unit) => s.clamped[unit] === state && unit !== s.unit);
    if (others.length) words.push(`Also held ${state}: ${others.join(", ")}.`);
  }
  return words.join(" ");
}

function compared(energy, data) {
  const distance = (energy - data.free_energy) / Math.max(data.free_energy_std, 1e-9);
  if (distance > 1) return "to the model less likely than real images";
  return distance < -1 ? "likelier than real images" : "to the model as likely as real images";
}

const STARTS = { noise: "random noise", data: "real images" };

function titleOf({ setting: { steps }, pictures: { length } }) {
  const when = steps ? `after ${steps} step${plural(steps)}` : "at the start";
  return `${length} chain${plural(length)} ${when}`;
}

/** What is to be seen, for who does not see it. */
function altOf(dream) {
  const { setting: s, data, hidden, moved, pictures } = dream;
  const way = s.steps ? `, ${whole(moved)} of ${pictures[0].length} pixels from it` : "";
  const most = mostOften(dream, 3).map(([unit, count]) => `${unit} (${count})`).join(", ");
  return `${titleOf(dream)} from ${STARTS[s.start]}${way}, at temperature ${general(s.temperature, 3)}. ` +
    `${energyInWords(dream)}; real images have ${whole(data.free_energy)} ± ` +
    `${whole(data.free_energy_std)}. On average ${whole(mean(onEach(dream)))} of ${hidden[0].length} ` +
    `hidden units are on, in most of the ${hidden.length} chains units ${most}. ${unitInWords(dream)}`;
}

function energyInWords({ steps, free_energy: energies }) {
  const last = steps.length - 1;
  const places = [...new Set([0, Math.min(1, last), Math.floor((last + 1) / 2), last])].sort((a, b) => a - b);
  const values = places.map((i) => `${whole(energies[i])} after ${steps[i]}`);
  return `The mean free energy in nats by steps: ${values.join(", ")}`;
}

function unitInWords({ setting: { unit, clamped }, hidden, pictures }) {
  const state = clamped[unit] ? `held ${clamped[unit]}` : "free";
  const chains = hidden.flatMap((h, i) => (h[unit] ? [i + 1] : []));
  const ink = (on) => {
    const those = pictures.filter((_, i) => Boolean(hidden[i][unit]) === on);
    return those.length ? [`${whole(100 * mean(those.map(mean)))} %`] : [];
  };
  let means = [...ink(true), ...ink(false)].join(" and "), where = "on in all chains";
  if (!chains.length) where = "on in no chain";
  else if (chains.length < hidden.length) {
    where = `on in chains ${chains.join(", ")}`;
    means += " where it is off";
  }
  return `Unit ${unit} is ${state} and ${where}; ink in these dreams: ${means}.`;
}

/** Units, and in how many chains they are on, those that are on in most first. */
function mostOften(dream, most) {
  return onInChains(dream).map((count, unit) => [unit, count])
    .sort(([a, one], [b, other]) => other - one || a - b).slice(0, most);
}

function tableOf(dream) {
  const { setting: { unit }, hidden, steps, free_energy: energies } = dream;
  const rows = steps.map((step, i) => [`step ${step}`, `mean free energy ${energies[i].toFixed(1)} nats`]);
  for (const [one, count] of mostOften(dream, 10)) {
    rows.push([`unit ${one}`, `on in ${count} of ${hidden.length} chains`]);
  }
  onEach(dream).forEach((on, i) => {
    rows.push([`chain ${i + 1}`, `${on} units on, unit ${unit} ${hidden[i][unit] ? "on" : "off"}`]);
  });
  const caption = "The free energy by steps, the units that are on in most chains, and each chain";
  return { caption, columns: ["step, unit or chain", "what is measured"], rows };
}

function pictureOf(dream) {
  const { setting: { unit, clamped }, pictures, hidden, steps, free_energy, data } = dream;
  const pixels = pictures[0].length, bytes = new Uint8Array(pictures.length * pixels);
  pictures.forEach((picture, i) => bytes.set(picture.map((p) => Math.round(255 * p)), i * pixels));
  return {
    pictures: bytes, on: Uint8Array.from(onInChains(dream)), unit, held: clamped, steps, free_energy,
    framed: hidden.map((h) => Boolean(h[unit])), title: titleOf(dream),
    data: { mean: data.free_energy, std: data.free_energy_std },
  };
}

// ---------------------------------------------------------------- what the page asks

/** Units held by hand, as they stand in the address: 3on-7off, or free if there are none. */
const heldFrom = (text) => Object.fromEntries([...text.matchAll(/(\d+)(on|off)/g)]
  .map(([, unit, state]) => [Number(unit), state]));
const heldAsText = (held) => Object.entries(held).map(([unit, state]) => unit + state).join("-") || "free";

class Source {
  constructor(data, desk) {
    Object.assign(this, { desk, data, machine: new Machine(data), chains: null, key: "" });
    const scales = data.largest.map((largest) => largest / data.limit);
    this.images = bytesOf(data.images);
    spec.fixed = { side: data.side, filters: data.filters, scales };
  }

  look(asked) {
    const setting = { ...asked, clamped: heldFrom(asked.clamped) };
    const { temperature, start, seed, clamped } = setting;
    const key = JSON.stringify([temperature, start, seed, clamped]);
    if (key !== this.key) {
      const { n_chains: n, stops } = this.data;
      this.chains = new Chains(this.machine, setting, { n, stops, images: this.images });
      this.key = key;
    }
    this.chains.advance(setting.steps, AT_ONCE);
    clearTimeout(this.later);
    if (this.chains.taken < setting.steps) this.later = setTimeout(() => this.goOn());
    const dream = this.chains.dream(setting, this.data.facts);
    const { values } = controlsShown(asked);
    return {
      picture: pictureOf(dream), verdict: verdictOf(dream), alt: altOf(dream), table: tableOf(dream),
      values: { ...values, clamped: clamped[asked.unit] ?? "free" },
    };
  }

  goOn() {
    this.desk.show(this.desk.view.shown.correction);
  }

  press() {
    this.desk.setting = { ...this.desk.setting, clamped: "free" };
    this.desk.toAddress();
  }

  /** The list speaks of the unit that is looked at, the address of all units. */
  answer(name, how, value, setting) {
    if (name !== "clamped") return null;
    if (["free", "on", "off"].includes(value)) {
      const held = heldFrom(setting.clamped);
      if (value === "free") delete held[setting.unit];
      else held[setting.unit] = value;
      return [heldAsText(held), ""];
    }
    const last = this.machine.hidden.length - 1;
    const known = Object.entries(heldFrom(value)).filter(([unit]) => unit <= last);
    const rest = value.replace(/(\d+)(on|off)(-|$)/g, (all, unit) => (unit <= last ? "" : all));
    const note = `Units from 0 to ${last} are held as in 3on-7off; ${rest.slice(0, 60)} was ignored.`;
    return [heldAsText(Object.fromEntries(known)), rest && note];
  }
}
