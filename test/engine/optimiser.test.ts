/** The optimiser against plain float64, the same bytes from the same start, and memory that stays. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, it } from "vitest";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type {
  Engine,
  OptimiserOptions,
  TensorFunction,
  Tf,
  TrainingProgram,
} from "../../src/engine/types.js";
import { distance, sigmoid, softplus, spread, total } from "./float64.js";

const WIDTH = 5;
const ROWS = 7;
const N = 30;
const STEPS = 50;

/** Logistic regression, whose gradient is short enough to write down. */
const program: TrainingProgram = {
  parameters: [
    { name: "w", shape: [WIDTH, 1] },
    { name: "b", shape: [1] },
  ],
  tables: { x: { shape: [N, WIDTH] }, y: { shape: [N, 1] } },
  indices: { rows: ROWS },
  batch: { x: { table: "x", index: "rows" }, y: { table: "y", index: "rows" } },
  loss: (tf, { w, b }, { x, y }) => {
    const logit = tf.add(tf.matMul(x, w), b);
    return tf.mean(tf.sub(tf.softplus(logit), tf.mul(y, logit)));
  },
};
const tables = { x: spread(N * WIDTH, -2, 2), y: spread(N, 0, 1, 0.7).map((u) => Number(u > 0.5)) };
const initial = spread(WIDTH + 1, -1, 1, 0.1);
const rates = Float64Array.from({ length: STEPS }, (_, i) => 0.02 * (1 - i / STEPS) + 1e-4);
const rows = Int32Array.from({ length: STEPS * ROWS }, (_, i) => (11 * i + Math.floor(i / 4)) % N);

/** Loss and gradient of one minibatch. */
function lossOf(p: Float64Array, batch: Int32Array): { loss: number; gradient: Float64Array } {
  const gradient = new Float64Array(p.length);
  let loss = 0;
  for (const row of batch) {
    const x = tables.x.subarray(row * WIDTH, (row + 1) * WIDTH);
    const logit = total(WIDTH, (j) => x[j] * p[j]) + p[WIDTH];
    loss += (softplus(logit) - tables.y[row] * logit) / ROWS;
    const residual = (sigmoid(logit) - tables.y[row]) / ROWS;
    for (let j = 0; j < WIDTH; j++) gradient[j] += residual * x[j];
    gradient[WIDTH] += residual;
  }
  return { loss, gradient };
}

/** Algorithm 1 of Kingma and Ba, with decoupled decay (Loshchilov and Hutter, Algorithm 2), in float64. */
function plainAdam(options: OptimiserOptions) {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, averageDecay = 0 } = options;
  const clipNorm = options.clipNorm ?? Number.POSITIVE_INFINITY;
  const p = Float64Array.from(initial);
  const average = Float64Array.from(initial);
  const m = new Float64Array(p.length);
  const v = new Float64Array(p.length);
  const losses: number[] = [];
  for (let t = 1; t <= STEPS; t++) {
    const { loss, gradient } = lossOf(p, rows.subarray((t - 1) * ROWS, t * ROWS));
    losses.push(loss);
    const norm = Math.hypot(...gradient);
    const shrink = norm > clipNorm ? clipNorm / norm : 1;
    for (let i = 0; i < p.length; i++) {
      const g = shrink * gradient[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const direction = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
      p[i] -= rates[t - 1] * (direction + weightDecay * p[i]);
      average[i] = averageDecay * average[i] + (1 - averageDecay) * p[i];
    }
  }
  return { losses, parameters: p, m, v, average };
}

let engines: Engine[];
let onnx: Engine;
let tf: Tf;
beforeAll(async () => {
  const found = await describeEngines();
  engines = await Promise.all(found.filter(({ available }) => available).map(({ name }) => openEngine(name)));
  onnx = await openEngine("onnx");
  tf = await loadTf();
  await tf.setBackend("cpu");
});

const settings: readonly [string, OptimiserOptions][] = [
  ["Adam", {}],
  ["Adam with other decays", { beta1: 0.7, beta2: 0.95, epsilon: 1e-3 }],
  ["AdamW", { weightDecay: 0.5 }],
  ["clipping that always bites", { clipNorm: 0.01 }],
  ["clipping that sometimes bites", { clipNorm: 0.4 }],
  ["averaged parameters", { averageDecay: 0.9 }],
  ["everything", { weightDecay: 0.1, clipNorm: 0.3, averageDecay: 0.97, beta1: 0.8 }],
];

describe.each(settings)("optimiser: %s", (_name, options) => {
  it("follows float64 over 50 steps on every engine", async () => {
    const exact = plainAdam(options);
    for (const engine of engines) {
      await using session = await engine.train(program, { ...options, tables, initial });
      const losses = await session.run(rates, { rows });
      const state = session.state();
      expect(state.step).toBe(STEPS);
      // 50 steps of at most 0.02, each off by some 1e-6 of itself: below 1e-6 when they add at random
      expect(distance(losses, exact.losses, 1), `${engine.name} losses`).toBeLessThan(2e-6);
      expect(distance(state.parameters, exact.parameters, 1), `${engine.name} parameters`).toBeLessThan(2e-6);
      expect(distance(state.m, exact.m, 1e-3), `${engine.name} m`).toBeLessThan(1e-5);
      expect(distance(state.v, exact.v, 1e-6), `${engine.name} v`).toBeLessThan(1e-5);
      if (options.averageDecay === undefined) expect(state.average).toBeUndefined();
      else expect(distance(state.average!, exact.average, 1), `${engine.name} average`).toBeLessThan(2e-6);
    }
  });
});

describe("the same start", () => {
  const options = { tables, initial, weightDecay: 0.1, clipNorm: 0.3, averageDecay: 0.9 };

  it("gives the same bytes twice, and step by step, on every engine", async () => {
    for (const engine of engines) {
      await using once = await engine.train(program, options);
      await using again = await engine.train(program, options);
      await using single = await engine.train(program, options);
      const losses = await once.run(rates, { rows });
      expect(await again.run(rates, { rows })).toEqual(losses);
      expect(again.state()).toEqual(once.state());
      for (let step = 0; step < STEPS; step++) {
        const batch = { rows: rows.subarray(step * ROWS, (step + 1) * ROWS) };
        const [loss] = await single.run(rates.subarray(step, step + 1), batch);
        expect(loss).toBe(losses[step]);
      }
      expect(single.state()).toEqual(once.state());
    }
  });

  it("sees fresh tables once they are loaded", async () => {
    const fresh = { x: tables.x.map((value) => -value), y: tables.y };
    for (const engine of engines) {
      await using session = await engine.train(program, { tables, initial });
      session.load(fresh);
      await using direct = await engine.train(program, { tables: fresh, initial });
      expect(await session.run(rates, { rows })).toEqual(await direct.run(rates, { rows }));
      expect(session.state()).toEqual(direct.state());
    }
  });
});

describe("memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const megabytes = () => {
    collect();
    return process.memoryUsage().rss / 2 ** 20;
  };

  it("stays the same over 10,000 steps", async () => {
    // 4,000 parameters: outputs that stayed behind would take 3 x 16 kB a step, 480 MB in all
    const wide: TrainingProgram = {
      parameters: [{ name: "w", shape: [1000, 4] }],
      tables: { x: { shape: [8, 4] } },
      indices: { rows: 2 },
      batch: { x: { table: "x", index: "rows" } },
      loss: (tf, { w }, { x }) => tf.mean(tf.square(tf.matMul(w, x, false, true))),
    };
    const tensors = tf.memory().numTensors;
    await using session = await onnx.train(wide, { tables: { x: spread(32) }, initial: spread(4000) });
    const rate = Float64Array.of(1e-3);
    const batch = { rows: Int32Array.of(3, 5) };
    for (let step = 0; step < 1000; step++) await session.run(rate, batch); // fills the arenas
    const before = megabytes();
    for (let step = 0; step < 10_000; step++) await session.run(rate, batch);
    // the collector and the allocator keep some megabytes of their own
    expect(megabytes() - before).toBeLessThan(30);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it("is given back by disposed sessions", async () => {
    const constants = { w: spread(1_000_000) }; // 4 MB a session: forty that stayed would take 160 MB
    const fn: TensorFunction = (tf, { w, x }) => ({ y: tf.matMul(x, w) });
    const specs = { w: { shape: [1000, 1000] }, x: { shape: [1, 1000] } };
    const cycle = async () => {
      const compiled = await onnx.compile(fn, specs, { constants });
      await compiled.run({ x: spread(1000) });
      await compiled.dispose();
    };
    for (let i = 0; i < 10; i++) await cycle();
    const tensors = tf.memory().numTensors;
    const before = megabytes();
    for (let i = 0; i < 40; i++) await cycle();
    expect(megabytes() - before).toBeLessThan(80);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
