import { beforeAll, describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { openEngine } from "../../src/engine/open.js";
import { parameterCount, unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, ParameterSpec, Tensor, Tensors, Tf, TrainingProgram } from "../../src/engine/types.js";

const WIDTH = 16;
const ROWS = 8;
const N = 40;
const parameters: ParameterSpec[] = [
  { name: "w0", shape: [3, WIDTH] },
  { name: "b0", shape: [WIDTH] },
  { name: "w1", shape: [WIDTH, WIDTH] },
  { name: "b1", shape: [WIDTH] },
  { name: "w2", shape: [WIDTH, 1] },
  { name: "b2", shape: [1] },
];
const silu = (tf: Tf, x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));

/** A residual network `[n, 3] -> [n, 1]`. */
function network(tf: Tf, p: Tensors, x: Tensor): Tensor {
  const h = tf.add(tf.matMul(x, p.w0), p.b0);
  const block = tf.add(tf.matMul(silu(tf, h), p.w1), p.b1);
  return tf.add(tf.matMul(silu(tf, tf.add(h, block)), p.w2), p.b2);
}

/** Deterministic numbers in [-1, 1). */
const wave = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i * i));

const program: TrainingProgram = {
  parameters,
  tables: { x: { shape: [N, 3] }, y: { shape: [N, 1] } },
  indices: { rows: ROWS },
  batch: { x: { table: "x", index: "rows" }, y: { table: "y", index: "rows" } },
  loss: (tf, p, { x, y }) => {
    const logit = network(tf, p, x);
    return tf.mean(tf.sub(tf.softplus(logit), tf.mul(y, logit)));
  },
};
const tables = { x: wave(3 * N, 1), y: wave(N, 2).map((value) => Number(value > 0)) };
const initial = wave(parameterCount(parameters), 3).map((value) => 0.3 * value);
const indicesOf = (steps: number) =>
  Int32Array.from({ length: steps * ROWS }, (_, i) => (7 * i + Math.floor(i / 3)) % N);

let tf: Tf;
beforeAll(async () => {
  tf = await loadTf();
  await tf.setBackend("cpu");
});

/** AdamW in float64 on gradients of eager TensorFlow.js. */
function eagerTraining(steps: number, rate: number, weightDecay: number, clip: number) {
  const rows = indicesOf(steps);
  const p = Float64Array.from(initial);
  const m = new Float64Array(p.length);
  const v = new Float64Array(p.length);
  const losses: number[] = [];
  for (let t = 1; t <= steps; t++) {
    let loss = Number.NaN;
    let g = new Float64Array();
    withRepairedGradients(tf, () =>
      tf.tidy(() => {
        const index = tf.tensor1d(rows.subarray((t - 1) * ROWS, t * ROWS), "int32");
        const batch = {
          x: tf.gather(tf.tensor(tables.x, [N, 3]), index),
          y: tf.gather(tf.tensor(tables.y, [N, 1]), index),
        };
        const { value, grad } = tf.valueAndGrad((flat: Tensor) =>
          program.loss(tf, unpack(tf, flat, parameters), batch),
        )(tf.tensor1d(Float32Array.from(p)));
        loss = value.dataSync()[0];
        g = Float64Array.from(grad.dataSync());
      }),
    );
    losses.push(loss);
    const factor = clip / Math.max(clip, Math.hypot(...g));
    for (let i = 0; i < p.length; i++) {
      m[i] = 0.9 * m[i] + 0.1 * factor * g[i];
      v[i] = 0.999 * v[i] + 0.001 * (factor * g[i]) ** 2;
      const stride = m[i] / (1 - 0.9 ** t) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8);
      p[i] = p[i] * (1 - rate * weightDecay) - rate * stride;
    }
  }
  return { losses, parameters: p };
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));

describe.each(["onnx", "wasm", "tfjs"] as const)("engine %s", (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });
  const options = { tables, initial, weightDecay: 0.1, clipNorm: 0.5 };

  it("follows AdamW on eager gradients", async () => {
    const steps = 20;
    const expected = eagerTraining(steps, 1e-2, 0.1, 0.5);
    await using session = await engine.train(program, options);
    const losses = await session.run(new Float64Array(steps).fill(1e-2), { rows: indicesOf(steps) });
    // float32 rounding, some 1e-7 a step, grows where a second moment is small: 1e-5 leaves a wide margin
    expect(largest(losses, expected.losses)).toBeLessThan(1e-5);
    expect(largest(session.state().parameters, expected.parameters)).toBeLessThan(1e-5);
  });

  it("gives the same bytes however the steps are cut into runs, and after a resume", async () => {
    const rows = indicesOf(9);
    await using whole = await engine.train(program, { ...options, averageDecay: 0.9 });
    await whole.run(new Float64Array(9).fill(1e-2), { rows });
    await using first = await engine.train(program, { ...options, averageDecay: 0.9 });
    await first.run(new Float64Array(4).fill(1e-2), { rows: rows.subarray(0, 4 * ROWS) });
    await using second = await engine.train(program, {
      ...options,
      averageDecay: 0.9,
      initial: first.state(),
    });
    await second.run(new Float64Array(5).fill(1e-2), { rows: rows.subarray(4 * ROWS) });
    expect(second.state()).toEqual(whole.state());
  });

  it("goes back to an earlier state, and from there the same way", async () => {
    const rates = new Float64Array(4).fill(1e-2);
    await using session = await engine.train(program, { ...options, averageDecay: 0.9 });
    await session.run(rates, { rows: indicesOf(4) });
    const earlier = session.state();
    const kept = structuredClone(earlier);
    const losses = await session.run(rates, { rows: indicesOf(4) });
    const later = session.state();
    session.restore(earlier);
    expect(session.state()).toEqual(kept);
    expect(await session.run(rates, { rows: indicesOf(4) })).toEqual(losses);
    expect(session.state()).toEqual(later);
    expect(earlier).toEqual(kept);
    expect(() => session.restore({ ...earlier, m: new Float32Array(1) })).toThrow(/initial\.m must hold/);
  });

  it("takes the same steps in blocks", async () => {
    const rows = indicesOf(9);
    const rates = new Float64Array(9).fill(1e-2);
    await using whole = await engine.train(program, options);
    await using blocks = await engine.train({ ...program, blocks: 2 }, options);
    const losses = await whole.run(rates, { rows });
    // another order of summation: float32 rounding as above
    expect(largest(await blocks.run(rates, { rows }), losses)).toBeLessThan(1e-5);
    expect(largest(blocks.state().parameters, whole.state().parameters)).toBeLessThan(1e-5);
    await expect(engine.train({ ...program, blocks: ROWS - 1 }, options)).rejects.toThrow(/equal blocks/);
    await expect(engine.train({ ...program, blocks: 0.5 }, options)).rejects.toThrow(/positive integer/);
  });

  it("trains members side by side as each would train alone", async () => {
    const steps = 12;
    const rows = indicesOf(steps);
    const rates = new Float64Array(steps).fill(1e-2);
    const settings = { weightDecay: 0.1, averageDecay: 0.9 };
    const starts = [initial, initial.map((value) => value ** 2), wave(initial.length, 5)];
    const shares = parameters.map(({ shape }) => shape.reduce((a, b) => a * b));
    const members: TrainingProgram = {
      ...program,
      members: starts.length,
      parameters: [{ name: "all", shape: [starts.length, initial.length] }],
      loss: (tf, { all }, batch) =>
        tf.stack(
          tf.unstack(all).map((flat, i) => {
            const own = tf.split(flat, shares).map((part, k) => tf.reshape(part, parameters[k].shape as []));
            const named = Object.fromEntries(own.map((part, k) => [parameters[k].name, part]));
            return tf.mul(i + 1, program.loss(tf, named, batch));
          }),
        ),
    };
    const joined = Float32Array.from(starts.flatMap((start) => [...start]));
    await using together = await engine.train(members, { ...settings, tables, initial: joined });
    await using blocks = await engine.train(
      { ...members, blocks: 2 },
      { ...settings, tables, initial: joined },
    );
    const losses = await together.run(rates, { rows });
    // float32 rounding, and another order of summation, as above
    expect(largest(await blocks.run(rates, { rows }), losses)).toBeLessThan(1e-5);
    expect(largest(blocks.state().parameters, together.state().parameters)).toBeLessThan(1e-5);
    for (const [i, start] of starts.entries()) {
      const scaled: TrainingProgram = {
        ...program,
        loss: (tf, p, batch) => tf.mul(i + 1, program.loss(tf, p, batch)),
      };
      await using alone = await engine.train(scaled, { ...settings, tables, initial: start });
      const expected = await alone.run(rates, { rows });
      const own = losses.filter((_, k) => k % starts.length === i);
      expect(largest(own, expected)).toBeLessThan(1e-5);
      for (const name of ["parameters", "m", "v", "average"] as const) {
        const part = together.state()[name]!.slice(i * start.length, (i + 1) * start.length);
        expect(largest(part, alone.state()[name]!)).toBeLessThan(1e-5);
      }
    }
    await expect(engine.train({ ...members, members: 0 }, { tables, initial: joined })).rejects.toThrow(
      /members must be a positive integer, got 0/,
    );
    await expect(engine.train(members, { ...options, initial: joined })).rejects.toThrow(
      /clipNorm must be left out where members train side by side/,
    );
  });

  it("refuses a loss that is not one number per member", async () => {
    const run = async () => {
      const pair: TrainingProgram = {
        ...program,
        members: 2,
        parameters: [{ name: "w", shape: [2, 3] }],
        loss: (tf, { w }, { x }) => tf.mean(tf.matMul(x as never, w as never, false, true)),
      };
      await using session = await engine.train(pair, { tables, initial: wave(6, 3) });
      await session.run(new Float64Array(1), { rows: indicesOf(1) });
    };
    await expect(run()).rejects.toThrow(/loss must return a float32 tensor of shape \[2\]/);
  });

  it("refuses rows that no table has", async () => {
    await using session = await engine.train(program, options);
    const rows = indicesOf(1).with(2, N);
    await expect(session.run(new Float64Array(1), { rows })).rejects.toThrow(/names row 40.*rows 0 to 39/);
  });

  it("leaves no tensor behind", async () => {
    const before = tf.memory().numTensors;
    await using session = await engine.train(program, options);
    await session.run(new Float64Array(2), { rows: indicesOf(2) });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("trains on fresh rows after load", async () => {
    await using session = await engine.train(program, options);
    session.load({ x: wave(3 * N, 9), y: tables.y });
    await session.run(new Float64Array(2).fill(1e-2), { rows: indicesOf(2) });
    await using other = await engine.train(program, {
      ...options,
      tables: { x: wave(3 * N, 9), y: tables.y },
    });
    await other.run(new Float64Array(2).fill(1e-2), { rows: indicesOf(2) });
    expect(session.state()).toEqual(other.state());
  });

  it("gives value and gradient with frozen weights, as eager TensorFlow.js does", async () => {
    const x = wave(15, 5);
    const fn = (t: Tf, { flat, x }: Tensors) => {
      const f = (input: Tensor) => t.sum(network(t, unpack(t, flat, parameters), input));
      const { value, grad } = t.valueAndGrad(f)(x);
      return { value, grad };
    };
    const specs = { flat: { shape: [initial.length] }, x: { shape: [5, 3] } };
    await using compiled = await engine.compile(fn, specs, { constants: { flat: initial } });
    expect(Object.keys(compiled.inputs)).toEqual(["x"]);
    const { value, grad } = await compiled.run({ x });
    const eager = tf.tidy(() => {
      const result = withRepairedGradients(tf, () =>
        fn(tf, { flat: tf.tensor(initial), x: tf.tensor(x, [5, 3]) }),
      );
      return { value: result.value.dataSync().slice(), grad: result.grad.dataSync().slice() };
    });
    expect(largest(value, eager.value)).toBeLessThan(1e-5);
    expect(largest(grad, eager.grad)).toBeLessThan(1e-6);
  });
});
