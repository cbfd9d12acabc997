/**
 * What every figure checks at its door, and how it writes numbers and axis labels.
 *
 * @module
 */
import { sortedQuantile } from "../../core/quantile.js";

/** A quantity on an axis. */
export interface Quantity {
  readonly label: string;
  /** Written in round brackets behind the label; left out for pure numbers. */
  readonly unit?: string;
}

/** Lettering and size that every figure takes. */
export interface FigureOptions {
  /** Natural width, px; the page scales it down. Each figure states its default. */
  readonly width?: number;
  /** Accessible title, read aloud instead of the picture. */
  readonly title?: string;
  /** One or two sentences on what is to be seen, for those who cannot see it. */
  readonly description?: string;
}

/** `label (unit)`, or the label alone for a pure number. */
export function axisLabel({ label, unit }: Quantity): string {
  return unit === undefined || unit === "" ? label : `${label} (${unit})`;
}

/**
 * Checks that `values` is not empty and holds finite numbers only.
 *
 * @param what - `figureName: what the values are`, the beginning of the message.
 * @throws {RangeError} naming the first bad position.
 */
export function requireFinite(what: string, values: ArrayLike<number>): void {
  if (values.length === 0) throw new RangeError(`${what} must not be empty.`);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new RangeError(
        `${what} must be finite, got ${values[i]} at position ${i}; drop or repair it first.`,
      );
    }
  }
}

/**
 * Checks a figure's width.
 *
 * @throws {RangeError} if `width` is not between 200 and 4000 px.
 */
export function requireWidth(caller: string, width: number): void {
  if (!(width >= 200 && width <= 4000)) {
    throw new RangeError(`${caller}: width must be between 200 and 4000 px, got ${width}.`);
  }
}

/** Smallest and largest of `values`; `[Infinity, -Infinity]` where none is finite. */
export function extent(values: Iterable<number>): [number, number] {
  let lower = Infinity;
  let upper = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    lower = Math.min(lower, value);
    upper = Math.max(upper, value);
  }
  return [lower, upper];
}

/** `extent`, widened by `fraction` of its length on both sides; a single value gets one unit of room. */
export function paddedExtent(values: Iterable<number>, fraction = 0.05): [number, number] {
  const [lower, upper] = extent(values);
  const pad = upper > lower ? fraction * (upper - lower) : Math.abs(lower) * 0.1 || 1;
  return [lower - pad, upper + pad];
}

/** Median and central 68 % and 95 % intervals of `values`. */
export interface CentralIntervals {
  readonly median: number;
  readonly lower68: number;
  readonly upper68: number;
  readonly lower95: number;
  readonly upper95: number;
}

/** Median and central 68 % and 95 % intervals of `values`, from order statistics. */
export function centralIntervals(values: ArrayLike<number>): CentralIntervals {
  const sorted = Float64Array.from(values).sort();
  const at = (p: number) => sortedQuantile(sorted, p);
  return { median: at(0.5), lower68: at(0.16), upper68: at(0.84), lower95: at(0.025), upper95: at(0.975) };
}

/** Writes a number for a table or a label: whole numbers as they are, others with `digits` significant digits. */
export function formatNumber(value: number, digits = 3): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) {
    const text = Math.abs(value).toLocaleString("en-US", { useGrouping: Math.abs(value) >= 10_000 });
    return value < 0 ? `−${text}` : text;
  }
  return formatMeasured(value, digits);
}

/**
 * Writes a measured number with `digits` significant digits, whole or not, with a real minus sign and an exponent
 * only where it is very large or very small.
 */
export function formatMeasured(value: number, digits = 3): string {
  if (Number.isNaN(value)) return "n/a";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  const text =
    magnitude >= 1e6 || magnitude < 1e-3
      ? magnitude.toExponential(digits - 1).replace("e+", "e")
      : magnitude.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(magnitude))));
  return (value < 0 ? "−" : "") + text.replace("e-", "e−");
}

/**
 * Writes a mean and its standard error as `0.877 ± 0.012`: the error with two significant digits, the mean to the same
 * place. Where the error is not known (`NaN`) or zero, the mean alone with `digits` significant digits.
 */
export function formatUncertain(value: number, error: number, digits = 4): string {
  if (!(error > 0 && Number.isFinite(error) && Number.isFinite(value))) return formatMeasured(value, digits);
  const places = 1 - Math.floor(Math.log10(error));
  if (places > 8) return `${formatMeasured(value, digits)} ± ${formatMeasured(error, 2)}`;
  const fixed = (x: number) => Math.abs(x).toFixed(Math.max(0, places));
  return `${value < 0 && Number(fixed(value)) > 0 ? "−" : ""}${fixed(value)} ± ${fixed(error)}`;
}
