/**
 * How draws were made, as text in the metadata of binary files.
 *
 * @module
 */
import type { Draws } from "../draws.js";

const version = 1;

/** JSON with a version; typed arrays become lists, numbers that JSON lacks their names. */
export function describeRun(run: Draws["run"], more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ version, run, ...more }, plainNumbers);
}

/** The run in the text that `describeRun` made; nothing for files of others. */
export function readRun(text: string | undefined): Draws["run"] {
  return text === undefined ? {} : JSON.parse(text).run;
}

/** Replaces what JSON does not have: `Float64Array` and numbers that are not finite. */
export function plainNumbers(_: string, value: unknown): unknown {
  if (value instanceof Float64Array) return Array.from(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
