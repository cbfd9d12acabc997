/**
 * ALICES against CARL: what gold is worth.
 *
 * Question: balls fall through a board whose nails push them aside, by an amount theta. How much likelier is each slot with
 * theta = -0.8 than with theta = -0.6? Both methods see the same 1,000 balls; CARL sees only which theta made each.
 * Expected: ALICES follows the exact log ratio within a few hundredths, CARL half of the way; about six seconds of CPU.
 *
 *     slot   exact  ALICES    CARL   of log p(slot | -0.8) / p(slot | -0.6)
 *        5   0.744   0.795   0.183
 *        7   0.545   0.568   0.096
 *        9   0.280   0.284  -0.004
 *       11  -0.004  -0.013  -0.098
 *       13  -0.228  -0.240  -0.159
 *       15  -0.309  -0.318  -0.165
 *       17  -0.210  -0.204  -0.105
 *       19   0.021   0.029   0.011
 *       21   0.298   0.272   0.160
 *       23   0.545   0.501   0.313
 *       25   0.721   0.708   0.449
 *
 *     mean squared error: ALICES 0.0002, CARL 0.0217, r = 1 0.0633
 *
 * Reference: Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244; Stoye et al. (2018),
 * https://arxiv.org/abs/1808.00973
 */
import { problem, slotProbabilities } from "../benchmarks/problems/galton-board.js";
import { alices, carl, fromRows, simulateGold, train } from "../src/index.js";

const [theta, thetaRef] = [-0.8, -0.6];
const simulations = await simulateGold(problem.simulator, { n: 1000, seed: "board" }); // both points of a pair vary
const byGold = await train(alices(simulations, { thetaRef: [thetaRef] }), { seed: "board", card: false });
const byLabels = await train(carl(simulations, { thetaRef: [thetaRef] }), { seed: "board", card: false });

const slots = Array.from({ length: 21 }, (_, k) => k + 5);
const x = fromRows(slots.map((slot) => [slot]));
const at = (value: number) => fromRows(slots.map(() => [value]));
const exact = problem.logRatio!(at(theta), at(thetaRef), x); // dynamic programming over the rows of nails
const gold = await byGold.logRatio(at(theta), x);
const labels = await byLabels.logRatio(at(theta), x);

console.log("slot   exact  ALICES    CARL   of log p(slot | -0.8) / p(slot | -0.6)");
slots.forEach((slot, i) => {
  if (slot % 2 === 0) return;
  const cells = [exact, gold, labels].map((values) => values[i].toFixed(3).padStart(8));
  console.log(`${String(slot).padStart(4)}${cells.join("")}`);
});

const { p } = slotProbabilities(thetaRef);
const error = (found: Float64Array) =>
  slots.reduce((sum, slot, i) => sum + p[slot] * (found[i] - exact[i]) ** 2, 0);
console.log(
  `\nmean squared error: ALICES ${error(gold).toFixed(4)}, CARL ${error(labels).toFixed(4)}, r = 1 0.0633`,
);
await byGold.dispose();
await byLabels.dispose();
