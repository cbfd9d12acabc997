/**
 * CARL, and how to tell a ratio that can be trusted from one that cannot, on a problem where the truth is known.
 *
 * Question: 500 events of five numbers were measured; where is theta? A classifier learns the likelihood ratio from labels
 * alone: well trained, badly trained, or well trained and badly calibrated. Which of the three maximum likelihoods is right, and
 * do the checks, which know nothing of the truth, say so?
 * Expected: the well trained ratio is off by 0.011, a quarter of what 500 events can tell, and the checks find nothing; the
 * others are off by ten times that, and are found out. Half a minute of CPU.
 *
 *     maximum likelihood, exact: 1.000
 *
 *     well trained: 1.006, 1.000 (references 0.5, 1.5)
 *       off by 0.011 (root mean square over 20 sets and the references)
 *       spread of the references 1.7, critic 0.491 (p = 0.851), mean ratio at most 1.8 errors from 1
 *       nothing found
 *
 *     badly trained: 0.992, 1.141 (references 0.5, 1.5)
 *       off by 0.121 (root mean square over 20 sets and the references)
 *       spread of the references 68.0, critic 0.529 (p = 0.005), mean ratio at most 2.2 errors from 1
 *       not to be trusted
 *
 *     badly calibrated: 1.140, 1.185 (references 0.5, 1.5)
 *       off by 0.128 (root mean square over 20 sets and the references)
 *       spread of the references 50.4, critic 0.483 (p = 0.950), mean ratio at most 9.1 errors from 1
 *       not to be trusted
 *
 * Reference: Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 4
 */
import { parseArgs } from "node:util";
import {
  type CalibratedRatio,
  calibrateByGold,
  calibrateRatio,
  calibrationSet,
  carl,
  criticTest,
  expectationsAt,
  fromRows,
  key,
  type Matrix,
  matrix,
  type RatioFunction,
  referenceSet,
  referenceSpread,
  row,
  type Simulator,
  simulateGold,
  split,
  stream,
  train,
  uniform,
} from "../src/index.js";

// 1. The law: theta moves a normal and one bump of another direction; a rotation hides both among five numbers.
const turns = [
  [0, 1, 0.5],
  [1, 2, 0.8],
  [2, 3, 1.1],
  [3, 4, 0.4],
  [0, 4, 0.9],
  [1, 3, 0.6],
] as const; // prettier-ignore

/** Turns `z` in place, plane by plane, or back again. */
function rotate(z: Float64Array, back = false): Float64Array {
  for (const [a, b, angle] of back ? turns.toReversed() : turns) {
    const [c, s] = [Math.cos(angle), back ? -Math.sin(angle) : Math.sin(angle)];
    [z[a], z[b]] = [c * z[a] - s * z[b], s * z[a] + c * z[b]];
  }
  return z;
}

/** What depends on theta of `log p(x | theta)`, and its slope, from the first two of the numbers before the rotation. */
function law(theta: number, [z, w]: Float64Array): readonly [logProb: number, slope: number] {
  const [off, bump] = [z - theta, w - 2 - theta];
  const [moving, fixed] = [Math.exp(-0.5 * bump * bump), Math.exp(-0.5 * (w + 2) ** 2)];
  return [Math.log(moving + fixed) - 0.5 * off * off, off + (bump * moving) / (moving + fixed)];
}

/** Gold by hand: nothing but the rotation stands between z and x. CARL does not look at it. */
const simulator: Simulator = {
  name: "five-dimensions",
  prior: uniform({ theta: [0.5, 1.5] }),
  parameters: ["theta"],
  xShape: [5],
  simulate(theta, keys) {
    const [x, z] = [matrix(theta.rows, 5), matrix(theta.rows, 2)];
    keys.forEach((own, i) => {
      const rng = stream(own);
      const at = theta.data[i];
      row(z, i).set([rng.normal(at), rng.uniform() < 0.5 ? rng.normal(2 + at) : rng.normal(-2)]);
      row(x, i).set([...row(z, i), rng.normal(0, 2), rng.exponential(3), rng.exponential(0.5)]);
      rotate(row(x, i));
    });
    const each = (points: Matrix, part: 0 | 1) => points.data.map((at, i) => law(at, row(z, i))[part]);
    const jointLogRatio = (top: Matrix, bottom: Matrix) => {
      const below = each(bottom, 0);
      return each(top, 0).map((value, i) => value - below[i]);
    };
    return { x, gold: { jointLogRatio, jointScore: (at) => matrix(at.rows, 1, each(at, 1)) } };
  },
};

// 2. What is asked: 20 sets of 500 events with theta = 1. A set knows theta to 0.037 or so; the grid reaches five times that.
const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, repeats: { type: "string", default: "1" } },
});
const [truth, spacing] = [1, 0.02];
const references = [0.5, 1.5];
const grid = fromRows(Array.from({ length: 21 }, (_, k) => [0.8 + spacing * k]));
const all = (theta: number, n: number) => matrix(n, 1, new Float64Array(n).fill(theta));
const events = async (theta: number, n: number, seed: string) =>
  (await simulator.simulate(all(theta, n), split(key(seed), n))).x;

/** Where a curve over the grid is largest: the top of a parabola through three points. */
function peak(curve: Float64Array): number {
  const inner = curve.subarray(1, -1);
  const k = 1 + inner.indexOf(inner.reduce((a, b) => Math.max(a, b)));
  const [a, b, c] = curve.subarray(k - 1, k + 2);
  return grid.data[k] + spacing * Math.min(1, Math.max(-1, (a - c) / (2 * (a - 2 * b + c))));
}

/** The maximum of the exact likelihood. */
function exactPeak(x: Matrix): number {
  const z = Array.from({ length: x.rows }, (_, i) => rotate(row(x, i).slice(), true));
  return peak(grid.data.map((theta) => z.reduce((sum, own) => sum + law(theta, own)[0], 0)));
}

// 3. Three ways to a ratio. A network that saw much learns ratios that are a little too flat: a line through its log ratio, and
// `E_ref[r] = 1` at each point of the grid, make up for that. Of 1,000 simulations, or a histogram of 400, nothing does.
const ways = ["well trained", "badly trained", "badly calibrated"] as const;
async function learn(thetaRef: number, seed: string) {
  const simulated = (n: number, part: string) =>
    simulateGold(simulator, { n, thetaRef: [thetaRef], seed: `${seed}, ${part}, ${thetaRef}` });
  const network = { kind: "mlp", hidden: [40, 40], activation: "tanh" } as const;
  const training = await simulated(300_000, "training");
  const few = await simulated(1000, "few");
  const good = await train(carl(training, { network }), { seed, card: false });
  const bad = await train(carl(few, { network }), { seed, card: false });
  const held = calibrationSet(await simulated(50_000, "calibration"), { training });
  const scarce = calibrationSet(await simulated(400, "scarce"), { training });
  const x = await events(thetaRef, 20_000, `${seed}, reference, ${thetaRef}`);
  const reference = referenceSet(
    { thetaRef: [thetaRef], x, jointLogRatio: () => new Float64Array(x.rows) }, // of no use to an expectation
    { training },
  );
  const calibrated = async (ratio: RatioFunction) => {
    const line = await calibrateRatio(ratio, held, { method: "sigmoid" });
    return calibrateByGold(line, reference, grid, { method: "expectation" });
  };
  const ratios: Record<(typeof ways)[number], CalibratedRatio> = {
    "well trained": await calibrated(good),
    "badly trained": await calibrateByGold(bad, reference, grid, { method: "expectation" }),
    "badly calibrated": await calibrateRatio(good, scarce, { method: "histogram" }),
  };
  return { ratios, dispose: () => Promise.all([good.dispose(), bad.dispose()]) };
}

// 4. The truth and the checks. Exact ratios give one curve whatever they are taken to, a critic that sees nothing, and
// means of one. A spread of 20 at the ends of the grid is two maxima, each a standard deviation off.
const root = (list: readonly number[]) =>
  Math.sqrt(list.reduce((sum, each) => sum + each * each, 0) / list.length);
const say = values.json ? console.error : console.log;
const found = new Map<string, Record<string, number>[]>();
for (let repeat = 1; repeat <= Number(values.repeats); repeat++) {
  const seed = `repeat ${repeat}`;
  const learned = [];
  for (const thetaRef of references) learned.push(await learn(thetaRef, seed));
  const sets = await Promise.all(
    Array.from({ length: 20 }, (_, k) => events(truth, 500, `${seed}, set ${k}`)),
  );
  const [numerator, denominator] = [
    await events(truth, 2500, `${seed}, numerator`),
    await events(references[0], 2500, `${seed}, denominator`),
  ];
  say(`maximum likelihood, exact: ${exactPeak(sets[0]).toFixed(3)}`);
  for (const way of ways) {
    const ratios = learned.map(({ ratios }) => ratios[way]);
    const peaks = [];
    for (const x of sets) {
      for (const ratio of ratios) peaks.push(peak(await ratio.observe(x).logRatio(grid)));
    }
    const errors = peaks.map((value, i) => value - exactPeak(sets[Math.floor(i / references.length)]));
    const { largest: spread } = await referenceSpread(ratios, sets[0], grid);
    const { auc, pValue } = await criticTest(
      numerator,
      denominator,
      (x) => ratios[0].logRatio(all(truth, x.rows), x),
      { seed },
    );
    const checks = await expectationsAt(ratios[0], denominator, grid);
    const z = checks.reduce((most, check) => Math.max(most, Math.abs(check.z)), 0);
    const flagged = Number(spread > 20 || pValue < 0.01 || z > 4);
    found.set(way, [...(found.get(way) ?? []), { error: root(errors), spread, auc, pValue, z, flagged }]);
    say(`
${way}: ${peaks
      .slice(0, references.length)
      .map((value) => value.toFixed(3))
      .join(", ")} (references ${references.join(", ")})
  off by ${root(errors).toFixed(3)} (root mean square over 20 sets and the references)
  spread of the references ${spread.toFixed(1)}, critic ${auc.toFixed(3)} (p = ${pValue.toFixed(3)}), mean ratio at most ${z.toFixed(1)} errors from 1
  ${flagged === 1 ? "not to be trusted" : "nothing found"}`);
  }
  for (const { dispose } of learned) await dispose();
}

// 5. The same numbers for programs: means over the repeats.
if (values.json) {
  for (const [name, list] of found) {
    const line: Record<string, number> = {};
    for (const field of Object.keys(list[0])) {
      const mean = list.reduce((sum, each) => sum + each[field], 0) / list.length;
      const squares = list.reduce((sum, each) => sum + (each[field] - mean) ** 2, 0);
      line[field] = mean;
      line[`${field}Error`] = Math.sqrt(squares / (list.length - 1) / list.length);
    }
    console.log(JSON.stringify({ name, ...line, repeats: list.length }));
  }
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ name: "run", cpuSeconds: (user + system) / 1e6 }));
}
