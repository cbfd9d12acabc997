/**
 * A ratio with a calibration behind it, which is again a ratio. Calibrated values and their gradients are
 *
 *     log r_cal = c(log r),   d log r_cal / d theta = c'(log r) d log r / d theta,
 *
 * for one map `c` that serves all parameters. Lines and knots have the slope `c'` (knots are a line between, flat outside);
 * steps, which histograms and isotonic fits make, have none: their gradient is refused, and posteriors from them are
 * sampled by Metropolis.
 *
 * Where both points were free, the map is made odd, `[c(l) - c(-l)] / 2`, so that the calibrated ratio of two points stays
 * exactly antisymmetric.
 *
 * @module
 */
import type { LogProbAndGradient, Prior } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix, repeatRow, row, sliceRows } from "../core/matrix.js";
import type { NamedRatio } from "../estimators/ratio.js";
import {
  applyCalibration,
  type CalibrationMap,
  calibrationSlope,
  type FittedCalibration,
} from "./calibration-map.js";

/** What can be calibrated: any `log p(x | theta) / p(x | thetaRef)`, or `log p(x | theta) / p(x)`. A `RatioEstimator` is one. */
export interface RatioFunction {
  /** `theta: [N, D]` and `x: [N, L]` to `[N]`, nats. */
  logRatio(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** `log p(x | theta0) / p(x | theta1)` of any two points, `[N, D]` twice and `[N, L]` to `[N]`, where it knows that. */
  logRatioBetween?(theta0: Matrix, theta1: Matrix, x: Matrix): Promise<Float64Array>;
  /** What it is a ratio to, where it says so. */
  readonly header?: { readonly reference: "evidence" | { readonly thetaRef: readonly number[] } };
  /** Fixes observations; the gradient of a calibrated ratio is made of this one. */
  observe?(x: Matrix): { gradient?(theta: Matrix): Promise<LogProbAndGradient> };
}

/** A calibration as plain JSON; `calibratedRatio` puts it to work again. */
export interface CalibrationRecord {
  readonly version: 1;
  /** What the ratio is taken to: the evidence, a point, or any second point (`"pairs"`, where both were free). */
  readonly reference: "evidence" | "pairs" | { readonly thetaRef: readonly number[] };
  /** One for all points, without `theta`; or one for each, with it. */
  readonly maps: readonly (FittedCalibration & { readonly theta?: readonly number[] })[];
}

/** A calibrated ratio; the estimator behind it stays its owner's. */
export interface CalibratedRatio extends RatioFunction {
  readonly kind: "calibrated-ratio";
  readonly record: CalibrationRecord;
  /** Whether there is a gradient: one map that has a slope, and a ratio behind it that has a gradient. */
  readonly differentiable: boolean;
  /** Fixes one or several independent observations, `[M, L]`; their calibrated log ratios add. */
  observe(x: Matrix): {
    logRatio(theta: Matrix): Promise<Float64Array>;
    /**
     * Value and gradient; one call of the ratio behind for each observation.
     *
     * @throws {ConfigError} if the ratio is not `differentiable`, with the reason.
     */
    gradient(theta: Matrix): Promise<LogProbAndGradient>;
  };
}

/** A calibrated ratio; of an estimator it has names and prior, too, so `posterior` takes it. */
export type Calibrated<R extends RatioFunction> = CalibratedRatio &
  (R extends NamedRatio ? NamedRatio : unknown);

/**
 * Puts a stored calibration behind the ratio that it was made for.
 *
 * @throws {ConfigError} if the record is of another version, empty, or of a ratio to something else.
 * @example
 * const again = calibratedRatio(await loadEstimator(path), JSON.parse(await readFile("calibration.json", "utf8")));
 */
export function calibratedRatio<R extends RatioFunction>(ratio: R, record: CalibrationRecord): Calibrated<R> {
  if (record?.version !== 1 || !(record.maps?.length > 0)) {
    throw new ConfigError(
      `calibratedRatio: expected a calibration record, version 1, got version ${record?.version}.`,
    );
  }
  checkReference("calibratedRatio", ratio, record.reference);
  const { maps, reference } = record;
  const odd = reference === "pairs";
  const mapAt = mapsByPoint(maps);
  const flaw = gradientFlaw(ratio, maps);

  const calibrated: CalibratedRatio = {
    kind: "calibrated-ratio",
    ...named(ratio, reference),
    record,
    differentiable: flaw === undefined,
    async logRatio(theta, x) {
      const used = Array.from({ length: theta.rows }, (_, i) => mapAt(row(theta, i)));
      const logRatio = await ratio.logRatio(theta, x);
      const out = new Float64Array(logRatio.length);
      for (const map of new Set(used)) {
        const rows = [...used.keys()].filter((i) => used[i] === map);
        const values = calibrate(
          map,
          Float64Array.from(rows, (i) => logRatio[i]),
          odd,
        );
        rows.forEach((i, k) => {
          out[i] = values[k];
        });
      }
      return out;
    },
    ...(odd && {
      logRatioBetween: async (theta0: Matrix, theta1: Matrix, x: Matrix) =>
        calibrate(maps[0].map, await ratio.logRatioBetween!(theta0, theta1, x), odd), // checked with the reference
    }),
    observe: (x) => {
      if (x.rows === 0) throw new ShapeError("observe: expected at least one observation, got none.");
      return {
        logRatio: (theta) => summed(calibrated, theta, x),
        async gradient(theta) {
          if (flaw !== undefined) throw new ConfigError(`gradient: ${flaw}`);
          return chained(ratio, maps[0].map, odd, theta, x);
        },
      };
    },
  };
  return calibrated as Calibrated<R>;
}

/**
 * Refuses a calibration of a ratio to something else than `reference`.
 *
 * @throws {ConfigError} naming both.
 */
export function checkReference(
  caller: string,
  { header, logRatioBetween }: RatioFunction,
  reference: CalibrationRecord["reference"],
): void {
  if (reference === "pairs") {
    if (typeof logRatioBetween === "function" && header?.reference !== "evidence") return;
    throw new ConfigError(
      `${caller}: thetaRef varies between rows, which calibrates the ratio of any two points, but the estimator's ratio is ` +
        (header?.reference === "evidence"
          ? "taken to the evidence. Calibrate it on joint and on independent pairs: evidenceSet(simulations, { training })."
          : "taken to one reference point: it has no logRatioBetween. Simulate calibration rows at its reference point."),
    );
  }
  if (!header) return;
  const inWords = (one: "evidence" | { readonly thetaRef: ArrayLike<number> }) =>
    one === "evidence" ? "the evidence" : `(${Array.from(one.thetaRef).join(", ")})`;
  const [theirs, ours] = [inWords(header.reference), inWords(reference)];
  if (theirs === ours) return;
  throw new ConfigError(
    `${caller}: the estimator's ratio is taken to ${theirs} but the calibration's to ${ours}. ` +
      (theirs === "the evidence"
        ? "Make calibration data for it by evidenceSet(simulations, { training })."
        : "Simulate calibration rows at the estimator's reference point."),
  );
}

/** Calibrated values; of an odd map half of `c(l) - c(-l)`. */
function calibrate(map: CalibrationMap, logRatio: Float64Array, odd: boolean): Float64Array {
  const values = applyCalibration(map, logRatio);
  if (!odd) return values;
  const mirrored = applyCalibration(map, negated(logRatio));
  return values.map((value, i) => (value - mirrored[i]) / 2);
}

/** Their slopes; of an odd map half of `c'(l) + c'(-l)`. */
function slopes(map: CalibrationMap, logRatio: Float64Array, odd: boolean): Float64Array {
  const values = calibrationSlope(map, logRatio);
  if (!odd) return values;
  const mirrored = calibrationSlope(map, negated(logRatio));
  return values.map((value, i) => (value + mirrored[i]) / 2);
}

const negated = (values: Float64Array) => values.map((value) => 0 - value);

/** The map of a point: one for all, or that of the point. */
function mapsByPoint(maps: CalibrationRecord["maps"]): (theta: Float64Array) => CalibrationMap {
  const [first] = maps;
  const known = new Map<string, CalibrationMap>(maps.map(({ theta = [], map }) => [theta.join(), map]));
  return (theta) => {
    const map = first.theta ? known.get(theta.join()) : first.map;
    if (map) return map;
    throw new RangeError(
      `logRatio: there is no calibration at theta = (${theta.join(", ")}); the ratio was calibrated at ${maps.length} points only.`,
    );
  };
}

/** Why there is no gradient; nothing where there is one. */
function gradientFlaw(ratio: RatioFunction, maps: CalibrationRecord["maps"]): string | undefined {
  const [{ theta, map, method }] = maps;
  if (theta) {
    return `the ratio was calibrated at ${maps.length} points only, between which it is not known. Calibrate without perTheta.`;
  }
  if (map.kind === "steps") {
    return (
      `a calibration by "${method}" is a function in steps, without a slope. Calibrate by "interpolated-isotonic", "kde", ` +
      `"sigmoid" or "expectation", or sample by metropolis, which asks for no gradient.`
    );
  }
  if (!ratio.observe) return "the ratio that was calibrated has none: it has no observe(x).gradient.";
  return undefined;
}

/** What `posterior` asks of an estimator, where the ratio has it. */
function named(ratio: RatioFunction, reference: CalibrationRecord["reference"]): object {
  const { names, ...known } = { ...ratio.header } as { names?: readonly string[] } & RatioFunction["header"];
  const { prior, xDim } = ratio as { prior?: Prior; xDim?: number };
  const to = reference === "pairs" ? known.reference : reference;
  return {
    ...(to && { header: { ...(names && { names }), reference: to } }),
    ...(prior && { prior }),
    ...(xDim !== undefined && { xDim }),
  };
}

/** The calibrated log ratios of all observations, added. */
async function summed(ratio: RatioFunction, theta: Matrix, x: Matrix): Promise<Float64Array> {
  const n = theta.rows;
  const pairs = [matrix(n * x.rows, theta.cols), matrix(n * x.rows, x.cols)] as const;
  for (let m = 0; m < x.rows; m++) {
    pairs[0].data.set(theta.data, m * theta.data.length);
    pairs[1].data.set(repeatRow(row(x, m), n).data, m * n * x.cols);
  }
  const total = new Float64Array(n);
  (await ratio.logRatio(...pairs)).forEach((value, i) => {
    total[i % n] += value;
  });
  return total;
}

/** The same with gradients, by the chain rule observation by observation. */
async function chained(
  ratio: RatioFunction,
  map: CalibrationMap,
  odd: boolean,
  theta: Matrix,
  x: Matrix,
): Promise<LogProbAndGradient> {
  const logProb = new Float64Array(theta.rows);
  const gradient = matrix(theta.rows, theta.cols);
  for (let m = 0; m < x.rows; m++) {
    const observed = ratio.observe!(sliceRows(x, m, m + 1));
    if (!observed.gradient) throw new ConfigError("gradient: the ratio that was calibrated has none.");
    const raw = await observed.gradient(theta);
    const factor = slopes(map, raw.logProb, odd);
    calibrate(map, raw.logProb, odd).forEach((value, i) => {
      logProb[i] += value;
      for (let j = 0; j < theta.cols; j++) {
        gradient.data[i * theta.cols + j] += factor[i] * raw.gradient.data[i * theta.cols + j];
      }
    });
  }
  return { logProb, gradient };
}
