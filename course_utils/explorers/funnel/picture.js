// The picture of the funnel explorer: the widths above, signal and gradient along depth below.

/**
 * Fill `place`. `shown` holds widths (the input's first), the rule, the variances of both kinds of
 * layers in words, and the four curves; `widest` is the greatest width that there can be.
 */
function draw(place, shown, { width, letter, narrow }, { widest }) {
  const em = 0.9 * letter, lines = narrow ? 3 : 1;
  const top = (1.4 * lines + 0.2) * em, bottom = top + 8.6 * em, height = bottom + 17.6 * em;
  const names = narrow ? { signal: "signal →", gradient: "← gradient" }
    : { signal: "signal z, going up →", gradient: "← gradient ∂L/∂z, coming down" };
  const box = { left: 0, right: width, top: bottom + 1.6 * em, bottom: height };
  const along = { ...names, x: "layer", y: "root mean square" };
  const { drawing, x } = depthCurves(shown, box, em, along, 0);
  const written = narrow ? shown.variances.map((words, i) => label(0, (2.4 + 1.4 * i) * em, words))
    : [label(width - 0.5 * em, em, shown.variances.join("\u2003\u2003"), "end")];
  place.innerHTML = svg(width, height, em, label(0, em, shown.rule) + written.join("") +
    silhouette(shown.widths, widest, x, { top, bottom }, em) + drawing);
}

/** A bar as tall as each layer is wide, above its place on the curves; two of them with numbers. */
function silhouette(widths, widest, x, { top, bottom }, em) {
  const middle = (top + 1.4 * em + bottom) / 2, unit = (bottom - top - 1.4 * em) / widest;
  const above = (level) => middle - (unit * widths[level]) / 2;
  const below = (level) => middle + (unit * widths[level]) / 2;
  const at = (level, y) => `${x(level).toFixed(1)} ${y(level).toFixed(1)}`;
  const levels = widths.map((_, level) => level);
  const outline = [...levels.map((i) => at(i, above)), ...levels.map((i) => at(i, below)).reverse()];
  const bars = levels.map((i) => `M${at(i, above)}V${below(i).toFixed(1)}`).join("");
  const roomy = x(1) - x(0) > 3 * em; // else the two numbers make way for each other
  const number = (level, side) => label(x(level), above(level) - 0.3 * em, widths[level],
    roomy ? "middle" : side);
  return `<path class="faint" d="M${outline.join("L")}Z"/><path class="frame" stroke-width="2" data-name="widths" d="${bars}"/>` +
    number(0, "end") + number(1, "start") + label(x(0), bottom + 1.1 * em, "input", "middle");
}
