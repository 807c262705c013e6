// The picture of the live training: loss and test accuracy against steps, run beside run.

const LOWEST = 1e-3, HIGHEST = 1e12; // losses between which the axis may end

const ROUND = Array.from({ length: 16 }, (_, i) => [1, 2, 5].map((digit) => Number(`${digit}e${i - 3}`)))
  .flat(); // 1, 2 and 5 times a power of ten

/** Corners of the markers, named by Matplotlib's letters, around 0 and about 2 wide. */
const MARKERS = {
  o: Array.from({ length: 16 }, (_, i) => [Math.cos((Math.PI * i) / 8), Math.sin((Math.PI * i) / 8)]),
  s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "^": [[0, -1.1], [1.1, 0.9], [-1.1, 0.9]],
  v: [[0, 1.1], [1.1, -0.9], [-1.1, -0.9]],
  "<": [[-1.1, 0], [0.9, -1.1], [0.9, 1.1]],
  ">": [[1.1, 0], [-0.9, -1.1], [-0.9, 1.1]],
  D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  P: plus(0.4, 1.2),
  X: plus(0.4, 1.2).map(([x, y]) => [0.71 * (x - y), 0.71 * (x + y)]),
};

/** The corners of a plus sign whose arms are 2 `half` wide and end `far` from the middle. */
function plus(half, far) {
  const arm = [[-half, -half], [-half, -far], [half, -far]];
  const turn = (corners, times) => times ? turn(corners.map(([x, y]) => [-y, x]), times - 1) : corners;
  return [0, 1, 2, 3].flatMap((times) => turn(arm, times));
}

/**
 * Fill `place`: two panels, one below the other on a phone, and a legend below them.
 *
 * `shown` holds `runs`, oldest first, and `raw`, the losses of the newest. A run holds its label,
 * its steps and last_step, its smoothed loss at every `every`-th step and the last, what was
 * measured as [step, accuracy, smoothed loss], and its looks: colors, dashed, marker.
 */
function draw(place, shown, { width, letter, narrow, wide, dark }) {
  const em = 0.9 * letter, gap = 1.6 * em, tall = (narrow ? 17 : 26) * em;
  const room = narrow ? width : (width - gap) / 2;
  const last = Math.max(0, ...shown.runs.map((run) => run.last_step)) || 100;
  const look = { em, last, narrow, thick: wide ? 1.6 : 1, ground: dark ? "dark" : "light" };
  const left = { left: 0, right: room, top: 0, bottom: tall };
  const right = narrow ? { left: 0, right: room, top: tall, bottom: 2 * tall }
    : { left: width - room, right: width, top: 0, bottom: tall };
  const legend = legendOf(shown.runs, { width, top: narrow ? 2 * tall : tall }, look);
  place.innerHTML = svg(width, Math.ceil(legend.bottom), em,
    lossPanel(shown, left, look) + accuracyPanel(shown, right, look) + legend.drawing);
}

function lossPanel(shown, box, look) {
  const losses = shown.runs.flatMap((run) => [...run.smooth, ...run.measured.map((row) => row[2])]);
  const { low, high, ticks } = lossAxis([...losses, ...(shown.raw?.losses ?? [])]);
  const from = Math.log(0.95 * low), to = Math.log(1.05 * high);
  const y = (loss) => (Math.log(loss) - from) / (to - from);
  const title = look.narrow ? "training loss: each batch thin, smoothed"
    : "training loss, batch by batch (thin) and smoothed";
  return panel(box, look, { title, y, ticks, guess: [Math.log(10), "guessing: ln 10", -0.5] },
    (x, place) => {
      const newest = shown.runs.length - 1;
      const raw = shown.raw ? rawLine(shown.raw, x, place) : "";
      return (raw && curve(raw, shown.runs[newest], look, 0.7)) + shown.runs.map((run, i) => {
        const steps = run.smooth.map((_, k) => Math.min(1 + k * run.every, run.steps));
        const path = line(steps.map((step, k) => [x(step), place(run.smooth[k])]));
        const marked = run.measured.filter(([, , loss]) => loss > 0)
          .map(([step, , loss]) => [x(step), place(loss)]);
        return curve(path, run, look, i === newest ? 2.6 : 1.5) + markers(marked, run, look);
      }).join("");
    });
}

function accuracyPanel(shown, box, look) {
  const y = (accuracy) => (accuracy + 0.02) / 1.04;
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const title = look.narrow ? "test accuracy" : "test accuracy, on 1,000 images at most";
  return panel(box, look, { title, y, ticks, guess: [0.1, "guessing: 0.1", 1.2] },
    (x, place) => shown.runs.map((run, i) => {
      const points = run.measured.map(([step, accuracy]) => [x(step), place(accuracy)]);
      const thick = i === shown.runs.length - 1 ? 2.6 : 1.5;
      return curve(line(points), run, look, thick) + markers(points, run, look);
    }).join(""));
}

/**
 * Axes against steps, and in them what `inside` draws, given two functions to a place in pixels.
 *
 * `y` goes from a value to its height, 0 to 1; `guess` are the level of guessing, its name, and
 * how far below the level the name stands, in letters.
 */
function panel(box, { em, last, narrow }, { title, y, ticks, guess }, inside) {
  const left = box.left + 3.3 * em, right = box.right - 0.8 * em;
  const top = box.top + 1.8 * em, bottom = box.bottom - (narrow ? 2.9 : 2.7) * em;
  const x = (step) => left + (right - left) * (step / last + 0.02) / 1.04;
  const place = (value) => value > 0 || value === 0 ? bottom - (bottom - top) * y(value) : NaN;
  let drawing = label(box.left, box.top + em, title);
  for (const tick of ticks) {
    drawing += `<path class="grid" d="M${left} ${place(tick).toFixed(1)}H${right}"/>` +
      label(left - 0.4 * em, place(tick) + 0.35 * em, short(tick), "end");
  }
  for (const step of roundSteps(last)) {
    drawing += `<path class="grid" d="M${x(step).toFixed(1)} ${top}V${bottom}"/>` +
      label(x(step), bottom + 1.2 * em, step, "middle");
  }
  drawing += label((left + right) / 2, bottom + 2.3 * em, "step", "middle");
  const [level, name, below] = guess, middle = place(level).toFixed(1);
  drawing += `<path class="line predicted" d="M${left} ${middle}H${right}"/>` +
    label(right - 0.4 * em, place(level) + below * em, name, "end", 'class="quiet"');
  drawing += `<svg x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" ` +
    `viewBox="${left} ${top} ${right - left} ${bottom - top}">${inside(x, place)}</svg>`;
  return `${drawing}<path class="frame" d="M${left} ${top}H${right}V${bottom}H${left}Z"/>`;
}

/** Round numbers around the losses, and around the loss of guessing in any case. */
function lossAxis(losses) {
  const held = losses.filter((loss) => loss > 0).map((loss) => Math.min(Math.max(loss, LOWEST), HIGHEST));
  const low = ROUND.filter((number) => number <= Math.min(0.5, ...held)).pop();
  const high = ROUND.find((number) => number >= Math.max(5, ...held));
  const all = ROUND.filter((number) => number >= low && number <= high);
  const tens = all.filter((number) => number.toExponential().startsWith("1e"));
  const every = Math.ceil(tens.length / 9);
  return { low, high, ticks: all.length > 10 ? tens.filter((_, i) => i % every === 0) : all };
}

/** At most six round steps from 0 to `last`. */
function roundSteps(last) {
  const by = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((size) => last / size <= 5) ?? last;
  return Array.from({ length: Math.floor(last / by) + 1 }, (_, i) => i * by);
}

/** Write 0.05, 200 or, from 10,000 on, a power of ten. */
function short(number) {
  return number < 1e4 ? String(number)
    : `10<tspan dy="-0.4em" font-size="96%">${Math.round(Math.log10(number))}</tspan>`;
}

/** A path through points, with gaps where a number has no place. */
function line(points) {
  let path = "", pen = "M";
  for (const [x, y] of points) {
    const visible = Number.isFinite(y);
    if (visible) path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = visible ? "L" : "M";
  }
  return path;
}

/** The loss of each step; of a long run two losses, the extremes, stand for 2 `every` steps. */
function rawLine({ every, losses }, x, place) {
  return line(losses.map((loss, i) => [x(0.5 + (i + 0.5) * every), place(loss)]));
}

function curve(path, run, { ground, thick }, width) {
  const dashes = run.dashed && width > 1 ? ` stroke-dasharray="${3.4 * width} ${1.6 * width}"` : "";
  return `<path d="${path}" fill="none" stroke="${run.colors[ground]}" ` +
    `stroke-width="${(width * thick).toFixed(1)}" stroke-linejoin="round"${dashes}/>`;
}

function markers(points, run, { em, ground }) {
  const size = 0.3 * em, corners = MARKERS[run.marker];
  const path = points.map(([x, y]) => "M" + corners.map(([right, down]) =>
    `${(x + size * right).toFixed(1)} ${(y + size * down).toFixed(1)}`).join("L") + "Z").join("");
  return `<path class="markers" d="${path}" fill="${run.colors[ground]}"/>`;
}

/** A piece of each run's line, and its label, in as many columns as there is room for. */
function legendOf(runs, { width, top }, look) {
  const { em } = look, longest = Math.max(...runs.map((run) => run.label.length));
  const columns = Math.max(1, Math.min(3, Math.floor(width / ((4 + 0.59 * longest) * em))));
  const drawing = runs.map((run, i) => {
    const x = (width / columns) * (i % columns), y = top + (1 + 1.5 * Math.floor(i / columns)) * em;
    const middle = [x + 1.4 * em, y - 0.35 * em], newest = i === runs.length - 1;
    return curve(line([[x, middle[1]], [x + 2.8 * em, middle[1]]]), run, look, newest ? 2.6 : 1.5) +
      markers([middle], run, look) +
      label(x + 3.3 * em, y, run.label, "start", newest ? "" : 'class="quiet"');
  }).join("");
  return { drawing, bottom: top + 1.5 * Math.ceil(runs.length / columns) * em };
}
