/**
 * Hares and lynxes: twenty-one years of pelts, and how fast the animals were born, eaten and starved.
 *
 * Question: the Hudson's Bay Company counted the pelts that trappers brought, in thousands a year, from 1900 to 1920. What do
 * they say of the rates of Lotka and Volterra's equations,
 *
 *     d hare / dt = (alpha - beta lynx) hare,   d lynx / dt = (delta hare - gamma) lynx,
 *
 * of the numbers in the first year, and of the spread of the pelts about the animals?
 * Expected: rates and first year as Stan finds them from the likelihood, which NPE does not see. The spreads, which show only
 * after all else is fitted, are the hard part: they come out too small by one to two standard deviations, and C2ST tells. The
 * Pareto k of the weights says that they can be trusted, and weighted by the likelihood the draws are right; so are chains
 * that see it. A minute of CPU.
 *
 *                  Stan: mean, sd     off by, in Stan's sd, and sd in Stan's:  NPE       weighted  chains
 *     alpha        0.5469   0.0631    0.16 1.19  -0.06 1.03   0.01 1.02
 *     beta         0.0277   0.0042    0.10 1.12  -0.10 1.05   0.02 1.03
 *     gamma        0.8001   0.0894    0.45 1.23   0.08 1.05  -0.01 1.02
 *     delta        0.0241   0.0035    0.19 1.16   0.07 1.02  -0.00 1.01
 *     hare0       34.0350   2.9169   -0.15 1.03  -0.03 0.94  -0.02 1.01
 *     lynx0        5.9359   0.5305   -0.05 0.98  -0.03 1.01   0.01 0.99
 *     sigmaHare    0.2481   0.0433   -1.09 1.53  -0.08 0.99  -0.01 1.01
 *     sigmaLynx    0.2510   0.0436   -1.71 1.56   0.02 1.00   0.01 1.00
 *     weights: Pareto k 0.37, 212 effective of 10000 draws
 *     chains: worst R-hat 1.001
 *     C2ST of NPE and 1000 draws of Stan's: 0.912 +- 0.009
 *     C2ST of chains and 1000 draws of Stan's: 0.494 +- 0.011
 *
 * Reference: Carpenter (2018), Predator-prey population dynamics, https://mc-stan.org/users/documentation/case-studies/
 * lotka-volterra-predator-prey.html, whose model and priors these are; pelts from Hewitt (1921), The conservation of the wild
 * life of Canada, by Howard (2009); posteriordb, https://github.com/stan-dev/posteriordb, hudson_lynx_hare-lotka_volterra
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { twoSpecies } from "../benchmarks/problems/two-species.js";
import {
  c2st,
  defineSimulator,
  drawsMatrix,
  fromRows,
  independent,
  key,
  logDensity,
  logNormal,
  type Matrix,
  matrix,
  metropolis,
  mlpEmbedding,
  npe,
  psis,
  row,
  sample,
  simulate,
  stream,
  summary,
  takeRows,
  train,
  truncatedNormal,
} from "../src/index.js";

// 1. What was measured: thousands of pelts of hares and of lynxes, 1900 to 1920.
const pelts = [
  ...[
    [30, 4],
    [47.2, 6.1],
    [70.2, 9.8],
    [77.4, 35.2],
    [36.3, 59.4],
    [20.6, 41.7],
    [18.1, 19],
  ],
  ...[
    [21.4, 13],
    [22, 8.3],
    [25.4, 9.1],
    [27.1, 7.4],
    [40.3, 8],
    [57, 12.3],
    [76.6, 19.5],
  ],
  ...[
    [52.3, 45.7],
    [19.5, 51.1],
    [11.2, 29.7],
    [7.6, 15.8],
    [14.6, 9.7],
    [16.2, 10.1],
    [24.7, 8.6],
  ],
];
const years = pelts.map((_, year) => year);
const observed = pelts.flat().map(Math.log);
const numData = observed.length;

// 2. The model: the equations' solution, each number with log-normal noise, on a logarithmic scale. Fewer than 400 pelts or
// more than a million are all the same to it: the prior makes such years, Canada did not.
const prior = independent({
  alpha: truncatedNormal(1, 0.5, 0),
  beta: truncatedNormal(0.05, 0.05, 0),
  gamma: truncatedNormal(1, 0.5, 0),
  delta: truncatedNormal(0.05, 0.05, 0),
  hare0: logNormal(Math.log(10), 1),
  lynx0: logNormal(Math.log(10), 1),
  sigmaHare: logNormal(-1, 1),
  sigmaLynx: logNormal(-1, 1),
});
const names = prior.names;

/** Logarithms of the animals year by year, hare, lynx, hare, lynx ... */
function logAnimals([alpha, beta, gamma, delta, hare0, lynx0]: Float64Array): Float64Array {
  return twoSpecies([hare0, lynx0], years).numbers([alpha, beta, gamma, delta]).map(Math.log);
}
const sigma = (theta: Float64Array, j: number) => theta[6 + (j % 2)];

const simulator = defineSimulator({
  name: "hares_and_lynxes",
  prior,
  xShape: [numData],
  runBatch(theta, keys) {
    const x = matrix(theta.rows, numData);
    for (let i = 0; i < theta.rows; i++) {
      const [at, rng] = [row(theta, i), stream(keys[i])];
      const animals = logAnimals(at);
      animals.forEach((value, j) => {
        const seen = value + sigma(at, j) * rng.normal();
        x.data[i * numData + j] = Number.isNaN(seen) ? -1 : Math.min(7, Math.max(-1, seen));
      });
    }
    return x;
  },
});

// 3. The posterior of any pelts, learned from simulations alone, and then of these.
const simulations = await simulate(simulator, { n: 50_000, seed: "pelts" });
const estimator = await train(
  npe(simulations, {
    density: { kind: "maf" },
    embedding: mlpEmbedding({ inputs: numData, hidden: [128, 128], features: 32 }),
  }),
  { seed: "pelts", card: false },
);
const learned = await estimator.sample(fromRows([observed]), 10_000, key("pelts"));

// 4. Here the likelihood can be written down, so what was learned can be weighted, and checked by chains that see it.
function logPosterior(theta: Float64Array): number {
  const animals = logAnimals(theta);
  let log = prior.logProb(fromRows([theta]))[0];
  for (let j = 0; j < numData; j++) {
    log -= 0.5 * ((observed[j] - animals[j]) / sigma(theta, j)) ** 2 + Math.log(sigma(theta, j));
  }
  return Number.isNaN(log) ? -Infinity : log;
}
const rows = Array.from({ length: learned.rows }, (_, i) => i);
const logQ = await estimator.logProb(learned, fromRows(rows.map(() => observed)));
const { logWeights, k } = psis(rows.map((i) => logPosterior(row(learned, i)) - logQ[i]));
const weights = logWeights.map(Math.exp);
const effective = 1 / weights.reduce((sum, weight) => sum + weight * weight, 0);

const target = logDensity({ names, support: prior.support, logProb: logPosterior });
const initial = takeRows(learned, rows.slice(0, 100));
const chains = await sample(metropolis(target), {
  ...{ chains: 100, warmup: 300, draws: 100, thin: 10, seed: "pelts", initial },
});
const worst = Math.max(...summary(chains).rows.map(({ rhat }) => rhat));

// 5. All of them beside Stan's posterior: means and standard deviations of 10,000 draws, from posteriordb.
const stan: Readonly<Record<string, readonly [mean: number, sd: number]>> = {
  alpha: [0.54686, 0.063055],
  beta: [0.027747, 0.0041547],
  gamma: [0.8001, 0.08937],
  delta: [0.024086, 0.0035281],
  hare0: [34.035, 2.9169],
  lynx0: [5.9359, 0.53055],
  sigmaHare: [0.24806, 0.043263],
  sigmaLynx: [0.25102, 0.04359],
};

/** Mean and standard deviation of a parameter. */
function moments(
  { rows: n, cols, data }: Matrix,
  j: number,
  weights?: Float64Array,
): readonly [number, number] {
  let [mean, square] = [0, 0];
  for (let i = 0; i < n; i++) {
    const weight = weights?.[i] ?? 1 / n;
    mean += weight * data[i * cols + j];
    square += weight * data[i * cols + j] ** 2;
  }
  return [mean, Math.sqrt(square - mean * mean)];
}

const exact = drawsMatrix(chains);
console.log(
  "             Stan: mean, sd     off by, in Stan's sd, and sd in Stan's:  NPE       weighted  chains",
);
names.forEach((name, j) => {
  const [mean, sd] = stan[name];
  const cells = [moments(learned, j), moments(learned, j, weights), moments(exact, j)].map(
    ([m, s]) => `${((m - mean) / sd).toFixed(2).padStart(5)} ${(s / sd).toFixed(2)}`,
  );
  console.log(
    `${name.padEnd(10)} ${mean.toFixed(4).padStart(8)} ${sd.toFixed(4).padStart(8)}   ${cells.join("  ")}`,
  );
});
console.log(`weights: Pareto k ${k.toFixed(2)}, ${Math.round(effective)} effective of ${learned.rows} draws`);
console.log(`chains: worst R-hat ${worst.toFixed(3)}`);

// 6. C2ST against Stan's own draws, where they are.
const folder =
  process.env.GALTON_REFERENCE ?? fileURLToPath(new URL("../../shared/reference", import.meta.url));
const path = `${folder}/posteriordb/hudson_lynx_hare-lotka_volterra/draws.csv.gz`;
if (existsSync(path)) {
  const lines = gunzipSync(readFileSync(path)).toString().trim().split("\n").slice(1);
  const draws = fromRows(lines.map((line) => line.split(",").slice(2).map(Number)));
  const some = (from: Matrix) =>
    takeRows(
      from,
      lines.map((_, i) => Math.floor((i * from.rows) / lines.length)),
    );
  for (const [who, from] of [
    ["NPE", learned],
    ["chains", exact],
  ] as const) {
    const { accuracy, standardError } = await c2st(draws, some(from), { seed: 1 });
    console.log(
      `C2ST of ${who} and ${lines.length} draws of Stan's: ${accuracy.toFixed(3)} +- ${standardError.toFixed(3)}`,
    );
  }
} else {
  console.log(`Stan's draws are not at ${folder} (GALTON_REFERENCE): no C2ST.`);
}
await estimator.dispose();
