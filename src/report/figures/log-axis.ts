/**
 * Logarithmic axes: where they end, which ticks they have, how those are written.
 *
 * @module
 */
import { formatNumber } from "./checks.js";

/** A little room on both sides; half a decade at least. */
export function logDomain(values: readonly number[]): [number, number] {
  const lower = Math.log10(Math.min(...values));
  const upper = Math.log10(Math.max(...values));
  const pad = Math.max(0.06 * (upper - lower), (0.5 - (upper - lower)) / 2);
  return [10 ** (lower - pad), 10 ** (upper + pad)];
}

/** Powers of ten; with 2 and 5 between where there are fewer than `enough`. */
export function logTicks([lower, upper]: readonly [number, number], enough = 3): number[] {
  const first = Math.floor(Math.log10(lower));
  const last = Math.ceil(Math.log10(upper));
  const steps = (digits: readonly number[]) =>
    Array.from({ length: last - first + 1 }, (_, i) => digits.map((digit) => Number(`${digit}e${first + i}`)))
      .flat()
      .filter((tick) => tick >= lower && tick <= upper);
  const powers = steps([1]);
  return powers.length >= enough ? powers : steps([1, 2, 5]);
}

/** Writes ticks as powers of ten where all of them are and the largest is long. */
export function logFormat(ticks: readonly number[]): (tick: number) => string {
  const powers = ticks.every((tick) => Number.isInteger(Math.log10(tick))) && Math.max(...ticks) >= 10_000;
  return (tick) => (powers ? `10^${Math.log10(tick)}` : formatNumber(tick, 1));
}
