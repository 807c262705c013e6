// What the pictures of several explorers are made of: numbers in words, axes, curves along depth.

/** Write a number as Python's format "g" does. */
function general(x, digits) {
  if (x === null || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  const [mantissa, power] = x.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (x === 0 || (exponent >= -4 && exponent < digits)) return String(Number(x.toPrecision(digits)));
  const sign = exponent < 0 ? "-" : "+";
  return `${Number(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Write a minus sign as printers do. */
function minus(number) {
  return String(number).replace("-", "−");
}

/** At most `count` whole numbers from 1 to `last`, evenly spread, both ends among them. */
function spread(last, count) {
  const places = Array.from({ length: count }, (_, i) => Math.round(1 + ((last - 1) * i) / (count - 1)));
  return [...new Set(count > 1 ? places : [1])];
}

/** At most `most` layers: all of them, or the first and each fifth, or tenth. */
function roundLayers(depth, most) {
  if (depth <= most) return spread(depth, depth);
  const step = [5, 10, 20, 50].find((n) => Math.floor(depth / n) < most) ?? depth;
  return [1, ...Array.from({ length: Math.floor(depth / step) }, (_, i) => (i + 1) * step)];
}

/** An SVG of this size, whose letters are as large as `letter`. */
function svg(width, height, letter, inside) {
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-size="${letter}" aria-hidden="true" focusable="false">${inside}</svg>`;
}

/** A piece of text; `anchor` is start, middle or end; `more` are further attributes. */
function label(x, y, words, anchor = "start", more = "") {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${words}</text>`;
}

/** A path through the points that can be shown on a log axis, with gaps where a number cannot. */
function logLine(values, x, y) {
  let path = "", pen = "M";
  values.forEach((value, i) => {
    const visible = value > 0 && Number.isFinite(value);
    if (visible) path += `${pen}${x(i).toFixed(1)} ${y(Math.log10(value)).toFixed(1)}`;
    pen = visible ? "L" : "M";
  });
  return path;
}

/** A dot of this radius at every point of a path. */
function dots(path, radius) {
  const r = radius.toFixed(1), wide = (2 * Number(r)).toFixed(1);
  return path.replace(/[ML]([\d.-]+ [\d.-]+)/g, `M$1m-${r} 0a${r} ${r} 0 1 0 ${wide} 0a${r} ${r} 0 1 0 -${wide} 0`);
}

const DECADES = [1, 2, 3, 6, 12, 18, 24, 36, 45]; // an axis ends at the first that shows everything

/** How many powers of ten an axis shows, down and up. */
function decades(curves) {
  const logs = curves.flat().filter((x) => x > 0 && Number.isFinite(x)).map(Math.log10);
  const enough = (size) => DECADES.find((n) => n >= size) ?? DECADES[DECADES.length - 1];
  return { down: enough(-Math.min(0, ...logs)), up: enough(Math.max(0, ...logs)) };
}

const CURVES = ["signal", "gradient", "predicted_signal", "predicted_gradient"];

/**
 * Signal and gradient along depth on one log axis, theory dashed: an SVG group.
 *
 * `box` is {left, right, top, bottom} of all of it, legend and labels included; `names` are
 * {signal, gradient, x, y}; `first` is the first level that has a place on the axis. Returned with
 * the group is `x`, from a layer to its place.
 */
function depthCurves(shown, box, letter, names, first = 1) {
  const em = letter, layers = shown.signal.length;
  const left = box.left + 4.3 * em, right = box.right - 0.5 * em;
  const top = box.top + 1.9 * em, bottom = box.bottom - 2.7 * em;
  const { down, up } = decades(CURVES.map((name) => shown[name]));
  const lowest = Math.log10(0.7) - down, highest = up - Math.log10(0.7);
  const last = Math.max(layers, 2);
  const x = (layer) => left + ((right - left) * (layer - first + 0.5)) / (last - first + 1);
  const y = (log) => bottom - ((bottom - top) * (log - lowest)) / (highest - lowest);
  let drawing = "";
  const step = Math.ceil((down + up) / Math.max(2, Math.min(7, Math.floor((bottom - top) / (1.6 * em)))));
  for (let power = -Math.floor(down / step) * step; power <= up; power += step) {
    drawing += `<path class="grid" d="M${left} ${y(power).toFixed(1)}H${right}"/>` +
      label(left - 0.5 * em, y(power) + 0.35 * em, `10<tspan dy="-0.4em" font-size="96%">` +
        `${minus(power)}</tspan>`, "end");
  }
  const most = Math.max(3, Math.min(10, Math.floor((right - left) / (3 * em))));
  for (const layer of roundLayers(layers, most)) {
    drawing += `<path class="grid" d="M${x(layer).toFixed(1)} ${top}V${bottom}"/>` +
      label(x(layer), bottom + 1.2 * em, layer, "middle");
  }
  drawing += label((left + right) / 2, box.bottom - 0.3 * em, names.x, "middle") +
    `<text transform="translate(${box.left + 0.9 * em} ${(top + bottom) / 2}) rotate(-90)" ` +
    `text-anchor="middle">${names.y}</text>`;
  for (const name of [...CURVES].reverse()) { // what is measured lies on top
    const path = logLine(shown[name], (i) => x(i + 1), y);
    const look = name.startsWith("predicted") ? "predicted" : name;
    drawing += `<path class="line ${look}" data-name="${name}" d="${path}"/>`;
    if (look === name) drawing += `<path class="dots ${look}" d="${dots(path, 0.24 * em)}"/>`;
  }
  drawing += `<path class="frame" d="M${left} ${top}H${right}V${bottom}H${left}Z"/>`;
  return { drawing: drawing + legend(names, box, left, em), x, left, right };
}

/** One line that says what each line is; where it does not fit it begins earlier, and is closer. */
function legend(names, box, left, em) {
  const rows = [["signal", names.signal], ["gradient", names.gradient], ["predicted", "theory"]];
  const long = (words) => (3.4 + 0.6 * words.length) * em, y = box.top + 1.1 * em;
  const all = rows.reduce((sum, [, words]) => sum + long(words), 0);
  const lacking = Math.max(0, all - (box.right - box.left)) / rows.length;
  let drawing = "", x = Math.max(box.left, Math.min(left, box.right - all));
  for (const [look, words] of rows) {
    drawing += `<path class="line ${look}" d="M${x.toFixed(1)} ${(y - 0.3 * em).toFixed(1)}h${1.8 * em}"/>` +
      label(x + 2.2 * em, y, words);
    x += long(words) - lacking;
  }
  return drawing;
}
