/**
 * A ratio estimator with a calibration behind it, which is again a ratio.
 *
 * One map may serve all parameters: the estimator's log ratios of all calibration rows are pooled. Or each point has its own,
 * from rows simulated there, or from reference simulations that the joint ratio weights to it,
 *
 *     E_ref[r(x, z | theta, ref) f(x)] = E_theta[f(x)]   for any f,
 *
 * so that one set of simulations calibrates any number of points.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 3
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III, on calibration by weights
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix, repeatRow, row, takeRows } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import {
  applyCalibration,
  type CalibrationMap,
  type CalibrationOptions,
  calibrationOptionNames,
  type FittedCalibration,
  fitCalibration,
} from "./calibration-map.js";
import type { CalibrationSet, ReferenceSet } from "./calibration-set.js";

/** What can be calibrated: any `log p(x | theta) / p(x | thetaRef)`. A `RatioEstimator` is one. */
export interface RatioFunction {
  /** `theta: [N, D]` and `x: [N, L]` to `[N]`, nats. */
  logRatio(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** What it is a ratio to, where it says so. */
  readonly header?: { readonly reference: "evidence" | { readonly thetaRef: readonly number[] } };
}

/** A calibration as plain JSON; `calibratedRatio` puts it to work again. */
export interface CalibrationRecord {
  readonly version: 1;
  /** The point that the ratio is taken to, `[D]`. */
  readonly thetaRef: readonly number[];
  /** One for all points, without `theta`; or one for each, with it. */
  readonly maps: readonly (FittedCalibration & { readonly theta?: readonly number[] })[];
}

/** A calibrated ratio; the estimator behind it stays its owner's. */
export interface CalibratedRatio extends RatioFunction {
  readonly kind: "calibrated-ratio";
  readonly record: CalibrationRecord;
  /** Fixes one or several independent observations, `[M, L]`; their calibrated log ratios add. */
  observe(x: Matrix): { logRatio(theta: Matrix): Promise<Float64Array> };
}

/** Options of `calibrateRatio`. */
export interface CalibrateRatioOptions extends CalibrationOptions {
  /** A map for each distinct `theta` of the rows with `y = 0`; the ratio then holds at these points only. Default `false`. */
  readonly perTheta?: boolean;
}

/**
 * Calibrates a ratio with labelled simulations.
 *
 * With `perTheta` each point needs 20 rows of its own; the rows of the reference point serve all of them.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if `thetaRef` varies or is not the point that the estimator's ratio is taken to.
 * @throws {ShapeError} if a sample has fewer than 20 rows.
 * @throws {RangeError} if a log ratio is not finite.
 * @example
 * const { training, calibration } = splitForCalibration(simulations, { seed: 1 });
 * const estimator = await train(carl(training), { seed: 1 });
 * const calibrated = await calibrateRatio(estimator, calibration, { method: "isotonic" });
 * await calibrated.logRatio(theta, x);
 */
export async function calibrateRatio(
  ratio: RatioFunction,
  set: CalibrationSet,
  options: CalibrateRatioOptions = {},
): Promise<CalibratedRatio> {
  checkOptions<CalibrateRatioOptions>("calibrateRatio", options, {
    ...calibrationOptionNames,
    perTheta: true,
  });
  const { perTheta = false, ...how } = options;
  const { theta, thetaRef, x, y } = set;
  const reference = row(thetaRef, 0);
  if (!thetaRef.data.every((value, i) => value === reference[i % reference.length])) {
    throw new ConfigError(
      "calibrateRatio: thetaRef varies between rows; expected ratios to one reference point. Simulate calibration rows there.",
    );
  }
  checkReference("calibrateRatio", ratio, reference);
  if (!perTheta) {
    const logRatio = await ratio.logRatio(theta, x);
    return wrap(ratio, reference, [fitCalibration(labelled(logRatio, y), how)]);
  }
  const bottom = rowsWhere(y, (label) => label === 1);
  const maps: CalibrationRecord["maps"][number][] = [];
  for (const [, rows] of groups(theta, y)) {
    const point = row(theta, rows[0]);
    const all = Int32Array.from([...rows, ...bottom]);
    const logRatio = await ratio.logRatio(repeatRow(point, all.length), takeRows(x, all));
    const sample = labelled(
      logRatio,
      all.map((i) => y[i]),
    );
    maps.push({ theta: Array.from(point), ...fitCalibration(sample, how) });
  }
  return wrap(ratio, reference, maps);
}

/**
 * Calibrates a ratio at given points with reference simulations alone, weighted to each point by the joint ratio.
 *
 * @param theta - the points, `[K, D]`; the calibrated ratio holds at these only.
 * @throws as `calibrateRatio`, and {RangeError} if a joint log ratio is `NaN` or `Infinity`.
 * @example
 * const calibrated = await calibrateByGold(estimator, referenceSet(held, { training }), fromRows([[0.2], [0.4]]));
 */
export async function calibrateByGold(
  ratio: RatioFunction,
  set: ReferenceSet,
  theta: Matrix,
  options: CalibrationOptions = {},
): Promise<CalibratedRatio> {
  checkOptions("calibrateByGold", options, calibrationOptionNames);
  const reference = Float64Array.from(set.thetaRef);
  checkReference("calibrateByGold", ratio, reference);
  if (theta.rows === 0 || theta.cols !== reference.length) {
    throw new ShapeError(
      `calibrateByGold: expected points of ${reference.length} values, got [${theta.rows}, ${theta.cols}].`,
    );
  }
  const maps: CalibrationRecord["maps"][number][] = [];
  for (let k = 0; k < theta.rows; k++) {
    const point = row(theta, k).slice();
    const joint = set.jointLogRatio(point);
    const bad = joint.findIndex((value) => !(value < Infinity));
    if (joint.length !== set.x.rows || bad >= 0) {
      throw new RangeError(
        `calibrateByGold: expected ${set.x.rows} joint log ratios below infinity at (${point.join(", ")}), got ${
          bad >= 0 ? `${joint[bad]} in row ${bad}` : joint.length
        }.`,
      );
    }
    const logRatio = await ratio.logRatio(repeatRow(point, set.x.rows), set.x);
    const sample = { logRatio, numerator: joint.map(Math.exp), denominator: joint.map(() => 1) };
    maps.push({ theta: Array.from(point), ...fitCalibration(sample, options) });
  }
  return wrap(ratio, reference, maps);
}

/**
 * Puts a stored calibration behind the ratio that it was made for.
 *
 * @throws {ConfigError} if the record is of another version, empty, or of a ratio to another reference point.
 * @example
 * const again = calibratedRatio(await loadEstimator(path), JSON.parse(await readFile("calibration.json", "utf8")));
 */
export function calibratedRatio(ratio: RatioFunction, record: CalibrationRecord): CalibratedRatio {
  if (record?.version !== 1 || !(record.maps?.length > 0)) {
    throw new ConfigError(
      `calibratedRatio: expected a calibration record, version 1, got version ${record?.version}.`,
    );
  }
  const reference = Float64Array.from(record.thetaRef);
  checkReference("calibratedRatio", ratio, reference);
  return wrap(ratio, reference, record.maps);
}

function wrap(
  ratio: RatioFunction,
  thetaRef: Float64Array,
  maps: CalibrationRecord["maps"],
): CalibratedRatio {
  const record: CalibrationRecord = { version: 1, thetaRef: Array.from(thetaRef), maps };
  const [first] = maps;
  const known = new Map<string, CalibrationMap>(maps.map(({ theta = [], map }) => [theta.join(), map]));
  const mapAt = (theta: Float64Array) => {
    const map = first.theta ? known.get(theta.join()) : first.map;
    if (!map) {
      throw new RangeError(
        `logRatio: there is no calibration at theta = (${theta.join(", ")}); the ratio was calibrated at ${maps.length} points only.`,
      );
    }
    return map;
  };
  const calibrated: CalibratedRatio = {
    kind: "calibrated-ratio",
    header: { reference: { thetaRef: record.thetaRef } },
    record,
    async logRatio(theta, x) {
      const used = Array.from({ length: theta.rows }, (_, i) => mapAt(row(theta, i)));
      const logRatio = await ratio.logRatio(theta, x);
      const out = new Float64Array(logRatio.length);
      for (const map of new Set(used)) {
        const rows = rowsWhere(used, (own) => own === map);
        const values = applyCalibration(
          map,
          Float64Array.from(rows, (i) => logRatio[i]),
        );
        rows.forEach((i, k) => {
          out[i] = values[k];
        });
      }
      return out;
    },
    observe: (x) => ({
      async logRatio(theta) {
        const n = theta.rows;
        if (x.rows === 0) throw new ShapeError("observe: expected at least one observation, got none.");
        const pairs = [matrix(n * x.rows, theta.cols), matrix(n * x.rows, x.cols)] as const;
        for (let m = 0; m < x.rows; m++) {
          pairs[0].data.set(theta.data, m * theta.data.length);
          pairs[1].data.set(repeatRow(row(x, m), n).data, m * n * x.cols);
        }
        const total = new Float64Array(n);
        (await calibrated.logRatio(...pairs)).forEach((value, i) => {
          total[i % n] += value;
        });
        return total;
      },
    }),
  };
  return calibrated;
}

const labelled = (logRatio: Float64Array, y: ArrayLike<number>) => ({
  logRatio,
  numerator: logRatio.map((_, i) => 1 - y[i]),
  denominator: logRatio.map((_, i) => y[i]),
});

function rowsWhere<T>(values: ArrayLike<T>, holds: (value: T) => boolean): Int32Array {
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) if (holds(values[i])) rows.push(i);
  return Int32Array.from(rows);
}

/** Rows with `y = 0` by their point, in order of appearance. */
function groups(theta: Matrix, y: Uint8Array): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (let i = 0; i < theta.rows; i++) {
    if (y[i] !== 0) continue;
    const name = row(theta, i).join();
    const rows = found.get(name);
    if (rows) rows.push(i);
    else found.set(name, [i]);
  }
  return found;
}

function checkReference(caller: string, { header }: RatioFunction, thetaRef: Float64Array): void {
  if (!header) return;
  const { reference } = header;
  const theirs = reference === "evidence" ? "the evidence" : `(${reference.thetaRef.join(", ")})`;
  if (theirs === `(${thetaRef.join(", ")})`) return;
  throw new ConfigError(
    `${caller}: the estimator's ratio is taken to ${theirs} but the calibration's to (${thetaRef.join(", ")}). ` +
      "Simulate calibration rows at the estimator's reference point.",
  );
}
