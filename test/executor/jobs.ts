/** Jobs for the executor tests; they run in worker threads. */
import { SimulatorError } from "../../src/core/errors.js";
import type { Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

export const notAFunction = 1;

export async function sumAfter(input: { values: Float64Array; milliseconds: number }): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, input.milliseconds));
  return input.values.reduce((sum, value) => sum + value, 0);
}

export function draw(input: { n: number }, key: Key): Float64Array {
  return stream(key).normals(input.n);
}

export async function drawAfter(input: { n: number; milliseconds: number }, key: Key): Promise<Float64Array> {
  await new Promise((resolve) => setTimeout(resolve, input.milliseconds));
  return draw(input, key);
}

export function overwrite(values: Float64Array): number {
  const first = values[0];
  values.fill(0);
  return first;
}

export function refuse(kind: "simulator" | "range" | "text"): never {
  if (kind === "simulator") throw new SimulatorError("row 3 is bad", { cause: new RangeError("too small") });
  if (kind === "range") throw new RangeError("too large");
  throw "just text";
}

export function leave(code: number): void {
  process.exit(code);
}

export function explodeLater(): Promise<void> {
  setTimeout(() => {
    throw new Error("nobody catches this");
  }, 1);
  return new Promise(() => {});
}

export function spin(): void {
  for (;;);
}

export function returnsFunction(): unknown {
  return () => 1;
}
