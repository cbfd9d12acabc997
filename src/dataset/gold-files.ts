/**
 * Simulations with gold on disk: a folder of Arrow shards and a manifest, as `simulateGold` and `simulateScore` write it with
 * `out` (`gold-shards.ts` has the columns). Reading takes a folder whole, into the tables that the objectives take: gold is not
 * streamed, so it must fit into memory.
 *
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { stackRows } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import { priorFromSpec } from "../prior/from-spec.js";
import type { ShardFormat, ShardRows } from "./folder.js";
import { type GoldDataset, goldTable, type ScoreDataset } from "./gold.js";
import { type FolderIdentity, finishedManifest } from "./manifest.js";

/** Options of `readGold`. */
export interface ReadGoldOptions {
  /** What `theta` was drawn from. Default: the manifest's. */
  readonly proposal?: Prior;
}

/**
 * Reads a folder of simulations with gold, whole.
 *
 * @throws {ConfigError} if there is no manifest, it is one of other simulations, or a shard is missing or damaged.
 * @throws {ShapeError} if `proposal` has other parameters than the folder.
 * @example
 * await simulateGold(program, { n: 100_000, thetaRef: [0], seed: "hello", out: "gold" });
 * const estimator = await train(alices(await readGold("gold")), { seed: "hello" });
 */
export async function readGold(folder: string, options: ReadGoldOptions = {}): Promise<GoldDataset> {
  checkOptions<ReadGoldOptions>("readGold", options, { proposal: true });
  const { identity, parts } = await readShards(
    "readGold",
    folder,
    async () => (await import("./gold-shards.js")).goldShards,
  );
  const { names, prior } = identity;
  const proposal = options.proposal ?? (prior ? priorFromSpec(prior) : undefined);
  if (proposal && proposal.names.join() !== names.join()) {
    throw new ShapeError(
      `readGold: ${folder} has the parameters ${names.join(", ")} but the proposal's are ${proposal.names.join(", ")}.`,
    );
  }
  const known = { names, xShape: identity.xShape, ...(proposal && { proposal }) };
  const both = identity.thetaRef === null;
  return goldTable(parts, { ...known, source: identity.source, both });
}

/**
 * Reads a folder of simulations with scores, whole.
 *
 * @throws {ConfigError} as `readGold`.
 * @example
 * const estimator = await train(sally(await readScores("scores")), { seed: "hello" });
 */
export async function readScores(folder: string): Promise<ScoreDataset> {
  const { identity, parts } = await readShards(
    "readScores",
    folder,
    async () => (await import("./gold-shards.js")).scoreShards,
  );
  const { names, xShape, source, thetaRef, n } = identity;
  if (!Array.isArray(thetaRef) || thetaRef.length !== names.length) {
    throw new ConfigError(`readScores: the manifest of ${folder} lacks the thetaRef of ${names.join(", ")}.`);
  }
  return {
    thetaRef: Float64Array.from(thetaRef),
    x: stackRows(parts.map(({ x }) => x)),
    jointScore: stackRows(parts.map(({ jointScore }) => jointScore)),
    names,
    xShape,
    source: { ...source, n },
  };
}

/** All shards of a finished folder, in order, each compared with its hash. */
async function readShards<S extends ShardRows>(
  caller: string,
  folder: string,
  load: () => Promise<ShardFormat<S>>,
): Promise<{ identity: FolderIdentity; parts: S[] }> {
  const format = await load();
  const { readShardOf } = await import("./folder.js"); // brings Arrow
  const manifest = await finishedManifest(folder, caller, format.format);
  const parts: S[] = [];
  for (const entry of manifest.shards) {
    parts.push(await readShardOf(format, folder, entry, manifest, { caller }));
  }
  return { identity: manifest, parts };
}
