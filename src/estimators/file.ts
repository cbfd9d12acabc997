/**
 * Estimators as files: one `.safetensors` with the weights of every member and a versioned JSON header that
 * holds everything else (network, prior, standardisation, seed, history). No code in a file, ever.
 *
 * @module
 */
import type { PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName, ParameterSpec } from "../engine/types.js";
import { conditionalDensity } from "../flows/from-spec.js";
import type { NreLoss } from "../losses/nre.js";
import type { Embedding, EmbeddingRecord } from "../nets/embedding.js";
import { embeddingFromSpec } from "../nets/embeddings/from-spec.js";
import { scoreNetwork } from "../nets/score-network.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { readTensors, writeTensors } from "../train/safetensors.js";
import { type LikelihoodEstimator, type LikelihoodHeader, likelihoodEstimator } from "./likelihood.js";
import { type PosteriorEstimator, type PosteriorHeader, posteriorEstimator } from "./posterior.js";
import { networksOf, type RatioEstimator, type RatioHeader, ratioEstimator } from "./ratio.js";
import { type ScoreEstimator, type ScoreHeader, scoreEstimator } from "./score.js";

/**
 * Version of the header. A reader refuses what it does not know: ratios learned from gold have networks over pairs of
 * points, which readers of version 1 would take for others; readers of version 2 do not know polynomial networks.
 */
const versionOf = ({ gold }: Pick<RatioHeader, "gold">) => (gold?.morphing ? 3 : gold ? 2 : 1);

const scoreVersion = 1;

/** Version of the files of the other kinds: readers of version 2 would take a density over cells for one at values. */
const densityVersionOf = ({ transforms }: LikelihoodHeader | PosteriorHeader) =>
  "lattices" in transforms ? 3 : 2;

/** What a file may hold. */
export type AnyEstimator = RatioEstimator | ScoreEstimator | LikelihoodEstimator | PosteriorEstimator;

/** Writes an estimator. CPU seconds are left out (0), so that equal runs give equal bytes. */
export async function saveEstimator(estimator: AnyEstimator, path: string): Promise<void> {
  const logs = estimator.header.logs.map((log) => ({ ...log, cpuSeconds: 0 }));
  const tensors = Object.fromEntries(estimator.weights.map((packed, e) => [`member${e}`, packed]));
  const kind = `${estimator.kind}-estimator`;
  const header = { ...estimator.header, logs };
  if (estimator.kind === "score") {
    await writeTensors(path, { header: { kind, version: scoreVersion, header }, tensors });
    return;
  }
  const version =
    estimator.kind === "ratio" ? versionOf(estimator.header) : densityVersionOf(estimator.header);
  const prior = estimator.prior?.spec ?? null;
  await writeTensors(path, { header: { kind, version, header, prior }, tensors });
}

/** Options of `loadEstimator` and of its siblings. */
export interface LoadOptions {
  /** Default `"auto"`. */
  readonly engine?: EngineName | "auto" | Engine;
  /** The embedding network it was trained with, if it had one. */
  readonly embedding?: Embedding;
}

/**
 * Reads an estimator of any kind back; its `kind` says which: `ratio`, `likelihood`, `posterior` or `score`.
 *
 * @throws {ConfigError} if the file holds none, is damaged, or needs an embedding.
 * @example
 * await using estimator = await loadAnyEstimator("estimator.safetensors");
 * if (estimator.kind === "posterior") console.log(await posterior(estimator, { observed }).sample(1000));
 */
export async function loadAnyEstimator(path: string, options: LoadOptions = {}): Promise<AnyEstimator> {
  const { header } = await readTensors(path);
  switch ((header as { readonly kind?: unknown }).kind) {
    case "score-estimator":
      return loadScoreEstimator(path, options);
    case "likelihood-estimator":
      return loadLikelihoodEstimator(path, options);
    case "posterior-estimator":
      return loadPosteriorEstimator(path, options);
    default:
      return loadEstimator(path, options);
  }
}

/**
 * Reads a ratio estimator back.
 *
 * @throws {ConfigError} if the file is not an estimator of this version, is damaged, or needs an embedding.
 */
export async function loadEstimator(path: string, options: LoadOptions = {}): Promise<RatioEstimator> {
  const { header: found, tensors } = await readTensors(path);
  const {
    kind,
    version: theirs,
    header,
    prior,
  } = found as {
    kind?: string;
    version?: number;
    header: Omit<RatioHeader, "loss"> & { loss: Omit<NreLoss, "gamma"> & { gamma: number | null } };
    prior: { kind: string } | null;
  };
  if (kind !== "ratio-estimator" || theirs !== versionOf(header)) {
    throw new ConfigError(
      `loadEstimator: ${path} holds ${kind ?? "something unknown"}, version ${theirs}; expected ratio-estimator, version 1, 2 or 3.`,
    );
  }
  const embedding = embeddingOf("loadEstimator", path, header, options.embedding);
  const loss = { ...header.loss, gamma: header.loss.gamma ?? Infinity }; // JSON has no infinity
  const complete: RatioHeader = { ...header, loss };
  const { network } = networksOf(complete, embedding);
  const weights = memberWeights("loadEstimator", path, tensors, header.logs.length, network.parameters);
  const engine = await engineOf(options);
  return ratioEstimator(complete, weights, {
    engine,
    ...(prior && { prior: priorFromSpec(prior) }),
    ...(embedding && { embedding }),
  });
}

/**
 * Reads a score estimator back.
 *
 * @throws {ConfigError} if the file is not a score estimator of this version, is damaged, or needs an embedding.
 */
export async function loadScoreEstimator(path: string, options: LoadOptions = {}): Promise<ScoreEstimator> {
  const { header: found, tensors } = await readTensors(path);
  const { kind, version, header } = found as { kind?: string; version?: number; header: ScoreHeader };
  if (kind !== "score-estimator" || version !== scoreVersion) {
    throw new ConfigError(
      `loadScoreEstimator: ${path} holds ${kind ?? "something unknown"}, version ${version}; expected score-estimator, version ${scoreVersion}.`,
    );
  }
  const embedding = embeddingOf("loadScoreEstimator", path, header, options.embedding);
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const { parameters } = scoreNetwork(header.network, xDim, header.names.length, embedding);
  const weights = memberWeights("loadScoreEstimator", path, tensors, header.logs.length, parameters);
  return scoreEstimator(header, weights, {
    engine: await engineOf(options),
    ...(embedding && { embedding }),
  });
}

/**
 * Reads a likelihood estimator back.
 *
 * @throws {ConfigError} if the file is not a likelihood estimator of this version, or is damaged.
 */
export async function loadLikelihoodEstimator(
  path: string,
  options: Pick<LoadOptions, "engine"> = {},
): Promise<LikelihoodEstimator> {
  const caller = "loadLikelihoodEstimator";
  const { header, prior, tensors } = await readDensity<LikelihoodHeader>(
    caller,
    path,
    "likelihood-estimator",
  );
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const density = conditionalDensity(header.density, xDim, header.names.length);
  const weights = memberWeights(caller, path, tensors, header.logs.length, density.parameters);
  return likelihoodEstimator(header, weights, {
    engine: await engineOf(options),
    density,
    ...(prior && { prior: priorFromSpec(prior) }),
  });
}

/**
 * Reads a posterior estimator back.
 *
 * @throws {ConfigError} if the file is not a posterior estimator of this version, is damaged, or needs an embedding.
 */
export async function loadPosteriorEstimator(
  path: string,
  options: LoadOptions = {},
): Promise<PosteriorEstimator> {
  const caller = "loadPosteriorEstimator";
  const { header, prior, tensors } = await readDensity<PosteriorHeader>(caller, path, "posterior-estimator");
  const embedding = embeddingOf(caller, path, header, options.embedding);
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const density = conditionalDensity(header.density, header.names.length, embedding?.features ?? xDim);
  const parameters = [...density.parameters, ...(embedding?.parameters ?? [])];
  const weights = memberWeights(caller, path, tensors, header.logs.length, parameters);
  return posteriorEstimator(header, weights, {
    engine: await engineOf(options),
    density,
    ...(prior && { prior: priorFromSpec(prior) }),
    ...(embedding && { embedding }),
  });
}

async function readDensity<Header extends LikelihoodHeader | PosteriorHeader>(
  caller: string,
  path: string,
  wanted: string,
) {
  const { header: found, tensors } = await readTensors(path);
  const { kind, version, header, prior } = found as {
    kind?: string;
    version?: number;
    header: Header;
    prior: PriorSpec | null;
  };
  const expected = kind === wanted ? densityVersionOf(header) : 2;
  if (kind !== wanted || version !== expected) {
    throw new ConfigError(
      `${caller}: ${path} holds ${kind ?? "something unknown"}, version ${version}; expected ${wanted}, version ${expected}.` +
        (kind === wanted ? " It was written by another version of galton: train it again." : ""),
    );
  }
  return { header, prior, tensors };
}

async function engineOf({ engine = "auto" }: LoadOptions): Promise<Engine> {
  return typeof engine === "object" ? engine : openEngine(engine);
}

/** The embedding of a header: made from its spec, or the user's own. */
function embeddingOf(
  caller: string,
  path: string,
  { embedding: record }: { readonly embedding: EmbeddingRecord },
  given: Embedding | undefined,
): Embedding | undefined {
  if (typeof record === "object") return given ?? embeddingFromSpec(record);
  if (record === (given !== undefined)) return given;
  throw new ConfigError(
    `${caller}: ${path} was trained ${record ? "with" : "without"} an embedding network; ` +
      `${record ? "pass the same one as embedding" : "leave embedding out"}.`,
  );
}

/** The packed weights of every member, as many as its network needs. */
function memberWeights(
  caller: string,
  path: string,
  tensors: Readonly<Record<string, Float32Array>>,
  members: number,
  parameters: readonly ParameterSpec[],
): Float32Array[] {
  const expected = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return Array.from({ length: members }, (_, e) => {
    const packed = tensors[`member${e}`];
    if (packed?.length !== expected) {
      throw new ConfigError(
        `${caller}: ${path} holds ${packed?.length ?? "no"} weights for member ${e}; its network needs ${expected}.`,
      );
    }
    return packed;
  });
}
