/**
 * Estimators as files: one `.safetensors` with the weights of every member and a versioned JSON header that
 * holds everything else (network, prior, standardisation, seed, history). No code in a file, ever.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName, ParameterSpec } from "../engine/types.js";
import type { NreLoss } from "../losses/nre.js";
import type { Embedding } from "../nets/embedding.js";
import { scoreNetwork } from "../nets/score-network.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { readTensors, writeTensors } from "../train/safetensors.js";
import { networksOf, type RatioEstimator, type RatioHeader, ratioEstimator } from "./ratio.js";
import { type ScoreEstimator, type ScoreHeader, scoreEstimator } from "./score.js";

/**
 * Version of the header. A reader refuses what it does not know: ratios learned from gold have networks over pairs of
 * points, which readers of version 1 would take for others; readers of version 2 do not know polynomial networks.
 */
const versionOf = ({ gold }: Pick<RatioHeader, "gold">) => (gold?.morphing ? 3 : gold ? 2 : 1);

const scoreVersion = 1;

/** Writes an estimator. CPU seconds are left out (0), so that equal runs give equal bytes. */
export async function saveEstimator(estimator: RatioEstimator | ScoreEstimator, path: string): Promise<void> {
  const logs = estimator.header.logs.map((log) => ({ ...log, cpuSeconds: 0 }));
  const tensors = Object.fromEntries(estimator.weights.map((packed, e) => [`member${e}`, packed]));
  if (estimator.kind === "score") {
    const header = { ...estimator.header, logs };
    await writeTensors(path, { header: { kind: "score-estimator", version: scoreVersion, header }, tensors });
    return;
  }
  const header = { ...estimator.header, logs };
  const prior = estimator.prior?.spec ?? null;
  await writeTensors(path, {
    header: { kind: "ratio-estimator", version: versionOf(header), header, prior },
    tensors,
  });
}

/** Options of `loadEstimator` and `loadScoreEstimator`. */
export interface LoadOptions {
  /** Default `"auto"`. */
  readonly engine?: EngineName | "auto" | Engine;
  /** The embedding network it was trained with, if it had one. */
  readonly embedding?: Embedding;
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
  const { embedding } = options;
  checkEmbedding("loadEstimator", path, header, embedding);
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
  const { embedding } = options;
  checkEmbedding("loadScoreEstimator", path, header, embedding);
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const { parameters } = scoreNetwork(header.network, xDim, header.names.length, embedding);
  const weights = memberWeights("loadScoreEstimator", path, tensors, header.logs.length, parameters);
  return scoreEstimator(header, weights, {
    engine: await engineOf(options),
    ...(embedding && { embedding }),
  });
}

async function engineOf({ engine = "auto" }: LoadOptions): Promise<Engine> {
  return typeof engine === "object" ? engine : openEngine(engine);
}

function checkEmbedding(
  caller: string,
  path: string,
  header: { readonly embedding: boolean },
  embedding: Embedding | undefined,
): void {
  if (header.embedding === (embedding !== undefined)) return;
  throw new ConfigError(
    `${caller}: ${path} was trained ${header.embedding ? "with" : "without"} an embedding network; ` +
      `${header.embedding ? "pass the same one as embedding" : "leave embedding out"}.`,
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
