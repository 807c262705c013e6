// The live training: a worker trains here, and its runs are shown as the package shows its own.

const SHOWN = 9; // runs in the picture: the newest, and the last 8 before it
const POINTS = 300; // so many points of a curve are drawn, one more at most
const MEMORY = 0.8; // weight of the past in the moving average of the loss
const IDLE = "Choose how the weights begin, and press Start.";

const three = (x) => general(x, 3);

/** Name a setting: "normal, std 0.05, seed 0". */
function nameOf({ scheme, std, seed }) {
  return scheme === "normal" ? `${scheme}, std ${general(std, 4)}, seed ${seed}` : `${scheme}, seed ${seed}`;
}

/** A run and its curves, which grow while it goes on. */
class Run {
  constructor(number, setting) {
    Object.assign(this, { number, setting, losses: [], smooth: [], accuracies: [], outcome: null });
  }

  /** Take what happened at a step, as `training` gives it. */
  note({ step, loss, accuracy, outcome }) {
    if (step > 0) {
      const before = this.smooth.at(-1) ?? loss, regular = loss > 0 && before > 0;
      this.smooth.push(regular ? before ** MEMORY * loss ** (1 - MEMORY) : loss);
      this.losses.push(loss);
    }
    if (accuracy !== undefined) this.accuracies.push([step, accuracy]);
    this.outcome = outcome ?? null;
  }

  get name() {
    return nameOf(this.setting);
  }

  get title() {
    return this.outcome === "stopped" ? `${this.name} (stopped)` : this.name;
  }

  get lastStep() {
    return this.outcome ? this.losses.length : this.setting.steps;
  }

  /** The last loss, smoothed, and the last accuracy, in words. */
  get loss() {
    return this.smooth.length ? three(this.smooth.at(-1)) : "none yet";
  }

  get accuracy() {
    return this.accuracies.length ? this.accuracies.at(-1)[1].toFixed(2) : "none yet";
  }

  get ending() {
    const steps = this.losses.length;
    return `${this.outcome} after ${steps} step${steps === 1 ? "" : "s"}`;
  }

  get summary() {
    const ending = this.ending.replace("stopped", "stopped by you");
    return `${this.name}: ${ending}, test accuracy ${this.accuracy}.`;
  }

  /** Each n-th point is drawn; n stays while a run grows: no point wanders. */
  get every() {
    return Math.ceil(this.setting.steps / POINTS);
  }

  get curves() {
    const { every, smooth } = this, last = smooth.length - 1;
    return {
      label: this.title, last_step: this.lastStep, steps: smooth.length, every,
      smooth: smooth.filter((_, i) => i % every === 0 || i === last),
      measured: this.accuracies.map(([step, accuracy]) => [step, accuracy, step ? smooth[step - 1] : null]),
    };
  }

  /** The loss of each step; of a long run the extremes of every few, as they come. */
  get raw() {
    const { every, losses } = this;
    if (every === 1) return { every, losses };
    const extremes = [];
    for (let i = 0; i < losses.length; i += 2 * every) {
      const part = losses.slice(i, i + 2 * every).filter((loss) => loss > 0);
      const [low, high] = part.length ? [Math.min(...part), Math.max(...part)] : [NaN, NaN];
      extremes.push(...(part.indexOf(low) < part.indexOf(high) ? [low, high] : [high, low]));
    }
    return { every, losses: extremes };
  }
}

class Source {
  constructor(data, desk) {
    Object.assign(this, { data, desk, words: data.words, count: 0, worker: null });
    this.runs = data.runs.map(({ setting, steps }) => {
      const run = new Run(++this.count, setting);
      steps.forEach((step) => run.note(step));
      return run;
    });
  }

  get running() {
    const newest = this.runs.at(-1);
    return newest && !newest.outcome ? newest : null;
  }

  // ---------------------------------------------------------------- what is asked

  press(name) {
    return this[name]();
  }

  start() {
    if (this.running) return "A training is going on: press Stop first, or let it end.";
    const setting = { ...this.desk.setting }, run = new Run(++this.count, setting);
    this.runs.push(run);
    this.words = `${run.name}: training for ${setting.steps} steps. Stop ends it early.`;
    this.worker ??= this.hire();
    const [train, test] = ["train", "test"].map((part) => ({
      pixels: decode(this.data[`${part}_pixels`], Uint8Array),
      labels: decode(this.data[`${part}_labels`], Uint8Array),
    }));
    this.worker.postMessage({ sizes: this.data.sizes, setting, train, test });
    return "";
  }

  stop() {
    if (!this.running) return "No training is going on: there is nothing to stop.";
    this.worker.postMessage("stop");
    return "";
  }

  clear() {
    this.runs = this.running ? [this.running] : [];
    if (!this.running) this.words = IDLE;
    return "";
  }

  /** A std may be any number: it is trained here, and needs not be stored. */
  answer(name, how, value) {
    const number = readNumber(value), end = this.data.largest_std;
    if (name !== "std" || how !== "typed" || Number.isNaN(number)) return undefined;
    const used = Math.min(Math.max(number, 0), end);
    return [used, used === number ? "" : `std goes from 0 to ${end}: ${general(number, 6)} was ` +
      `changed to ${used}.`];
  }

  // ---------------------------------------------------------------- the worker

  hire() {
    const worker = new Worker(URL.createObjectURL(new Blob([this.data.worker])));
    worker.onmessage = ({ data: news }) => {
      const run = this.running;
      news.forEach((step) => run.note(step));
      if (run.outcome) this.words = run.summary;
      this.desk.show(this.desk.view.shown.correction);
    };
    worker.onerror = ({ message }) => {
      this.running.outcome = "failed";
      this.words = `${this.runs.at(-1).name}: failed. ${message}`;
      this.desk.show(this.desk.view.shown.correction);
    };
    return worker;
  }

  // ---------------------------------------------------------------- what is shown

  look(setting) {
    const { running } = this, shown = this.runs.slice(-SHOWN), newest = shown.at(-1);
    const ownRule = setting.scheme !== "normal", steps = newest?.losses.length ?? 0;
    const isNews = !newest || newest.setting.steps !== setting.steps || newest.name !== nameOf(setting);
    return {
      picture: { runs: this.looks(shown), raw: newest?.raw ?? null },
      verdict: isNews ? `${this.words} Next: ${nameOf(setting)}, ${setting.steps} steps.` : this.words,
      alt: inWords(shown),
      table: tableOf(shown),
      disabled: [running ? "start" : "stop", ...(ownRule ? ["std"] : [])],
      notes: ownRule ? { std: `std counts for normal only: ${setting.scheme} has a rule of its own` } : {},
      progress: [steps, newest?.setting.steps ?? 1],
      steps: newest ? `${steps} of ${newest.setting.steps} steps` : "",
    };
  }

  /** The curves of each run and its looks: runs that differ in their std have shades of one colour. */
  looks(runs) {
    const { schemes, shades, markers } = this.data.looks;
    const stdOf = ({ setting }) => setting.scheme === "normal" ? setting.std : null;
    const stds = [...new Set(runs.map(stdOf))].filter((std) => std !== null).sort((a, b) => a - b);
    return runs.map((run) => {
      const std = stdOf(run), { colors, dashed } = schemes[run.setting.scheme];
      return {
        ...run.curves, dashed, marker: markers[(run.number - 1) % markers.length],
        colors: std === null ? colors : shades[stds.length - 1][stds.indexOf(std)],
      };
    });
  }
}

/** What the picture shows: the newest run, step, loss and accuracy, then the others. */
function inWords(runs) {
  const newest = runs.at(-1), older = runs.slice(0, -1);
  if (!newest) return "Two empty panels: training loss and test accuracy against steps. No run yet.";
  const steps = `${newest.losses.length} of ${newest.setting.steps}`;
  const far = newest.outcome ? newest.ending : `is at step ${steps}`;
  const first = newest.smooth.length ? `, at its first step ${three(newest.smooth[0])}` : "";
  const ends = older.map((run) => `${run.title}: ${run.loss} and ${run.accuracy}`).join(", ");
  return "Training loss, on a log axis, and test accuracy against steps; dashed lines mark guessing: " +
    `loss 2.3, accuracy 0.1. The newest run, ${newest.name}, ${far}: smoothed loss ${newest.loss}${first}; ` +
    `test accuracy ${newest.accuracy}.` +
    (ends && ` Earlier runs, by last loss and test accuracy: ${ends}.`);
}

/** Where each run stands, and how it ended, a row a run. */
function tableOf(runs) {
  return {
    caption: "The runs of this picture, the newest last",
    columns: ["run", "steps", "last loss, smoothed", "test accuracy", "ended"],
    rows: runs.map((run) => [run.name, `${run.losses.length} of ${run.setting.steps}`, run.loss,
      run.accuracy, run.outcome ?? "not yet"]),
  };
}
