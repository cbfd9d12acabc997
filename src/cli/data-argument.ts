/**
 * The DATA of a command: simulations in a folder or in files.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { extname } from "node:path";
import type { Prior } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import type { Dataset } from "../dataset/dataset.js";
import type { StoredDataset } from "../dataset/stored.js";

/** What the options say about the data. */
export interface DataOptions {
  /** Parameter columns. */
  readonly theta?: readonly string[];
  /** Data columns. */
  readonly x?: readonly string[];
  readonly xShape?: readonly number[];
  readonly prior?: Prior;
  readonly invalid?: "error" | "drop";
}

/** Help of the argument. */
export const dataHelp =
  "folder that galton simulate wrote, a table (.csv, .tsv, .arrow), or two files theta,x such as theta.npy,x.npy";

/**
 * Reads simulations; of a folder with gold the rows that are joint draws of prior and simulator.
 *
 * @param data - a folder, a file, or two files separated by a comma.
 * @throws {ConfigError} if a file is missing, damaged, or does not say which columns are parameters.
 */
export async function readData(data: string, options: DataOptions = {}): Promise<Dataset> {
  const { readDataset } = await import("../dataset/files.js");
  const halves = existsSync(data) ? [data] : data.split(",");
  if (halves.length === 1 && existsSync(data) && statSync(data).isDirectory()) {
    const { folderFormat } = await import("../dataset/manifest.js");
    if ((await folderFormat(data)) === "galton-gold") return jointDraws(data, options.prior);
  }
  const { theta, x, xShape, prior, invalid } = options;
  if (
    halves.length === 1 &&
    existsSync(data) &&
    /^\.[ct]sv$/i.test(extname(data)) &&
    theta === undefined &&
    prior === undefined
  ) {
    throw new ConfigError(
      `readData: ${data} does not say which columns are parameters: pass --theta mu,sigma with their names, ` +
        `or --prior prior.json.`,
    );
  }
  return readDataset(halves.length === 2 ? { theta: halves[0], x: halves[1] } : data, {
    names: theta,
    x,
    xShape,
    prior,
    invalid,
  });
}

/** The rows of a folder with gold that are joint draws of prior and simulator: those with `y = 0`. */
async function jointDraws(folder: string, prior: Prior | undefined): Promise<Dataset> {
  const { readGold } = await import("../dataset/gold-files.js");
  const { takeRows } = await import("../core/matrix.js");
  const table = await readGold(folder, { ...(prior && { proposal: prior }) });
  const rows = Array.from(table.y.keys()).filter((i) => table.y[i] === 0);
  const { names, xShape, proposal, source } = table;
  return {
    theta: takeRows(table.theta, rows),
    x: takeRows(table.x, rows),
    names,
    xShape,
    ...(proposal && { prior: proposal }),
    dropped: 0,
    source,
  };
}

/**
 * Opens simulations: a folder stays on disk, to be read as it is needed; everything else is read.
 *
 * @param options.windowRows - rows of a folder to hold in memory at a time. Default that of `openDataset`.
 * @throws as `readData`.
 */
export async function openData(
  data: string,
  { windowRows, ...options }: DataOptions & { readonly windowRows?: number } = {},
): Promise<Dataset | StoredDataset> {
  const { theta, x, xShape, prior, invalid } = options;
  const asWritten = theta === undefined && x === undefined && xShape === undefined;
  if (asWritten && existsSync(data) && statSync(data).isDirectory()) {
    const { openDataset } = await import("../dataset/stored.js");
    return openDataset(data, { prior, invalid, windowRows }, "readData");
  }
  if (windowRows !== undefined) {
    throw new ConfigError(
      "readData: --window-rows goes with a folder that galton simulate wrote, as it was written.",
    );
  }
  return readData(data, options);
}
