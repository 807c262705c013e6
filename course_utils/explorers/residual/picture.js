// The picture of the residual explorer: what each block adds above, the stream's sizes below.

/**
 * Fill `place`. `shown` holds the rule (what a block computes), the share that each block adds, and
 * the four curves.
 */
function draw(place, shown, { width, letter, narrow }) {
  const em = 0.9 * letter, top = (narrow ? 3 : 1.6) * em, bottom = top + 6.6 * em;
  const height = bottom + 19.5 * em;
  const names = narrow ? { signal: "stream →", gradient: "← gradient" }
    : { signal: "stream x, going up →", gradient: "← gradient ∂L/∂x, coming down" };
  const box = { left: 0, right: width, top: bottom + 0.8 * em, bottom: height };
  const curves = depthCurves(shown, box, em, { ...names, x: "after block", y: "root mean square" });
  const note = narrow ? label(0, 2.4 * em, "bars: what a block adds, as a share", "start", QUIET)
    : label(width - 0.5 * em, em, "bars: what a block adds, as a share of what the stream then holds",
      "end", QUIET);
  place.innerHTML = svg(width, height, em, label(0, em, shown.rule) + note +
    shares(shown.share, curves, { top, bottom }, em) + curves.drawing);
}

const QUIET = 'class="quiet"';

/** A bar for each block, above its place on the curves, on an axis from 0 to 1. */
function shares(share, { x, left, right }, { top, bottom }, em) {
  const high = top + 0.6 * em, y = (value) => (bottom - (bottom - high) * value).toFixed(1);
  const half = 0.45 * (x(2) - x(1));
  const scale = [0, 0.5, 1].map((value) => `<path class="grid" d="M${left} ${y(value)}H${right}"/>` +
    label(left - 0.5 * em, Number(y(value)) + 0.35 * em, value, "end")).join("");
  const bars = share.map((value, i) => `M${(x(i + 1) - half).toFixed(1)} ${bottom.toFixed(1)}V${y(value)}` +
    `h${(2 * half).toFixed(1)}V${bottom.toFixed(1)}Z`).join("");
  return `${scale}<path class="grey" data-name="share" d="${bars}"/>` +
    `<path class="frame" d="M${left} ${high}V${bottom.toFixed(1)}H${right}"/>` +
    `<text transform="translate(${0.9 * em} ${(high + bottom) / 2}) rotate(-90)" ` +
    'text-anchor="middle">share</text>';
}
