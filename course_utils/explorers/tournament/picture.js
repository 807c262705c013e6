// The picture of the tournament: every contestant of one setting as an interval, the best on top.

const MOST = 13; // contestants of the largest family: for all others the picture keeps its height

/**
 * Fill `place`: names at the left, intervals, notes at the right; on a phone the name stands above
 * its interval. `shown` holds `title`, `standings` (what each mark means) and `contestants`, each
 * with name, standing, seeds, mean, low and high (in %), note, and whether it is advised.
 */
function draw(place, shown, { width, letter, narrow, wide }) {
  const em = 0.9 * letter, title = wrapped(shown.title, width, em);
  const left = narrow ? 0.6 * em : 1.2 * em + Math.max(...shown.contestants.map(nameWidth)) * em;
  const right = width - (narrow ? em : 1.5 * em + Math.max(...shown.contestants.map(noteWidth)) * em);
  const top = (title.length * 1.35 + 0.4) * em;
  const bottom = top + MOST * (narrow ? 2.7 : wide ? 1.9 : 1.75) * em;
  const x = (percent) => left + ((right - left) * Math.min(Math.max(percent, 0), 100)) / 100;
  let drawing = title.map((line, i) => label(0, (1 + 1.35 * i) * em, line, "start",
    'font-weight="bold"')).join("");
  for (let percent = 0; percent <= 100; percent += 20) {
    drawing += `<path class="grid" d="M${x(percent).toFixed(1)} ${top.toFixed(1)}V${bottom.toFixed(1)}"/>` +
      label(x(percent), bottom + 1.2 * em, percent, "middle");
  }
  drawing += `<path class="frame" d="M${left} ${top}V${bottom}H${right}"/>` +
    label((left + right) / 2, bottom + 2.6 * em, "accuracy on test images, %", "middle");
  const room = (bottom - top) / shown.contestants.length;
  shown.contestants.forEach((contestant, i) => {
    const above = top + i * room;
    drawing += narrow ? underItsName(contestant, x, above + room / 2 - 1.35 * em, width, em)
      : besideItsName(contestant, x, above + room / 2, em);
  });
  const key = standingsAndMarks(shown.standings, bottom + 3.4 * em, width, em);
  place.innerHTML = svg(width, Math.ceil(key.bottom), em, drawing + key.drawing);
}

/** How wide a name is, in em: letters of the best are bold. */
function nameWidth({ name, standing }) {
  return (standing === "best" ? 0.65 : 0.6) * name.length;
}

function noteWidth({ note, advised }) {
  return 0.6 * note.length + (advised ? 7 : 0);
}

/** Words in lines that are not wider than this; they break after commas. */
function wrapped(words, width, em) {
  const lines = [""];
  for (const part of words.split(/(?<=,) /)) {
    const longer = `${lines[lines.length - 1]} ${part}`.trim();
    if (0.69 * em * longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

function besideItsName(contestant, x, y, em) {
  const { name, note, advised, standing } = contestant, base = y + 0.35 * em;
  const bold = standing === "best" ? 'font-weight="bold"' : "";
  const end = x(100) + 0.9 * em;
  return label(x(0) - 0.7 * em, base, name, "end", bold) + label(end, base, note, "start", 'class="quiet"') +
    (advised ? arrow(end + (0.6 * note.length + 0.9) * em, y, em) : "") +
    interval(contestant, x, y, em);
}

/** On a phone; the rate stands in the table, accidents at the right. */
function underItsName(contestant, x, top, width, em) {
  const { name, note, advised, standing } = contestant, base = top + em;
  const bold = standing === "best" ? 'font-weight="bold"' : "";
  const accidents = note.includes("diverged") ? note.replace(/^rate \S+, /, "") : "";
  return label(x(0) + 0.4 * em, base, name, "start", bold) +
    label(width, base, accidents, "end", 'class="quiet"') +
    (advised ? arrow(x(0) + (nameWidth(contestant) + 0.9) * em, top + 0.65 * em, em) : "") +
    interval(contestant, x, top + 1.85 * em, em);
}

/** A triangle that points to the left, and what it means. */
function arrow(x, y, em) {
  return `<path class="ink" d="M${x.toFixed(1)} ${y.toFixed(1)}l${0.8 * em} ${-0.45 * em}v${0.9 * em}z"/>` +
    label(x + 1.1 * em, y + 0.35 * em, "advised");
}

/** The interval of the mean, its seeds below it as dots, the mean as a mark on it. */
function interval({ name, standing, seeds, mean, low, high }, x, y, em) {
  const end = (percent) => { // beyond the axis an interval has no end
    const at = x(percent).toFixed(1), cap = (0.32 * em).toFixed(1);
    return percent >= 0 && percent <= 100 ? `M${at} ${(y - cap).toFixed(1)}v${2 * cap}` : "";
  };
  const below = (y + 0.66 * em).toFixed(1);
  const small = dots(seeds.map((seed) => `M${x(seed).toFixed(1)} ${below}`).join(""), 0.17 * em);
  return `<g class="standing ${standing}" data-name="${name.replaceAll('"', "")}">` +
    `<path class="line" d="M${x(low).toFixed(1)} ${y.toFixed(1)}H${x(high).toFixed(1)}` +
    `${end(low)}${end(high)}"/>` +
    `<path class="seeds" d="${small}"/>${mark(standing, x(mean), y, em)}</g>`;
}

/** A disc for the best, a square for who is told apart, a ring for who learns nothing. */
function mark(standing, x, y, em) {
  const half = 0.31 * em, [cx, cy] = [x.toFixed(1), y.toFixed(1)];
  if (standing !== "less") return `<circle class="mark" cx="${cx}" cy="${cy}" r="${0.37 * em}"/>`;
  return `<rect class="mark" x="${cx - half}" y="${cy - half}" width="${2 * half}" height="${2 * half}"/>`;
}

/** What the marks mean, in as many lines as it needs: an SVG group, and where it ends. */
function standingsAndMarks(standings, top, width, em) {
  const rows = [...Object.entries(standings), ["seeds", "small dots: seeds"],
    ["interval", "bar: 95 % for the mean"]];
  let x = 0, y = top + em, drawing = "";
  for (const [standing, words] of rows) {
    const marked = standing in standings, wide = ((marked ? 1.3 : 0) + 0.57 * words.length) * em;
    if (x > 0 && x + wide > width) [x, y] = [0, y + 1.4 * em];
    if (marked) drawing += `<g class="standing ${standing}">${mark(standing, x + 0.5 * em, y - 0.35 * em, em)}</g>`;
    drawing += label(x + (marked ? 1.3 * em : 0), y, words);
    x += wide + em;
  }
  return { drawing, bottom: y + 0.5 * em };
}
