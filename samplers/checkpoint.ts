/**
 * Everything that a run needs to go on, as plain data, and its JSON form.
 *
 * @module
 */
import type { Key } from "../src/core/random.js";
import type { ChainState, Info, Request } from "./kernel.js";
import type { EvaluationCounts } from "./running/evaluate.js";
import type { StartRecord } from "./starts/start.js";

/** A run at rest: between two rounds of requests. */
export interface Checkpoint {
  readonly version: 2;
  readonly sampler: string;
  /** Those of the sampler. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  readonly seed: string | number;
  readonly key: Key;
  readonly chains: number;
  readonly warmup: number;
  readonly thin: number;
  /** Whether warm-up is over and the tuning is frozen. */
  readonly warm: boolean;
  readonly tuning: unknown;
  readonly states: readonly ChainState[];
  readonly requests: readonly (Request | undefined)[];
  readonly infos: readonly Info[];
  /** Room for draws per chain in `values`, `[chains, room, D]`, and `stats`, `[chains, room]`. */
  readonly room: number;
  readonly values: Float64Array;
  readonly stats: Readonly<Record<string, Float64Array>>;
  readonly divergences: number;
  readonly counts: EvaluationCounts;
  readonly start: StartRecord;
}

const tag = "float64";

/** Writes a checkpoint as JSON; arrays are base64 of their little-endian bytes, so no bit is lost. */
export function checkpointToJson(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint, (_, value) => {
    if (value instanceof Float64Array) {
      return { [tag]: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
    }
    if (typeof value === "number" && !Number.isFinite(value)) {
      return { [tag]: Buffer.from(Float64Array.of(value).buffer).toString("base64"), scalar: true };
    }
    return value === undefined ? null : value;
  });
}

/**
 * Reads what `checkpointToJson` wrote.
 *
 * @throws {SyntaxError} if the text is not JSON.
 * @throws {RangeError} if it is not a checkpoint of this version.
 */
export function checkpointFromJson(text: string): Checkpoint {
  const value = parse(text, (_, entry) => {
    if (typeof entry?.[tag] !== "string") return entry;
    const numbers = new Float64Array(Uint8Array.from(Buffer.from(entry[tag], "base64")).buffer);
    return entry.scalar ? numbers[0] : numbers;
  });
  if (value?.version !== 2 || !Array.isArray(value.states)) {
    throw new RangeError(
      `checkpointFromJson: expected a checkpoint of version 2, got version ${value?.version}.`,
    );
  }
  return { ...value, requests: value.requests.map((request: Request | null) => request ?? undefined) };
}

function parse(text: string, reviver: Parameters<typeof JSON.parse>[1]) {
  try {
    return JSON.parse(text, reviver);
  } catch (cause) {
    throw new RangeError(`checkpointFromJson: expected JSON: ${(cause as Error).message}.`, { cause });
  }
}
