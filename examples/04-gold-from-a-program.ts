/**
 * Gold from your own simulator: write it as a program, and every run also tells how likely its latent path was.
 *
 * Question: a ball falls through ten rows of pins; what does the slot where it ends say of the tilt of the board?
 * Half of the boards, no one sees which, have a trap in the middle.
 * Expected: the joint ratio, averaged over the paths to a slot, is the ratio of that slot, which is known here; the joint
 * score has mean 0 within its standard error. A few seconds.
 * Reference: Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244
 */
import { bernoulli, defineProgram, simulateGold, simulateScore, uniform } from "../src/index.js";

const rows = 10;
const program = defineProgram({
  name: "tilted-board",
  prior: uniform({ right: [0.4, 0.8] }), // probability to bounce to the right
  xShape: [],
  run({ right }, trace) {
    const trap = trace.sample("trap", bernoulli(0.5));
    let slot = 0;
    for (let row = 0; row < rows; row++) {
      if (trap === 1 && slot === 5) break; // earlier draws may decide which draws there are, theta may not
      slot += trace.sample("pin", bernoulli(right));
    }
    return slot;
  },
});

/** Exact `p(slot | right)`: mass moves down row by row, with the trap and without. */
function exact(right: number): number[] {
  const p = new Array<number>(rows + 1).fill(0);
  for (const trap of [0, 1]) {
    const goes = p.map((_, slot) => (trap === 1 && slot === 5 ? 0 : right));
    let at: number[] = p.map((_, slot) => (slot === 0 ? 0.5 : 0));
    for (let row = 0; row < rows; row++) {
      at = at.map(
        (mass, slot) =>
          mass * (goes[slot] === 0 ? 1 : 1 - right) + (slot > 0 ? at[slot - 1] * goes[slot - 1] : 0),
      );
    }
    for (let slot = 0; slot <= rows; slot++) p[slot] += at[slot];
  }
  return p;
}

const [right, thetaRef] = [0.6, 0.5];
const proposal = uniform({ right: [right, right + 1e-9] }); // one numerator
const { x, y, jointLogRatio } = await simulateGold(program, {
  n: 40_000,
  thetaRef: [thetaRef],
  proposal,
  seed: "gold",
});

const [top, bottom] = [exact(right), exact(thetaRef)];
console.log("slot   log of the mean joint ratio   exact log ratio");
for (let slot = 2; slot <= 8; slot++) {
  const ratios = Array.from(jointLogRatio, Math.exp).filter((_, i) => y[i] === 1 && x.data[i] === slot);
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  console.log(
    `${slot}      ${Math.log(mean).toFixed(3).padStart(10)} ${Math.log(top[slot] / bottom[slot])
      .toFixed(3)
      .padStart(28)}`,
  );
}

const { jointScore } = await simulateScore(program, { n: 40_000, thetaRef: [thetaRef], seed: "gold" });
const scores = Array.from(jointScore.data);
const mean = scores.reduce((sum, t) => sum + t, 0) / scores.length;
const information = scores.reduce((sum, t) => sum + t * t, 0) / scores.length;
console.log(`\njoint score: mean ${mean.toFixed(2)} +- ${Math.sqrt(information / scores.length).toFixed(2)}`);
