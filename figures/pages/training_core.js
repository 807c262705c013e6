// Training a small network as the package does: the same draws, the same steps, in float32.
//
// Every sum is taken in 64 bits and stored in 32; torch sums in 32 bits, in an order of its own. So
// the losses agree to about six digits at first, and less and less the longer a training goes on.

const float32 = Math.fround;

// ---------------------------------------------------------------- random numbers, as torch draws them

/** The Mersenne Twister of Matsumoto & Nishimura (1998), which torch has on a CPU. */
class Generator {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.state[i - 1];
      this.state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
    this.next = 624;
  }

  /** 32 random bits, as a whole number. */
  bits() {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  twist() {
    const state = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  /** A number in [0, 1) of 24 bits: more do not fit into a float32. */
  uniform() {
    return (this.bits() & 0xffffff) / 2 ** 24;
  }

  /** The numbers from 0 to n - 1 in a random order: Fisher & Yates, from the front. */
  permutation(n) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.bits() % (n - i));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

/** Fill `numbers` from U(low, high). */
function uniform(numbers, low, high, generator) {
  [low, high] = [float32(low), float32(high)];
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = generator.uniform() * float32(high - low) + low;
  }
}

/**
 * Fill `numbers`, 16 or more, from N(0, std²): Box & Muller (1958), in blocks of 16.
 *
 * A block is drawn uniformly first; of its numbers i and i + 8 one makes the radius, one the angle.
 * Where the last block is not full, the last 16 numbers are drawn anew.
 */
function normal(numbers, std, generator) {
  const drawn = Array.from(numbers, () => generator.uniform()), scale = float32(std);
  for (let first = 0; first + 16 <= drawn.length; first += 16) block(first);
  if (drawn.length % 16) {
    const first = drawn.length - 16;
    for (let i = first; i < drawn.length; i++) drawn[i] = generator.uniform();
    block(first);
  }

  function block(first) {
    for (let i = first; i < first + 8; i++) {
      const radius = float32(Math.sqrt(-2 * float32(Math.log(1 - drawn[i]))));
      const angle = float32(float32(2 * Math.PI) * drawn[i + 8]);
      numbers[i] = scale * float32(radius * float32(Math.cos(angle)));
      numbers[i + 8] = scale * float32(radius * float32(Math.sin(angle)));
    }
  }
}

// ---------------------------------------------------------------- matrices

/** A matrix of float32; `down` and `across` say how far the next row and the next column are. */
function matrix(rows, columns, numbers = new Float32Array(rows * columns)) {
  return { rows, columns, numbers, down: columns, across: 1 };
}

/** The same numbers with rows for columns. */
function transposed({ rows, columns, numbers, down, across }) {
  return { rows: columns, columns: rows, numbers, down: across, across: down };
}

/**
 * The product of two matrices: each of its rows is a sum of rows of `b`.
 *
 * Rows with the factor zero, of which ReLU makes many, are left out; the others are added four at
 * once. Both together make it twice as fast.
 */
function times(a, b) {
  const product = matrix(a.rows, b.columns), size = b.columns, sums = new Float64Array(size);
  const rows = rowByRow(b), most = a.columns + 3;
  const factors = new Float64Array(most), starts = new Int32Array(most); // of the rows to add
  for (let i = 0; i < a.rows; i++) {
    let count = 0;
    for (let k = 0; k < a.columns; k++) {
      const factor = a.numbers[i * a.down + k * a.across];
      if (factor !== 0) [factors[count], starts[count++]] = [factor, k * size];
    }
    factors.fill(0, count); // so that fours are full
    sums.fill(0);
    for (let k = 0; k < count; k += 4) {
      const f = factors[k], g = factors[k + 1], h = factors[k + 2], l = factors[k + 3];
      const p = starts[k], q = starts[k + 1], r = starts[k + 2], s = starts[k + 3];
      for (let j = 0; j < size; j++) {
        sums[j] += f * rows[p + j] + g * rows[q + j] + h * rows[r + j] + l * rows[s + j];
      }
    }
    row(product, i).set(sums);
  }
  return product;
}

/** The numbers of a matrix, row behind row. */
function rowByRow({ rows, columns, numbers, down, across }) {
  const all = new Float64Array(rows * columns);
  for (let i = 0, place = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) all[place++] = numbers[i * down + j * across];
  }
  return all;
}

/** The numbers of row i, to read or to change. */
function row(m, i) {
  return m.numbers.subarray(i * m.columns, (i + 1) * m.columns);
}

// ---------------------------------------------------------------- how the weights begin

/**
 * Fill a weight with an orthogonal matrix: the shorter side is orthonormal.
 *
 * The rows of a normal draw, or its columns if they are the fewer, are made orthonormal one after
 * the other (Gram & Schmidt; twice, against rounding). That is its QR factorization with a positive
 * diagonal of R, which the package's scheme takes, too: it is unique.
 */
function orthogonal(weight, generator) {
  normal(weight.numbers, 1, generator);
  const wide = weight.rows < weight.columns;
  const vectors = wide ? weight : transposed(weight);
  const done = [];
  for (let i = 0; i < vectors.rows; i++) {
    let vector = Array.from({ length: vectors.columns },
      (_, j) => weight.numbers[i * vectors.down + j * vectors.across]);
    for (const other of [...done, ...done]) {
      const along = dot(vector, other);
      vector = vector.map((x, j) => x - along * other[j]);
    }
    const length = Math.sqrt(dot(vector, vector));
    done.push(vector.map((x) => x / length));
  }
  done.forEach((vector, i) => vector.forEach((x, j) => {
    weight.numbers[i * vectors.down + j * vectors.across] = x;
  }));
}

function dot(a, b) {
  return a.reduce((sum, x, j) => sum + x * b[j], 0);
}

const normalOf = (variance) => (weight, generator) =>
  normal(weight.numbers, Math.sqrt(variance(weight.columns, weight.rows)), generator);

const uniformOf = (variance) => (weight, generator) => {
  const bound = Math.sqrt(3 * variance(weight.columns, weight.rows));
  uniform(weight.numbers, -bound, bound, generator);
};

const xavier = (fanIn, fanOut) => 2 / (fanIn + fanOut);
const he = (fanIn) => 2 / fanIn;
const lecun = (fanIn) => 1 / fanIn;
const pytorchDefault = (fanIn) => 1 / (3 * fanIn);

/** The package's schemes: each fills a weight, (fan_out, fan_in). */
const SCHEMES = {
  normal: (weight, generator, std) => normal(weight.numbers, std, generator),
  xavier_normal: normalOf(xavier),
  he_normal: normalOf(he),
  lecun_normal: normalOf(lecun),
  uniform: (weight, generator) => uniform(weight.numbers, 0, 1, generator),
  xavier_uniform: uniformOf(xavier),
  he_uniform: uniformOf(he),
  lecun_uniform: uniformOf(lecun),
  zero: (weight) => weight.numbers.fill(0),
  constant: (weight) => weight.numbers.fill(1),
  orthogonal,
  pytorch_default: uniformOf(pytorchDefault),
};

/** The layers of a network, each {weight, bias}; `sizes` are its units, input first. */
function initialize(sizes, { scheme, std, seed }) {
  const generator = new Generator(seed);
  return sizes.slice(1).map((fanOut, i) => {
    const weight = matrix(fanOut, sizes[i]), bias = matrix(1, fanOut);
    SCHEMES[scheme](weight, generator, std);
    if (scheme === "pytorch_default") { // PyTorch draws biases too, from the distribution of the weights
      const bound = 1 / Math.sqrt(sizes[i]);
      uniform(bias.numbers, -bound, bound, generator);
    }
    return { weight, bias };
  });
}

// ---------------------------------------------------------------- forward and backward

/** What each layer is given, and at last the scores, (batch, classes). */
function forward(layers, images) {
  const given = [images];
  layers.forEach(({ weight, bias }, depth) => {
    const output = times(given[depth], transposed(weight)), last = depth === layers.length - 1;
    for (let i = 0; i < output.rows; i++) {
      const values = row(output, i);
      for (let j = 0; j < values.length; j++) {
        const sum = values[j] + bias.numbers[j];
        values[j] = last ? sum : Math.max(sum, 0); // ReLU, but not after the last layer
      }
    }
    given.push(output);
  });
  return given;
}

/** The mean cross entropy of scores, and its gradient by them: (softmax - one at the label) / batch. */
function crossEntropy(scores, labels) {
  const gradient = matrix(scores.rows, scores.columns);
  let loss = 0;
  for (let i = 0; i < scores.rows; i++) {
    const values = row(scores, i), slopes = row(gradient, i), most = Math.max(...values);
    const normalizer = Math.log(values.reduce((sum, score) => sum + Math.exp(score - most), 0));
    values.forEach((score, j) => {
      const logProbability = float32(score - most - normalizer), isLabel = j === labels[i];
      if (isLabel) loss -= logProbability / scores.rows;
      slopes[j] = (Math.exp(logProbability) - isLabel) / scores.rows;
    });
  }
  return { loss: float32(loss), gradient };
}

/** The gradient by each weight and bias, layer by layer, from that by the scores. */
function backward(layers, given, gradient) {
  const gradients = [];
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const ones = matrix(1, gradient.rows);
    ones.numbers.fill(1);
    const input = given[depth], { weight } = layers[depth];
    gradients.unshift({ weight: times(transposed(gradient), input), bias: times(ones, gradient) });
    if (depth === 0) break;
    gradient = times(gradient, weight);
    for (let i = 0; i < gradient.numbers.length; i++) {
      if (input.numbers[i] === 0) gradient.numbers[i] = 0; // ReLU lets nothing through
    }
  }
  return gradients;
}

/** The fraction of images whose greatest score is at the label. */
function accuracy(layers, images, labels) {
  const scores = forward(layers, images).at(-1);
  const right = Array.from(labels).filter((label, i) => {
    const values = row(scores, i);
    return values.indexOf(Math.max(...values)) === label;
  });
  return right.length / labels.length;
}

// ---------------------------------------------------------------- training

/** Adam of Kingma & Ba (2015), as torch computes it. */
class Adam {
  constructor(layers, rate) {
    this.rate = rate;
    this.steps = 0;
    this.rows = layers.flatMap(({ weight, bias }) => [weight, bias]).map(({ numbers }) =>
      ({ numbers, mean: new Float32Array(numbers.length), square: new Float32Array(numbers.length) }));
  }

  step(gradients) {
    this.steps += 1;
    const slopes = gradients.flatMap(({ weight, bias }) => [weight.numbers, bias.numbers]);
    const rate = this.rate / (1 - 0.9 ** this.steps), root = Math.sqrt(1 - 0.999 ** this.steps);
    this.rows.forEach(({ numbers, mean, square }, n) => {
      for (let i = 0; i < numbers.length; i++) {
        const slope = slopes[n][i];
        mean[i] += (1 - 0.9) * (slope - mean[i]);
        square[i] = 0.999 * square[i] + (1 - 0.999) * slope * slope;
        numbers[i] -= (rate * mean[i]) / (Math.sqrt(square[i]) / root + 1e-8);
      }
    });
  }
}

const BATCH = 100, RATE = 0.001;

/** Chosen images as a matrix, and their labels. */
function chosen({ images, labels }, places) {
  const batch = matrix(places.length, images.columns);
  places.forEach((place, i) => row(batch, i).set(row(images, place)));
  return [batch, places.map((place) => labels[place])];
}

/**
 * Train a network, and give what happened after each step: {step, loss, accuracy, outcome}.
 *
 * `loss` is that of the step's images before its update. `accuracy`, on the test images, is there at
 * first (step 0), about 20 times, and at the end. `outcome` comes with the last step: "finished", or
 * "stopped" where `next(true)` asked for it: one more step is taken.
 *
 * @param sizes units per level, input first.
 * @param setting {scheme, std, seed, steps}.
 * @param train, test {images, labels}: a matrix, a row an image, and the class of each.
 */
function* training(sizes, setting, train, test) {
  const layers = initialize(sizes, setting), adam = new Adam(layers, RATE);
  const order = new Generator(setting.seed), every = Math.max(5, Math.floor(setting.steps / 20));
  const measured = () => accuracy(layers, test.images, test.labels);
  let places = [], stopped = yield { step: 0, accuracy: measured() };
  for (let step = 1; step <= setting.steps; step++) {
    if (places.length < BATCH) places = order.permutation(train.labels.length); // a new epoch
    const [images, labels] = chosen(train, places.splice(0, BATCH));
    const given = forward(layers, images), { loss, gradient } = crossEntropy(given.at(-1), labels);
    adam.step(backward(layers, given, gradient));
    const outcome = step === setting.steps ? "finished" : stopped ? "stopped" : undefined;
    const now = outcome || step % every === 0 ? measured() : undefined;
    stopped = yield { step, loss, accuracy: now, outcome };
    if (outcome) return;
  }
}
