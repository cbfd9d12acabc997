/**
 * Where a flow begins: at the mean and covariance, in unconstrained space, of points that are known to lie where the target has its
 * mass. They are the user's own, or draws from `target.start` resampled by importance; where there is neither, the mode and the
 * curvature there (Laplace) take their place.
 *
 * @module
 */
import { mode } from "../../samplers/mode.js";
import { populationOf, shrunkCovariance } from "../../samplers/starts/population.js";
import { logDensity } from "../../samplers/target.js";
import { identity } from "../core/bijection.js";
import type { LogDensity } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { cholesky, inverseFromCholesky, solveLower } from "../core/linalg.js";
import { columnSums, type Matrix, matrix, row } from "../core/matrix.js";
import { foldIn, type Key, stream } from "../core/random.js";
import { type Whitening, whitenedTarget } from "./whitened.js";

/** Starts of the search for a mode, uniform on `[-2, 2]` in unconstrained space, as Stan's chains begin. */
const searches = 20;
const mostSteps = 500;
/** Step of the differences that curvatures are made of, in parts of a coordinate. */
const stride = 1e-3;

/** Where a flow begins. */
export interface Place {
  readonly whitening: Whitening;
  /** The points that say so, whitened, `[S, D]`; left out where it was the mode. */
  readonly points?: Matrix;
}

/**
 * Finds the place and shape that a flow begins with.
 *
 * @param theta - points on the scale of theta, `[S, D]`; without any, the mode is looked for.
 * @throws {RangeError} if the target is finite nowhere that was looked at.
 */
export async function place(target: LogDensity, key: Key, theta?: Matrix): Promise<Place> {
  if (!theta) return { whitening: await laplace(target, key) };
  const u = unconstrained(target, theta);
  const whitening = shapeOf(u);
  return { whitening, points: whiten(u, whitening) };
}

/**
 * Checks the user's own points.
 *
 * @throws {ShapeError} if there is another number of columns than the target has, or fewer than two rows.
 * @throws {RangeError} if a point lies outside the support or on its edge.
 */
export function checkInitial(target: LogDensity, initial: Matrix): void {
  if (initial.cols !== target.dim || initial.rows < 2) {
    throw new ShapeError(
      `variational: initial must be [S, ${target.dim}] with S >= 2, got [${initial.rows}, ${initial.cols}].`,
    );
  }
  const bad = unconstrained(target, initial).data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new RangeError(
    `variational: initial row ${Math.floor(bad / initial.cols)} is outside the support or on its edge.`,
  );
}

function whiten(u: Matrix, { center, lower }: Whitening): Matrix {
  const v = matrix(u.rows, u.cols);
  for (let i = 0; i < u.rows; i++) {
    const point = row(v, i);
    row(u, i).forEach((value, j) => {
      point[j] = value - center[j];
    });
    solveLower(lower, point);
  }
  return v;
}

function unconstrained({ support }: LogDensity, theta: Matrix): Matrix {
  const u = matrix(theta.rows, theta.cols);
  for (let i = 0; i < theta.rows; i++) support.toUnconstrained(row(theta, i), row(u, i));
  return u;
}

function shapeOf(u: Matrix): Whitening {
  const population = populationOf(u);
  return {
    center: columnSums(u).map((sum) => sum / u.rows),
    lower: cholesky(shrunkCovariance(population, u.cols), u.cols),
  };
}

/** The mode over unconstrained space and the inverse of the curvature there. */
async function laplace(target: LogDensity, key: Key): Promise<Whitening> {
  const { dim } = target;
  const unit = { center: new Float64Array(dim), lower: diagonal(new Float64Array(dim).fill(1)) };
  const plain = whitenedTarget(target, unit); // theta = T(v)
  const over = logDensity({
    names: target.names,
    support: identity(dim),
    logProbBatch: (u) => plain.logProb(u),
    gradientBatch: (u) => plain.gradient(u),
  });
  const rng = stream(foldIn(key, "searches"));
  const initial = matrix(searches, dim);
  for (let i = 0; i < initial.data.length; i++) initial.data[i] = rng.uniform(-2, 2);
  const { theta: center } = await mode(over, { initial, maxIterations: mostSteps });
  return { center, lower: shapeAt(await curvature(over, center), dim) };
}

/** `-d^2 log p / du^2` at a point, `[D, D]`, by central differences of the gradient in one call. */
async function curvature(target: LogDensity, at: Float64Array): Promise<Float64Array> {
  const dim = at.length;
  const step = at.map((value) => stride * Math.max(1, Math.abs(value)));
  const around = matrix(2 * dim, dim);
  for (let j = 0; j < dim; j++) {
    for (const [side, sign] of [1, -1].entries()) {
      const point = row(around, 2 * j + side);
      point.set(at);
      point[j] += sign * step[j];
    }
  }
  const { gradient } = await target.gradient!(around);
  const difference = (j: number, k: number) =>
    (row(gradient, 2 * j + 1)[k] - row(gradient, 2 * j)[k]) / (2 * step[j]);
  return Float64Array.from({ length: dim * dim }, (_, at) => {
    const [j, k] = [Math.floor(at / dim), at % dim];
    return (difference(j, k) + difference(k, j)) / 2;
  });
}

/** The factor of the inverse of a curvature; of its positive diagonal where it is no maximum. */
function shapeAt(curvature: Float64Array, dim: number): Float64Array {
  try {
    return cholesky(inverseFromCholesky(cholesky(curvature, dim), dim), dim);
  } catch {
    const sd = (j: number) => {
      const value = curvature[j * dim + j];
      return value > 0 && value < Infinity ? 1 / Math.sqrt(value) : 1;
    };
    return diagonal(Float64Array.from({ length: dim }, (_, j) => sd(j)));
  }
}

function diagonal(values: Float64Array): Float64Array {
  const n = values.length;
  const out = new Float64Array(n * n);
  values.forEach((value, j) => {
    out[j * n + j] = value;
  });
  return out;
}
