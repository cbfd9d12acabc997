/**
 * The Z mass before LEP.
 *
 * Question: fifteen charge asymmetries of e+e- -> mu+mu- were measured at 14-57 GeV before 1990, far below the
 * Z. What do they say about the Fermi coupling and the mass of the Z, if all we can do is simulate them?
 * Expected: with both free, a ridge that is open towards large M_Z; with G_F known from muon decay, M_Z = 89 GeV
 * with a 68 % interval of about 83 to 99 GeV. LEP later found 91.2 GeV. Writes report.html. About half a minute.
 * Reference: Particle Data Group, data block S044Z0A; Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057.
 */
import { parseArgs } from "node:util";
import { exactGrid, exactMassGrid, parameters, problem } from "../benchmarks/problems/asymmetries/problem.js";
import {
  aalr,
  c2st,
  classifierAuc,
  drawsMatrix,
  formatSummary,
  hmc,
  key,
  type Matrix,
  metropolis,
  mmd,
  posterior,
  sample,
  simulate,
  summary,
  takeRows,
  train,
  typicality,
} from "../src/index.js";
import { writePage } from "./z-mass-before-lep/page.js";

/** A folder for the main figures as SVG files; JSON lines of the main numbers instead of words. */
const { figures, json } = parseArgs({
  options: { figures: { type: "string" }, json: { type: "boolean", default: false } },
}).values;
const seed = "Z mass before LEP";
const observed = problem.observation(1);
const say = (line: string) => json || process.stdout.write(`${line}\n`);
const tell = (numbers: object) => json && process.stdout.write(`${JSON.stringify(numbers)}\n`);

// 1. Simulate, and learn the ratio of likelihood to evidence.
const simulations = await simulate(problem.simulator, { n: 40_000, seed });
const estimator = await train(aalr(simulations), {
  seed,
  card: { pairs: 500 },
  onProgress: ({ epoch, epochsTotal, validationLoss }) => {
    if (epoch % 10 === 0)
      process.stderr.write(
        `epoch ${epoch} of ${epochsTotal}, validation loss ${validationLoss.toFixed(4)}\n`,
      );
  },
});

// 2. Sample the posterior of the real measurements, twice; then again with G_F held at its muon-decay value.
const size = { chains: 200, warmup: 100, draws: 50, seed };
const target = posterior(estimator, { observed });
const byHmc = await sample(hmc(target), size);
const byMetropolis = await sample(metropolis(target), { ...size, warmup: 200, thin: 5 });
const byMass = await sample(hmc(posterior(estimator, { observed, given: { [parameters[0]]: 1 } })), size);

say(`\nFermi coupling (relative) and Z mass (GeV), both free: HMC\n${formatSummary(summary(byHmc))}`);
say(`\nThe same by Metropolis-Hastings\n${formatSummary(summary(byMetropolis))}`);
say(`\nThe Z mass before LEP (GeV), with G_F from muon decay: HMC\n${formatSummary(summary(byMass))}`);

// 3. Compare with the exact posterior, drawn by quadrature on a grid; 1,000 draws each, so it is quick and says so.
const exact = exactGrid(observed).draws(1000, key(seed));
const exactMass = exactMassGrid(observed).draws(1000, key(seed));
const compare = async (label: string, draws: Matrix, truth: Matrix) => {
  const some = takeRows(
    draws,
    Float64Array.from({ length: 1000 }, (_, i) => Math.floor((i * draws.rows) / 1000)),
  );
  const row = {
    label,
    c2st: (await c2st(truth, some, { seed, quick: true })).accuracy,
    mmd: mmd(truth, some, { bandwidth: "pooled" }).mmd,
    auc: (await classifierAuc(truth, some, { seed })).auc,
  };
  say(
    `${label.padEnd(28)} C2ST ${row.c2st.toFixed(3)}  MMD ${row.mmd.toFixed(3)}  ROC AUC ${row.auc.toFixed(3)}`,
  );
  return row;
};
say("\nDistance to the exact posterior (quick: 1,000 draws each; C2ST and AUC of 0.5 are perfect)");
const distances = [
  await compare("HMC, both free", drawsMatrix(byHmc), exact),
  await compare("Metropolis, both free", drawsMatrix(byMetropolis), exact),
  await compare("HMC, G_F known", drawsMatrix(byMass), exactMass),
];

// 4. Is the estimator calibrated, and is the observation one that it knows?
const { card } = estimator.header;
if (!card) throw new Error("The estimator came without its report card.");
const level = (wanted: number) => card.coverage.coverage[card.coverage.levels.indexOf(wanted)];
say(
  `\nExpected coverage on ${card.pairs} held-out simulations: 68 % regions hold the truth in ${(100 * level(0.68)).toFixed(1)} %,`,
);
say(
  `95 % regions in ${(100 * level(0.95)).toFixed(1)} % of cases; bias ${(100 * card.coverage.bias).toFixed(1)} %, p = ${card.coverage.pValue.toFixed(2)}.`,
);
const alarm = typicality(simulations.x, observed, { seed });
const warnings = [
  ...card.warnings,
  ...summary(byHmc).warnings,
  ...summary(byMass).warnings,
  ...(alarm.warning ? [alarm.warning] : []),
];
say(
  alarm.warning ??
    `The observation lies within the simulations: ${(100 * (1 - alarm.centre.quantile)).toFixed(0)} % of them are further out.`,
);

const path = await writePage({
  estimator,
  simulations,
  byHmc,
  byMetropolis,
  byMass,
  distances,
  warnings,
  seed,
  figures,
});
say(`\nWrote ${path}`);
await estimator.dispose();

// 6. The same numbers for programs.
const grids = [
  { name: "G_F/G_F0, both free", draws: byHmc, row: 0, exact: exactGrid(observed).moments(0) },
  { name: "M_Z (GeV), both free", draws: byHmc, row: 1, exact: exactGrid(observed).moments(1) },
  { name: "M_Z (GeV), G_F known", draws: byMass, row: 0, exact: exactMassGrid(observed).moments(0) },
];
for (const { name, draws, row, exact } of grids) {
  const { mean, sd } = summary(draws).rows[row];
  tell({ name, learned: mean, learnedSd: sd, exact: exact.mean, exactSd: exact.sd });
}
for (const { label: name, ...scores } of distances) tell({ name, ...scores });
tell({ name: "coverage", level68: 100 * level(0.68), level95: 100 * level(0.95), pairs: card.pairs });
const { user, system } = process.cpuUsage();
tell({ name: "run", cpuSeconds: (user + system) / 1e6 });
