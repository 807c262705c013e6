// The picture of the dream explorer: dreams, hidden units, one of these, and the free energy.

const LEAST = 14, LEAST_ON_A_PHONE = 44; // pixels of a tile of a hidden unit; else fewer are shown
const MOST_ON_A_PHONE = 24; // dreams
const PALE = 0.15; // how strong a filter is drawn of a unit that is on in no chain; 1: in all
const LINEAR = 0.5; // decades that the axis of the steps takes from 0 to 1

/**
 * Fill `place`: dreams, hidden units, and beside them the free energy above one unit.
 *
 * `shown` holds `pictures`, a byte a pixel; `on`, in how many chains each unit is on; `unit`, the
 * one that is looked at; `framed`, for each chain whether that unit is on; `held`, unit → on or
 * off; `steps` and `free_energy`; `data`, mean and std of the free energy of real images, or null;
 * `title`. `fixed` holds `filters`, a signed byte a weight, the largest of each unit being 127;
 * `scales`, how large that is, 1 being full colour; `side`, of all pictures. Bytes are in base64.
 */
function draw(place, shown, size, fixed) {
  const world = { ...unpacked(fixed), ...shown, pictures: bytesOf(shown.pictures), on: bytesOf(shown.on) };
  const { boxes, width, height, em } = (size.narrow ? onAPhone : sideBySide)(world, size);
  const dreams = dreamsIn(boxes.dreams, world, em), units = unitsIn(boxes.units, world, em, size);
  const single = unitIn(boxes.unit, world, em), curve = curveIn(boxes.curve, world, em);
  const note = label(boxes.note.left, boxes.note.bottom - 0.35 * em, noteOf(world, size), "start",
    'class="quiet"');
  const mosaics = [dreams, units, ...single.mosaics];
  const canvases = mosaics.map((mosaic) => canvasOf(mosaic)).join("");
  const drawing = mosaics.map(edges).join("") + dreams.words + units.words + single.words + curve + note;
  place.innerHTML = `<div class="mosaics">${canvases}${svg(width, height, em, drawing)}</div>`;
  const colors = getComputedStyle(place);
  place.querySelectorAll("canvas").forEach((canvas, i) => paintTiles(canvas, mosaics[i], world.side, colors));
}

// ---------------------------------------------------------------- where everything lies

/** Dreams, hidden units, and a column of curve and unit. */
function sideBySide(world, { width, letter, wide }) {
  const em = 0.9 * letter, gap = 1.2 * em, top = 1.5 * em;
  const tall = (wide ? 29 : width < 1000 ? 26 : 31) * em;
  const dreams = fit(world.framed.length, 0.34 * width, tall - top);
  const units = fit(world.on.length, 0.4 * width, tall - top, LEAST);
  const box = (left, mosaic) => ({ left, top, right: left + mosaic.width, bottom: tall, mosaic });
  const boxes = { dreams: box(0, dreams) };
  boxes.units = box(dreams.width + gap, units);
  const left = boxes.units.right + gap, tile = Math.min((width - left - 2 * gap) / 3, 0.36 * tall);
  boxes.unit = { left, right: width, top: tall - tile - 1.3 * em, bottom: tall, tile, gap };
  boxes.curve = { left, right: width, top: 0, bottom: boxes.unit.top - 1.7 * em };
  boxes.note = { left: 0, bottom: tall + 1.5 * em };
  return { boxes, width, height: Math.ceil(boxes.note.bottom), em };
}

/** One below the other: dreams, one unit, curve, hidden units. */
function onAPhone(world, { width, letter }) {
  const em = 0.9 * letter, gap = 0.8 * em, title = 1.6 * em;
  const count = Math.min(world.framed.length, MOST_ON_A_PHONE), boxes = {};
  const dreams = fit(count, width, 0.9 * width), tile = (width - 2 * gap) / 3;
  const units = fit(world.on.length, width, 0.8 * width, LEAST_ON_A_PHONE);
  boxes.dreams = { left: 0, right: width, top: title, bottom: title + dreams.height, mosaic: dreams };
  const unit = boxes.dreams.bottom + 2 * title;
  boxes.unit = { left: 0, right: width, top: unit, bottom: unit + tile + 1.3 * em, tile, gap };
  const curve = boxes.unit.bottom + 0.8 * em;
  boxes.curve = { left: 0, right: width, top: curve, bottom: curve + 16 * em };
  const top = boxes.curve.bottom + title;
  boxes.units = { left: 0, right: width, top, bottom: top + units.height, mosaic: units };
  boxes.note = { left: 0, bottom: boxes.units.bottom + 1.5 * em };
  return { boxes, width, height: Math.ceil(boxes.note.bottom), em };
}

/** The largest square tiles with which `n` fit; where they are less than `least`, fewer of them. */
function fit(n, width, height, least = 1) {
  let step = 0, columns = 1;
  for (let tried = 1; tried <= n; tried++) {
    const size = Math.floor(Math.min(width / tried, height / Math.ceil(n / tried)));
    if (size > step) [step, columns] = [size, tried];
  }
  if (step < least) {
    columns = Math.max(Math.floor(width / least), 1);
    step = Math.floor(width / columns);
    n = Math.min(n, columns * Math.max(Math.floor(height / step), 1));
  }
  return { n, step, columns, width: step * columns, height: step * Math.ceil(n / columns) };
}

/** A mosaic at a place: its tiles are cut from `values`, 0 to 255, and coloured by `ramp`. */
function mosaicAt({ left, top }, { n, step, columns }, values, ramp, frames) {
  const gap = Math.max(2, Math.round(0.06 * step)), tile = step - gap;
  const places = Array.from({ length: n }, (_, i) => [(i % columns) * step, Math.floor(i / columns) * step]);
  const rows = Math.ceil(n / columns);
  const size = { width: step * columns, height: step * rows, tile, columns };
  return { left, top, ...size, places, values, ramp, frames };
}

// ---------------------------------------------------------------- the parts

function dreamsIn(box, { pictures, framed, title }, em) {
  const { n } = box.mosaic, shown = n < framed.length ? `${n} of ${title}` : title;
  const frames = new Map(framed.slice(0, n).flatMap((on, i) => (on ? [[i, "chosen"]] : [])));
  const mosaic = mosaicAt(box, box.mosaic, pictures, ["--paper", "--print"], frames);
  return { ...mosaic, name: "dreams", words: label(box.left, box.top - 0.5 * em, shown) };
}

function unitsIn(box, world, em, { narrow }) {
  const { on, unit, held } = world, { n } = box.mosaic, all = on.length;
  const chosen = mostOn(world, n), frames = new Map();
  chosen.forEach((one, i) => {
    if (held[one]) frames.set(i, "held");
    if (one === unit) frames.set(i, "chosen");
  });
  const values = new Uint8Array(n * world.filters.length / all);
  chosen.forEach((one, i) => values.set(filterOf(world, one, strength(world, one)), i * world.side ** 2));
  const mosaic = mosaicAt(box, box.mosaic, values, ["--minus", "--paper", "--plus"], frames);
  const words = n === all ? `${all} hidden units: vivid if on`
    : narrow ? `${n} of ${all} units: those on most`
      : `${n} of ${all} hidden units: those on most`;
  return { ...mosaic, name: "units", chosen, words: label(box.left, box.top - 0.5 * em, words) };
}

/** The `n` units that are on in most chains, in their order; those with a frame are among them. */
function mostOn({ on, unit, held }, n) {
  const rank = (one) => (one === unit ? 2e6 : held[one] ? 1e6 : 0) + on[one];
  const all = Array.from(on, (_, one) => one);
  return all.sort((a, b) => rank(b) - rank(a) || a - b).slice(0, n).sort((a, b) => a - b);
}

/** One unit: its weights, and the mean dream where it is on and where it is off. */
function unitIn(box, world, em) {
  const { unit, held, framed } = world, gap = box.gap, count = framed.filter(Boolean).length;
  const state = held[unit] ? `held ${held[unit]}` : "free";
  const grey = ["--paper", "--print"], weights = ["--minus", "--paper", "--plus"];
  const parts = [
    ["weights", filterOf(world, unit, null), weights, held[unit] ? "held" : "chosen"],
    [`on in ${count}`, meanWhere(world, true), grey, "chosen"],
    [`off in ${framed.length - count}`, meanWhere(world, false), grey, null],
  ];
  let words = label(box.left, box.top - 0.55 * em, `unit ${unit}: ${state}; mean dreams if on, off`);
  const mosaics = parts.map(([name, values, ramp, frame], i) => {
    const left = box.left + i * (box.tile + gap), fitted = { n: 1, step: Math.floor(box.tile), columns: 1 };
    words += label(left + box.tile / 2, box.top + box.tile + 0.95 * em, name, "middle");
    const frames = new Map(frame ? [[0, frame]] : []);
    return { ...mosaicAt({ left, top: box.top }, fitted, values, ramp, frames), name: `unit ${i}` };
  });
  return { mosaics, words };
}

/** The mean of the dreams that have the unit on, or off: of none, an empty tile. */
function meanWhere({ pictures, framed, side }, on) {
  const chains = framed.flatMap((one, i) => (Boolean(one) === on ? [i] : [])), pixels = side ** 2;
  return Uint8Array.from({ length: pixels }, (_, pixel) =>
    chains.reduce((sum, chain) => sum + pictures[chain * pixels + pixel], 0) / (chains.length || 1) + 0.5);
}

/** The weights of a unit as 0 to 255, 127.5 being none; `strong` fades them, null shows them whole. */
function filterOf({ filters, scales, side }, unit, strong) {
  const pixels = side ** 2, factor = strong === null ? 1 : strong * scales[unit], most = strong ?? 1;
  const own = filters.subarray(unit * pixels, (unit + 1) * pixels);
  return Uint8Array.from(own, (weight) =>
    128 + 127.5 * Math.max(-most, Math.min(most, (factor * weight) / 127)));
}

function strength({ on, framed }, unit) {
  return PALE + ((1 - PALE) * on[unit]) / framed.length;
}

/** Free energy against the steps, 0 to 1 evenly and from there on by powers of ten. */
function curveIn(box, { steps, free_energy: energies, data }, em) {
  const left = box.left + 3.3 * em, right = box.right - 0.3 * em, top = box.top + 3.2 * em;
  const bottom = box.bottom - 2.6 * em, along = (n) => (n <= 1 ? LINEAR * n : LINEAR + Math.log10(n));
  const x = (n) => left + ((right - left) * (along(n) + 0.1)) / (along(1000) + 0.2);
  const known = energies.slice(1).length ? energies.slice(1) : [...energies]; // noise squeezes them
  if (data) known.push(data.mean - data.std, data.mean + data.std);
  const count = Math.max(2, Math.min(6, Math.floor((bottom - top) / (2 * em))));
  const ticks = roundTicks(Math.min(...known) - 1, Math.max(...known) + 1, count);
  const low = ticks[0], high = ticks[ticks.length - 1];
  const y = (energy) => bottom - ((bottom - top) * (energy - low)) / (high - low);
  let drawing = label(box.left, box.top + 1.0 * em, "mean free energy, nats");
  if (data) {
    const band = Math.max(top, y(data.mean + data.std)), under = Math.min(bottom, y(data.mean - data.std));
    drawing += `<rect class="soft band" x="${left}" y="${band.toFixed(1)}" width="${right - left}" ` +
      `height="${(under - band).toFixed(1)}" opacity="0.6"/>`;
  }
  for (const tick of ticks) {
    drawing += `<path class="grid" d="M${left} ${y(tick).toFixed(1)}H${right}"/>` +
      label(left - 0.4 * em, y(tick) + 0.35 * em, minus(tick.toLocaleString("en")), "end");
  }
  for (const tick of [0, 1, 10, 100, 1000]) {
    drawing += `<path class="grid" d="M${x(tick).toFixed(1)} ${top}V${bottom}"/>` +
      label(x(tick), bottom + 1.15 * em, tick.toLocaleString("en"), tick < 1000 ? "middle" : "end");
  }
  if (data) drawing += `<path class="line predicted" d="M${left} ${y(data.mean).toFixed(1)}H${right}"/>`;
  const points = energies.map((energy, i) => `${x(steps[i]).toFixed(1)} ${y(energy).toFixed(1)}`);
  const path = `M${points.join("L")}`;
  drawing += `<svg x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" ` +
    `viewBox="${left} ${top} ${right - left} ${bottom - top}"><path class="line signal" ` +
    `data-name="free_energy" d="${path}"/><path class="dots signal" d="${dots(path, 0.24 * em)}"/></svg>`;
  drawing += `<path class="frame" d="M${left} ${top}H${right}V${bottom}H${left}Z"/>`;
  return drawing + keyOfCurve(box.left, box.top + 2.4 * em, data, em) +
    label((left + right) / 2, box.bottom - 0.3 * em, "Gibbs steps", "middle");
}

function keyOfCurve(left, y, data, em) {
  const piece = (look, x) => `<path class="line ${look}" d="M${x} ${y - 0.3 * em}h${1.6 * em}"/>`;
  const dreams = piece("signal", left) + label(left + 2 * em, y, "dreams");
  if (!data) return dreams;
  const next = left + 7.2 * em;
  const size = `width="${1.6 * em}" height="${1.1 * em}"`;
  return dreams + `<rect class="soft" x="${next}" y="${y - 0.9 * em}" ${size} opacity="0.6"/>` +
    piece("predicted", next) + label(next + 2 * em, y, "data ± std");
}

/** At most about `count` round numbers, evenly apart, that hold `low` and `high` between them. */
function roundTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
  const first = Math.floor(low / step), last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function noteOf({ unit, held }, { narrow }) {
  const green = Object.keys(held).length ? "; green: held by hand" : "";
  if (narrow) return `orange: unit ${unit} is on${green}`;
  return `orange: unit ${unit}, and the chains in which it is on${green}; ` +
    "weights: red positive, blue negative";
}

// ---------------------------------------------------------------- pixels

/** Bytes from base64; what is bytes already stays. */
function bytesOf(text) {
  return typeof text === "string" ? Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) : text;
}

const READ = new WeakMap(); // filters are many: they are read once

function unpacked(fixed) {
  if (!READ.has(fixed)) {
    READ.set(fixed, { ...fixed, filters: new Int8Array(bytesOf(fixed.filters).buffer) });
  }
  return READ.get(fixed);
}

function canvasOf({ left, top, width, height, name }) {
  const dots = devicePixelRatio || 1, place = `left:${left.toFixed(1)}px;top:${top.toFixed(1)}px`;
  return `<canvas data-name="${name}" width="${Math.round(width * dots)}" ` +
    `height="${Math.round(height * dots)}" style="${place};width:${width}px;height:${height}px"></canvas>`;
}

/** Thin edges around all tiles, and frames around some: SVG, so that they follow the theme. */
function edges({ left, top, tile, places, frames, name }) {
  const thick = Math.max(2, Math.round(tile / 22));
  return places.map(([x, y], i) => {
    const look = frames.get(i), inset = look ? thick / 2 : 0.5, side = tile - 2 * inset;
    return `<rect class="${look ?? "edge"}" data-tile="${name} ${i}" x="${(left + x + inset).toFixed(1)}" ` +
      `y="${(top + y + inset).toFixed(1)}" width="${side}" height="${side}"` +
      (look ? ` stroke-width="${thick}"/>` : "/>");
  }).join("");
}

/** Paint all tiles: from twice the size on the pixels stay sharp, below neighbours are mixed. */
function paintTiles(canvas, { tile, places, columns, values, ramp }, side, colors) {
  const sheet = document.createElement("canvas"), paper = sheet.getContext("2d");
  [sheet.width, sheet.height] = [side * columns, side * Math.ceil(places.length / columns)];
  const image = paper.createImageData(sheet.width, sheet.height), pixels = new Uint32Array(image.data.buffer);
  const inks = rampOf(ramp.map((name) => colors.getPropertyValue(name).trim()));
  const corners = places.map((_, i) => [side * (i % columns), side * Math.floor(i / columns)]);
  corners.forEach(([left, top], i) => {
    for (let pixel = 0; pixel < side * side; pixel++) {
      const row = top + Math.floor(pixel / side), column = left + (pixel % side);
      pixels[row * sheet.width + column] = inks[values[i * side * side + pixel]];
    }
  });
  paper.putImageData(image, 0, 0);
  const brush = canvas.getContext("2d"), dots = devicePixelRatio || 1;
  brush.imageSmoothingEnabled = tile * dots < 2 * side;
  brush.imageSmoothingQuality = "high";
  places.forEach((place, i) => brush.drawImage(sheet, ...corners[i], side, side,
    ...[...place, tile, tile].map((length) => Math.round(length * dots))));
}

/** The way through colours, #rgb or #rrggbb, from one to the next, for the values 0 to 255. */
function rampOf(names) {
  const stops = names.map((name) => {
    const digits = name.length < 7 ? name.replace(/[^#]/g, "$&$&") : name;
    return [1, 3, 5].map((place) => parseInt(digits.slice(place, place + 2), 16));
  });
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (stops.length - 1), first = Math.min(Math.floor(place), stops.length - 2);
    const part = (channel) => Math.round(stops[first][channel] +
      (place - first) * (stops[first + 1][channel] - stops[first][channel]));
    return ((255 << 24) | (part(2) << 16) | (part(1) << 8) | part(0)) >>> 0;
  });
}
