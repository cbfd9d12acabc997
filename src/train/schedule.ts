/**
 * Learning-rate schedules: the rate of step `i` of `total`.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";

export type Schedule = "one-cycle" | "cosine" | "constant";

/**
 * The learning rate of a step.
 *
 * `one-cycle` rises on a cosine from `peak / 25` to `peak` over the first tenth and falls on a cosine to
 * `peak / 10^4` (Smith and Topin 2018, https://arxiv.org/abs/1708.07120); `cosine` only falls.
 *
 * @param step - 0-based.
 * @throws {ConfigError} for an unknown schedule.
 */
export function learningRateAt(schedule: Schedule, peak: number, step: number, total: number): number {
  const fall = (t: number, from: number, to: number) => to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * t));
  const floor = peak / 1e4;
  switch (schedule) {
    case "constant":
      return peak;
    case "cosine":
      return fall(step / total, peak, floor);
    case "one-cycle": {
      const rise = Math.max(1, Math.round(total / 10));
      return step < rise
        ? fall(step / rise, peak / 25, peak)
        : fall((step - rise) / Math.max(1, total - rise), peak, floor);
    }
    default:
      throw new ConfigError(
        `train: schedule "${schedule}" is unknown; expected one-cycle, cosine or constant.`,
      );
  }
}
