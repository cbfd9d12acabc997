/**
 * The Fermi coupling and the Z mass from fifteen charge asymmetries of e+e- -> mu+mu- at 14-57 GeV, measured
 * before anyone made a Z at an electron-positron collider.
 *
 * `theta = (G_F/G_F0, M_Z in GeV)`, uniform on [0.5, 1.5] x [60, 130]; `x` = the fifteen asymmetries;
 * `x_i ~ Normal(A_FB(energy_i; theta), error_i)` with the Born formula. Observation 1 is the real one. Far
 * below the pole only `G_F` matters: with both parameters free the posterior is a ridge, open towards large `M_Z`.
 *
 * @module
 */
import { type Matrix, matrix, row } from "../../../src/core/matrix.js";
import type { Key } from "../../../src/core/random.js";
import { stream } from "../../../src/core/rng.js";
import { uniform } from "../../../src/prior/uniform.js";
import { defineSimulator } from "../../../src/simulator.js";
import { type GridDensity, gridDensity } from "../../grid.js";
import { observationList, type Problem } from "../../problem.js";
import { bornAsymmetry, bornAsymmetryGradient } from "./born.js";
import { asymmetries, energies, errors } from "./measurements.js";

/** Names of the two parameters; the second in GeV. */
export const parameters = ["G_F/G_F0", "M_Z"] as const;

/** The prior's box, in the order of `parameters`. */
export const priorBox: readonly (readonly [number, number])[] = [
  [0.5, 1.5],
  [60, 130],
];

const prior = uniform({ [parameters[0]]: [0.5, 1.5], [parameters[1]]: [60, 130] });
const count = energies.length;
const logNorm = errors.reduce((sum, error) => sum - Math.log(error), (-count / 2) * Math.log(2 * Math.PI));

/** Born asymmetries with the Gaussian errors of the experiments. */
export const simulator = defineSimulator({
  name: "asymmetries",
  prior,
  xShape: [count],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, count);
    for (let i = 0; i < theta.rows; i++) {
      const rng = stream(keys[i]);
      const [fermi, mass] = row(theta, i);
      for (let j = 0; j < count; j++) {
        x.data[i * count + j] = bornAsymmetry(energies[j], fermi, mass) + errors[j] * rng.normal();
      }
    }
    return x;
  },
});

/** `chi^2` of data `[15]` at one point: the sum of squared pulls. */
export function chiSquared(x: ArrayLike<number>, fermi: number, mass: number): number {
  let sum = 0;
  for (let j = 0; j < count; j++) sum += ((x[j] - bornAsymmetry(energies[j], fermi, mass)) / errors[j]) ** 2;
  return sum;
}

function logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    const [fermi, mass] = row(theta, i);
    return logNorm - chiSquared(x, fermi, mass) / 2;
  });
}

function likelihoodGradient(theta: Matrix, x: ArrayLike<number>): Matrix {
  const out = matrix(theta.rows, 2);
  for (let i = 0; i < theta.rows; i++) {
    const [fermi, mass] = row(theta, i);
    const gradient = row(out, i);
    for (let j = 0; j < count; j++) {
      const { value, byFermi, byMass } = bornAsymmetryGradient(energies[j], fermi, mass);
      const pull = (x[j] - value) / errors[j] ** 2;
      gradient[0] += pull * byFermi;
      gradient[1] += pull * byMass;
    }
  }
  return out;
}

/**
 * The exact posterior under a uniform prior, on a grid.
 *
 * @param x - data `[15]`. Default the real ones.
 * @param options.box - the prior's box. Default `priorBox`.
 * @param options.cells - cells per axis. Default 200 x 200 (0.09 s of CPU).
 */
export function exactGrid(
  x: ArrayLike<number> = asymmetries,
  {
    box = priorBox,
    cells = [200, 200],
  }: { readonly box?: readonly (readonly [number, number])[]; readonly cells?: readonly number[] } = {},
): GridDensity {
  return gridDensity((theta) => logLikelihood(theta, x), box, cells);
}

/**
 * The exact posterior of `M_Z` when `G_F` is known: one axis, in GeV.
 *
 * @param options.fermi - `G_F/G_F0`. Default 1, the muon-decay value.
 * @param options.cells - Default 700: 0.1 GeV.
 */
export function exactMassGrid(
  x: ArrayLike<number> = asymmetries,
  { fermi = 1, cells = 700 }: { readonly fermi?: number; readonly cells?: number } = {},
): GridDensity {
  const density = (mass: Matrix) => mass.data.map((value) => logNorm - chiSquared(x, fermi, value) / 2);
  return gridDensity(density, [priorBox[1]], [cells]);
}

/** The problem as the benchmark runs it. */
export const problem: Problem = {
  name: "asymmetries",
  title: "Fermi coupling and Z mass from fifteen measured charge asymmetries",
  source: "Particle Data Group, data block S044Z0A",
  simulator,
  ...observationList("asymmetries", [{ x: Array.from(asymmetries) }]),
  logLikelihood,
  logEvidence: (x) => exactGrid(x).logEvidence - priorBox.reduce((sum, [a, b]) => sum + Math.log(b - a), 0),
  likelihoodGradient,
  exactPosterior: (x, n, key) => exactGrid(x).draws(n, key),
};
