// The picture of the activation explorer: histograms of the activations, curves along depth.

/**
 * Fill `place`: histograms above, curves below; side by side on a projector; eight histograms where
 * ten have no room for their labels, four on a phone. `shown` holds layers, heights (of the bars, 0 to 1), low, high, and the four curves.
 */
function draw(place, shown, { width, letter, narrow, wide }) {
  const em = 0.9 * letter;
  const [count, columns] = narrow ? [4, 2] : wide ? [9, 3] : width < 61 * em ? [8, 4] : [10, 5];
  const chosen = fewer(shown.layers.length, count);
  const rows = Math.ceil(count / columns), row = (wide ? 9.6 : 6.9) * em, top = 0.2 * em;
  const histograms = { left: 0, right: wide ? 0.44 * width : width };
  const height = wide ? rows * row + 1.6 * em : rows * row + 1.4 * em + 18 * em;
  const gap = 1.2 * em, room = (histograms.right - gap * (columns - 1)) / columns;
  let drawing = chosen.map((i, place) => {
    const left = (place % columns) * (room + gap);
    const above = top + Math.floor(place / columns) * row;
    return histogram(shown, i, { left, right: left + room, top: above, height: row }, em);
  }).join("");
  const note = narrow ? "height = √share of the values" :
    "activations; height = √share of values, the outer bins hold the rest";
  drawing += label(0, rows * row + 0.9 * em, note, "start", 'class="quiet"');
  const box = wide ? { left: 0.46 * width, right: width, top: 0, bottom: height }
    : { left: 0, right: width, top: rows * row + 1.3 * em, bottom: height };
  const names = { signal: "activations", gradient: "gradients", x: "layer", y: "std" };
  place.innerHTML = svg(width, height, em, drawing + depthCurves(shown, box, em, names).drawing);
}

/** At most `most` of the places 0 to `count` − 1, both ends among them. */
function fewer(count, most) {
  return spread(count, Math.min(count, most)).map((place) => place - 1);
}

function histogram({ layers, stds, heights, low, high }, i, { left, right, top, height }, em) {
  const floor = top + height - 2 * em, tall = height - 3.6 * em, wide = right - left;
  const bins = heights[i].length, x = (bin) => (left + (wide * bin) / bins).toFixed(1);
  const middle = low < 0 ? 0 : (low + high) / 2;
  let outline = `M${left} ${floor}`;
  heights[i].forEach((h, bin) => { outline += `V${(floor - tall * h).toFixed(1)}H${x(bin + 1)}`; });
  const tick = (value, anchor) => label(left + (wide * (value - low)) / (high - low), floor + em,
    minus(value), anchor, 'font-size="96%"');
  const crowded = ((middle - low) / (high - low)) * wide < 2 * em;
  return label(left, top + em, `layer ${layers[i]}`) +
    label(right, top + em, `std ${stds[i]}`, "end") +
    `<path class="bars" data-layer="${layers[i]}" d="${outline}V${floor}Z"/>` +
    `<path class="frame" d="M${left} ${floor}H${right}"/>` +
    (crowded ? "" : tick(low, "start")) + tick(middle, "middle") + tick(high, "end");
}
