/**
 * Draws from the exact posterior of a problem's observation, to compare inference with: the published ones
 * (10,000 draws of sbibm) where the reference data are present, else generated from the exact likelihood
 * and kept in a cache folder.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Matrix, matrix, sliceRows } from "../src/core/matrix.js";
import { foldIn, key } from "../src/core/random.js";
import type { Problem } from "./problem.js";

/** Draws and where they came from. */
export interface ReferenceDraws {
  /** `[n, D]`. */
  readonly draws: Matrix;
  readonly origin: "published" | "generated";
}

/** Options of `referenceDraws`. */
export interface ReferenceOptions {
  /** Number of draws. Default 10,000, as many as are published. */
  readonly n?: number;
  /** `"any"` (default) takes the published draws where there are enough, `"generated"` never does. */
  readonly origin?: "any" | "generated";
  /** Folder that keeps generated draws; `false` keeps none. Default `cache/reference` in the working folder. */
  readonly cache?: string | false;
  /** Seed of generated draws. Default `"reference"`. */
  readonly seed?: string | number;
}

const inflate = promisify(gunzip);

/** Folders that may hold the reference data: `GALTON_REFERENCE`, else `shared/reference` beside the checkout. */
export function referenceFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return process.env.GALTON_REFERENCE ?? resolve(here, "..", "..", "shared", "reference");
}

/** The published draws of one observation, or `undefined` where there are none. */
export async function publishedDraws(problem: string, k: number, dim: number): Promise<Matrix | undefined> {
  const path = join(referenceFolder(), "sbibm", problem, `reference_${k}.f32.gz`);
  if (!existsSync(path)) return undefined;
  const bytes = await inflate(await readFile(path));
  const values = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = Float64Array.from({ length: bytes.byteLength / 4 }, (_, i) => values.getFloat32(4 * i, true));
  return matrix(data.length / dim, dim, data);
}

/**
 * Reference draws for observation `k` of a problem.
 *
 * @param options - each has a default.
 * @throws {RangeError} if there is no observation `k`.
 */
export async function referenceDraws(
  problem: Problem,
  k: number,
  {
    n = 10_000,
    origin = "any",
    cache = join("cache", "reference"),
    seed = "reference",
  }: ReferenceOptions = {},
): Promise<ReferenceDraws> {
  const observed = problem.observation(k);
  const dim = problem.simulator.prior.dim;
  const published =
    origin === "any" ? await publishedDraws(problem.publishedAs ?? problem.name, k, dim) : undefined;
  if (published !== undefined && published.rows >= n) {
    return { draws: sliceRows(published, 0, n), origin: "published" };
  }
  const path = cache && join(cache, `${problem.name}-${k}-${n}-${encodeURIComponent(seed)}.f64`);
  if (path && existsSync(path)) {
    const bytes = await readFile(path);
    if (bytes.byteLength === 8 * n * dim) {
      return { draws: matrix(n, dim, new Float64Array(Uint8Array.from(bytes).buffer)), origin: "generated" };
    }
  }
  const draws = problem.exactPosterior(observed, n, foldIn(foldIn(key(seed), problem.name), k));
  if (path) {
    await mkdir(dirname(path), { recursive: true });
    const partial = `${path}.${randomUUID()}.partial`; // a killed run leaves no half file under the real name
    await writeFile(partial, new Uint8Array(draws.data.buffer, draws.data.byteOffset, draws.data.byteLength));
    await rename(partial, path);
  }
  return { draws, origin: "generated" };
}
