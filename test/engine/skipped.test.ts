import { beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/engine/open.js";
import type { Engine, OptimiserState, Tensor, Tf, TrainingProgram } from "../../src/engine/types.js";

const N = 24;
const ROWS = 4;
const WIDTH = 3;
const STEPS = 10;
const MEMBERS = 3;

/** Rows that spoil a batch: a loss that is not finite, one that is no number, and a gradient whose squares overflow float32. */
const spoilt = new Map([
  [N - 3, Number.POSITIVE_INFINITY],
  [N - 2, Number.NaN],
  [N - 1, 1e25],
]);
/** The steps that name one of them. */
const bad: readonly number[] = [3, 4, 8];
const soundRuns = [
  [0, 3],
  [5, 8],
  [9, 10],
] as const;

const wave = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i * i));
const sound = Int32Array.from({ length: STEPS * ROWS }, (_, i) => (7 * i + Math.floor(i / 3)) % (N - 3));
const rows = sound.slice();
bad.forEach((s, i) => {
  rows[s * ROWS + i] = N - 3 + i;
});
const rates = new Float64Array(STEPS).fill(1e-2);
const x = wave(N * WIDTH, 1);

/** Weights in the columns of `members` networks: nothing but at the spoilt rows of one. */
const weights = (members: number, member: number) =>
  Float32Array.from({ length: N * members }, (_, i) =>
    i % members === member ? (spoilt.get(Math.floor(i / members)) ?? 0) : 0,
  );

/** Loss of each member, `[M]`: a convex one, and a linear one whose weights are mostly zero. */
function losses(tf: Tf, w: Tensor, x: Tensor, k: Tensor): Tensor {
  const y = tf.matMul(x as never, w as never, false, true); // [rows, M]
  return tf.mean(tf.add(tf.softplus(y), tf.mul(k, tf.add(y, 2))), 0);
}

const programOf = (members: number): TrainingProgram => ({
  parameters: [{ name: "w", shape: [members, WIDTH] }],
  tables: { x: { shape: [N, WIDTH] }, k: { shape: [N, members] } },
  indices: { rows: ROWS },
  batch: { x: { table: "x", index: "rows" }, k: { table: "k", index: "rows" } },
  loss: (tf, { w }, { x, k }) => losses(tf, w, x, k),
  members,
});
const alone: TrainingProgram = {
  ...programOf(1),
  loss: (tf, { w }, { x, k }) => tf.sum(losses(tf, w, x, k)),
  members: undefined,
};
const initial = wave(WIDTH, 3);

describe.each(["onnx", "wasm", "tfjs"] as const)("skipped steps on %s", (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });

  it.each([
    {},
    { clipNorm: 0.3 },
    { clipNorm: 0.3, blocks: 2 },
  ])("change nothing but the count of steps, with %o", async ({ blocks, ...clip }) => {
    const settings = { ...clip, weightDecay: 0.1, averageDecay: 0.9, tables: { x, k: weights(1, 0) } };
    const program = { ...alone, blocks };
    await using whole = await engine.train(program, { ...settings, initial });
    const found = await whole.run(rates, { rows });
    await whole.run(rates, { rows: sound });

    let state: Float32Array | OptimiserState = initial;
    for (const [from, to] of soundRuns) {
      if (!(state instanceof Float32Array)) state = { ...state, step: from };
      await using part = await engine.train(program, { ...settings, initial: state });
      const own = rows.subarray(from * ROWS, to * ROWS);
      expect(await part.run(rates.subarray(from, to), { rows: own })).toEqual(found.subarray(from, to));
      state = part.state();
    }
    for (const s of bad) expect(found[s]).toBeNaN();
    await using rest = await engine.train(program, { ...settings, initial: state });
    await rest.run(rates, { rows: sound });
    expect(whole.state()).toEqual(rest.state());
    expect(whole.state().step).toBe(2 * STEPS);
    expect(whole.state().parameters.every(Number.isFinite)).toBe(true);
  });

  it("hold up no other member", async () => {
    const settings = { weightDecay: 0.1, averageDecay: 0.9, initial: wave(MEMBERS * WIDTH, 3) };
    const run = async (k: Float32Array) => {
      await using session = await engine.train(programOf(MEMBERS), { ...settings, tables: { x, k } });
      return { found: await session.run(rates, { rows }), state: session.state() };
    };
    const hit = await run(weights(MEMBERS, 1));
    const whole = await run(new Float32Array(N * MEMBERS));
    const start = settings.initial.slice(WIDTH, 2 * WIDTH);
    const tables = { x, k: weights(1, 0) };
    await using lone = await engine.train(alone, { ...settings, initial: start, tables });
    await lone.run(rates, { rows });
    for (const key of ["parameters", "m", "v", "average"] as const) {
      const part = (vector: Float32Array | undefined, e: number) => vector!.slice(e * WIDTH, (e + 1) * WIDTH);
      for (const e of [0, 2]) expect(part(hit.state[key], e)).toEqual(part(whole.state[key], e));
      const expected = lone.state()[key]!;
      // another order of summation: some float32 roundings of numbers of order one, ten steps
      part(hit.state[key], 1).forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-5);
      });
    }
    hit.found.forEach((loss, i) => {
      const isSkipped = i % MEMBERS === 1 && bad.includes(Math.floor(i / MEMBERS));
      if (isSkipped) expect(loss).toBeNaN();
      else if (i % MEMBERS !== 1) expect(loss).toBe(whole.found[i]);
    });
  });

  it("stay skipped when every step is, and need parameters that part into members", async () => {
    const tables = { x, k: new Float32Array(N).fill(Number.NaN) };
    await using session = await engine.train(alone, { initial, tables });
    expect(await session.run(rates, { rows })).toEqual(new Float64Array(STEPS).fill(Number.NaN));
    expect(session.state().parameters).toEqual(initial);
    const shapeless = { ...programOf(MEMBERS), parameters: [{ name: "w", shape: [WIDTH * MEMBERS] }] };
    await expect(
      engine.train(shapeless, { initial: wave(9, 3), tables: { x, k: wave(N * MEMBERS, 1) } }),
    ).rejects.toThrow(/parameter "w" of 3 members needs shape \[3, ...\], got \[9\]/);
  });
});
