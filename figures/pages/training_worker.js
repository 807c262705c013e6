// In a worker, behind training_core.js: train when asked, and say several times a second how far it is.

const PAUSE = 150; // milliseconds

let stopped = false;

onmessage = async ({ data }) => {
  stopped = data === "stop";
  if (stopped) return;
  const run = training(data.sizes, data.setting, read(data.train, data.sizes), read(data.test, data.sizes));
  let news = [], said = performance.now();
  for (let next = run.next(); !next.done; next = run.next(stopped)) {
    news.push(next.value);
    if (performance.now() - said < PAUSE && !next.value.outcome) continue;
    postMessage(news);
    await new Promise((resolve) => setTimeout(resolve)); // "stop" comes in here
    [news, said] = [[], performance.now()];
  }
};

/** Pixels from 0 to 16 as images from 0 to 1. */
function read({ pixels, labels }, [inputs]) {
  return { images: matrix(labels.length, inputs, Float32Array.from(pixels, (ink) => ink / 16)), labels };
}
