/**
 * All posteriors of the bundle.
 *
 * @module
 */

import { elimination, lotkaVolterra } from "./dynamics.js";
import { type ReferencePosterior, readData } from "./reference-posterior.js";
import {
  cauchyTerm,
  earnings,
  eightSchools,
  kidScores,
  normalTerm,
  regression,
  syntheticRegression,
  type Term,
} from "./regressions.js";
import {
  arma,
  centredSchools,
  drives,
  garch,
  gaussianMixture,
  gaussianProcessCounts,
  gaussianProcessRegression,
  hiddenMarkov,
} from "./series.js";

/** `log t(x | df, location, scale)`. */
function studentTerm(df: 3, location: number, scale: number): Term {
  const norm = Math.log(2 / (Math.PI * Math.sqrt(df) * scale)); // of three degrees of freedom
  return (x) => {
    const z = (x - location) / scale;
    return [norm - 2 * Math.log1p((z * z) / df), (-4 * z) / (df + z * z) / scale];
  };
}

const logEarnings = (folder: string) => {
  const { earn, height, male } = readData(folder);
  return regression(
    earn.map(Math.log),
    height.map((h, i) => [1, h, male[i], h * male[i]]),
  );
};

const mesquite = (folder: string) => {
  const d = readData(folder);
  return regression(
    d.weight,
    d.weight.map((_, i) => [
      1,
      d.diam1[i],
      d.diam2[i],
      d.canopy_height[i],
      d.total_height[i],
      d.density[i],
      d.group[i],
    ]),
  );
};

const logMesquite = (folder: string) => {
  const { weight, diam1, diam2, canopy_height: canopy, total_height: total, group } = readData(folder);
  return regression(
    weight.map(Math.log),
    weight.map((_, i) => [
      1,
      Math.log(diam1[i] * diam2[i] * canopy[i]),
      Math.log(diam1[i] * diam2[i]),
      Math.log(diam1[i] / diam2[i]),
      Math.log(total[i]),
      group[i],
    ]),
  );
};

const elections = (folder: string) => {
  const d = readData(folder);
  return regression(
    d.partyid7,
    d.partyid7.map((_, i) => [
      1,
      d.real_ideo[i],
      d.race_adj[i],
      ...[2, 3, 4].map((age) => Number(d.age_discrete[i] === age)),
      d.educ1[i],
      d.gender[i],
      d.income[i],
    ]),
  );
};

const summers = (folder: string) => {
  const { x, y, pmualpha, psalpha, pmubeta, psbeta } = readData(folder) as unknown as {
    readonly [name: string]: number & number[];
  };
  const priors = [normalTerm(pmualpha, psalpha), normalTerm(pmubeta, psbeta)];
  return regression(
    y,
    x.map((year: number) => [1, year]),
    { beta: (value, j) => priors[j](value, j) },
    ["alpha", "beta"],
  );
};

const autoregression = (folder: string) => {
  const { y } = readData(folder);
  return regression(
    y.slice(5),
    y.slice(5).map((_, t) => [1, ...[1, 2, 3, 4, 5].map((lag) => y[t + 5 - lag])]),
    { beta: normalTerm(0, 10), sigma: cauchyTerm(2.5) },
    ["alpha", ...[1, 2, 3, 4, 5].map((lag) => `beta[${lag}]`)],
  );
};

const diamonds = (folder: string) => {
  const { Y, X } = readData(folder);
  const means = X[0].map(
    (_: number, j: number) => X.reduce((sum: number, line: number[]) => sum + line[j], 0) / X.length,
  );
  const intercept = studentTerm(3, 8, 10);
  const unit = normalTerm(0, 1);
  const half = studentTerm(3, 0, 10);
  return regression(
    Y,
    X.map((line: number[]) => [...line.slice(1).map((value, j) => value - means[j + 1]), 1]),
    {
      beta: (value, j) => (j === 24 ? intercept : unit)(value, j),
      sigma: (value, j) => [half(value, j)[0] + Math.log(2), half(value, j)[1]],
    },
    [...Array.from({ length: 24 }, (_, j) => `b[${j + 1}]`), "Intercept"],
  );
};

/** The folder of each posterior and what makes it. */
export const posteriors: readonly (readonly [string, (folder: string) => ReferencePosterior])[] = [
  ["arK-arK", autoregression],
  ["arma-arma11", arma],
  ["bball_drive_event_0-hmm_drive_0", drives],
  ["diamonds-diamonds", diamonds],
  ["earnings-earn_height", earnings],
  ["earnings-logearn_interaction", logEarnings],
  ["eight_schools-eight_schools_centered", centredSchools],
  ["eight_schools-eight_schools_noncentered", eightSchools],
  ["garch-garch11", garch],
  ["gp_pois_regr-gp_pois_regr", gaussianProcessCounts],
  ["gp_pois_regr-gp_regr", gaussianProcessRegression],
  ["hmm_example-hmm_example", hiddenMarkov],
  ["hudson_lynx_hare-lotka_volterra", lotkaVolterra],
  ["kidiq-kidscore_interaction", kidScores],
  ["kilpisjarvi_mod-kilpisjarvi", summers],
  ["low_dim_gauss_mix-low_dim_gauss_mix", gaussianMixture],
  ["mesquite-logmesquite_logvash", logMesquite],
  ["mesquite-mesquite", mesquite],
  ["nes1980-nes", elections],
  ["nes2000-nes", elections],
  ["one_comp_mm_elim_abs-one_comp_mm_elim_abs", elimination],
  ["sblrc-blr", syntheticRegression],
  ["sblri-blr", syntheticRegression],
];
