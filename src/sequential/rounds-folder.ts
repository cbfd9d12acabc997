/**
 * Rounds on disk: `rounds.json` names the run, `round-1/` and its siblings hold the simulations of a round (a folder that
 * `readDataset` reads), and its networks once they are trained. Every file is written beside its place and renamed, so a
 * killed run leaves whole rounds, whole simulations and the last epoch of a training.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../core/errors.js";
import { openFolder, readShard, writeWhole } from "../dataset/folder.js";
import { type FolderIdentity, readManifest } from "../dataset/manifest.js";
import type { Engine } from "../engine/types.js";
import type { SimulatedRows } from "../simulate-range.js";
import type { Simulator } from "../simulator.js";
import type { TrainingLog } from "../train/log.js";
import type { Objective } from "../train/objective.js";
import { readTensors, writeTensors } from "../train/safetensors.js";
import type { Proposed, RoundsEstimator } from "./rounds.js";

/** The folder of a run. */
export interface RoundsFolder {
  /** Simulations of a round, `undefined` where there are none yet. */
  simulations(round: number): Promise<(Proposed & SimulatedRows) | undefined>;
  keepSimulations(round: number, simulated: Proposed & SimulatedRows): Promise<void>;
  /** What a round has trained, `undefined` where it has not yet. */
  estimator<Estimator>(
    round: number,
    objective: Objective<Estimator>,
    engine: Engine,
  ): Promise<Estimator | undefined>;
  /** Keeps the weights, and drops the checkpoint of their training. */
  keepEstimator(round: number, objective: Objective<unknown>, estimator: RoundsEstimator): Promise<void>;
  /** File for the state of the training of a round. */
  checkpoint(round: number): string;
}

const format = "galton-rounds";
const version = 1;

/**
 * Opens the folder of a run, new or left by one with the same options.
 *
 * @param options - all that the rounds depend on beside the simulator, as plain JSON.
 * @throws {ConfigError} if it holds another run (the message says which option differs), or cannot be written.
 */
export async function openRoundsFolder(
  caller: string,
  folder: string,
  simulator: Simulator,
  options: Readonly<Record<string, unknown>>,
): Promise<RoundsFolder> {
  const { name, parameters: names, xShape, prior } = simulator;
  const path = join(folder, "rounds.json");
  // through JSON once, as it will be read: without what is undefined
  const own: Identity = JSON.parse(
    JSON.stringify({ caller, simulator: name, names, xShape, prior: prior.spec, ...options }),
  );
  const found = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new ConfigError(`${caller}: cannot read ${path}: ${error.message}.`, { cause: error });
  });
  if (found === undefined) {
    await mkdir(folder, { recursive: true }).catch((cause: Error) => {
      throw new ConfigError(
        `${caller}: cannot make the folder ${folder}: ${cause.message}. Choose another.`,
        { cause },
      );
    });
    await writeWhole(caller, path, `${JSON.stringify({ format, version, ...own }, null, 2)}\n`);
  } else checkIdentity(caller, path, found, own);

  const roundFolder = (round: number) => join(folder, `round-${round + 1}`);
  const networkFile = (round: number) => join(roundFolder(round), "networks.safetensors");
  const checkpoint = (round: number) => join(roundFolder(round), "training");
  return {
    checkpoint,
    async simulations(round) {
      const manifest = await readManifest(roundFolder(round), caller);
      if (!manifest?.shards.length) return undefined;
      const shard = await readShard(roundFolder(round), manifest.shards[0], manifest, { caller });
      const { acceptance, proposal, tries } = manifest.source as unknown as Proposed;
      return { ...shard, acceptance, ...(proposal && { proposal, tries }) };
    },
    async keepSimulations(round, { theta, x, failures, acceptance, proposal, tries }) {
      const n = theta.rows;
      const source = { simulator: name, round: round + 1, acceptance, ...(proposal && { proposal, tries }) };
      const identity: FolderIdentity = { source, names, xShape, prior: prior.spec, n, shardSize: n };
      const writer = await openFolder(roundFolder(round), identity, { caller, invalid: "drop" });
      await writer.write(0, { theta, x, failures });
    },
    async estimator(round, objective, engine) {
      const file = networkFile(round);
      if (!existsSync(file)) return undefined;
      const { header, tensors } = await readTensors(file);
      const { objective: spec, transforms, logs } = header as StoredHeader;
      const now = specOf(objective);
      if (!isDeepStrictEqual(spec, now)) throw otherRun(caller, folder, "objective", spec, now);
      const weights = logs.map((_, e) => tensors[`member${e}`]);
      return objective.estimator({
        weights,
        transforms,
        logs,
        heldOut: new Int32Array(0),
        card: false,
        engine,
      });
    },
    async keepEstimator(round, objective, { weights, header: { transforms, logs } }) {
      // CPU seconds are left out, so that equal runs give equal bytes
      const equal = logs.map((log) => ({ ...log, cpuSeconds: 0 }));
      const header: StoredHeader = { objective: specOf(objective), transforms, logs: equal };
      const tensors = Object.fromEntries(weights.map((packed, e) => [`member${e}`, packed]));
      await writeTensors(networkFile(round), { header, tensors });
      const members = weights.length > 1 ? weights.map((_, e) => `.${e}`) : [""];
      for (const member of members) await rm(`${checkpoint(round)}${member}`, { force: true });
    },
  };
}

type Identity = Readonly<Record<string, unknown>>;

interface StoredHeader {
  readonly objective: unknown;
  readonly transforms: unknown;
  readonly logs: readonly TrainingLog[];
}

/** What is trained, as it is read back. */
const specOf = ({ method, spec, n }: Objective<unknown>): unknown =>
  JSON.parse(JSON.stringify({ method, spec, n }));

function checkIdentity(caller: string, path: string, text: string, own: Identity): void {
  let found: Identity;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${caller}: ${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if (found?.format !== format || found.version !== version) {
    throw new ConfigError(
      `${caller}: ${path} holds ${JSON.stringify(found?.format)}, version ${found?.version}; expected "${format}", version ${version}. Choose another folder.`,
    );
  }
  for (const name of new Set([...Object.keys(own), ...Object.keys(found)])) {
    if (name === "format" || name === "version") continue;
    if (!isDeepStrictEqual(found[name], own[name])) {
      throw otherRun(caller, path, name, found[name], own[name]);
    }
  }
}

/** Long lists are cut: the name tells. */
function otherRun(caller: string, where: string, name: string, there: unknown, now: unknown): ConfigError {
  const short = (value: unknown) => {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length > 120 ? `${text.slice(0, 120)} ...` : text;
  };
  return new ConfigError(
    `${caller}: ${where} holds rounds made otherwise: ${name} was ${short(there)} and is ${short(now)}. ` +
      "Pass the options of the interrupted run, or another folder.",
  );
}
