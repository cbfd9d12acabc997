/**
 * Estimators as files: one `.safetensors` with the weights of every member and a versioned JSON header that
 * holds everything else (network, prior, standardisation, seed, history). No code in a file, ever.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import type { NreLoss } from "../losses/nre.js";
import type { Embedding } from "../nets/embedding.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { readTensors, writeTensors } from "../train/safetensors.js";
import { networksOf, type RatioEstimator, type RatioHeader, ratioEstimator } from "./ratio.js";

/**
 * Version of the header. A reader refuses what it does not know: ratios learned from gold have networks over pairs of
 * points, which readers of version 1 would take for others.
 */
const versionOf = ({ gold }: Pick<RatioHeader, "gold">) => (gold ? 2 : 1);

/** Writes an estimator. CPU seconds are left out (0), so that equal runs give equal bytes. */
export async function saveEstimator(estimator: RatioEstimator, path: string): Promise<void> {
  const { prior, weights } = estimator;
  const header = {
    ...estimator.header,
    logs: estimator.header.logs.map((log) => ({ ...log, cpuSeconds: 0 })),
  };
  await writeTensors(path, {
    header: { kind: "ratio-estimator", version: versionOf(header), header, prior: prior?.spec ?? null },
    tensors: Object.fromEntries(weights.map((packed, e) => [`member${e}`, packed])),
  });
}

/**
 * Reads an estimator back.
 *
 * @param options.engine - default `"auto"`.
 * @param options.embedding - the embedding network it was trained with, if it had one.
 * @throws {ConfigError} if the file is not an estimator of this version, is damaged, or needs an embedding.
 */
export async function loadEstimator(
  path: string,
  options: { readonly engine?: EngineName | "auto" | Engine; readonly embedding?: Embedding } = {},
): Promise<RatioEstimator> {
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
      `loadEstimator: ${path} holds ${kind ?? "something unknown"}, version ${theirs}; expected ratio-estimator, version 1 or 2.`,
    );
  }
  const { embedding } = options;
  if (header.embedding !== (embedding !== undefined)) {
    throw new ConfigError(
      `loadEstimator: ${path} was trained ${header.embedding ? "with" : "without"} an embedding network; ` +
        `${header.embedding ? "pass the same one as embedding" : "leave embedding out"}.`,
    );
  }
  const loss = { ...header.loss, gamma: header.loss.gamma ?? Infinity }; // JSON has no infinity
  const complete: RatioHeader = { ...header, loss };
  const { network } = networksOf(complete, embedding);
  const expected = network.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const weights = header.logs.map((_, e) => {
    const packed = tensors[`member${e}`];
    if (packed?.length !== expected) {
      throw new ConfigError(
        `loadEstimator: ${path} holds ${packed?.length ?? "no"} weights for member ${e}; its network needs ${expected}.`,
      );
    }
    return packed;
  });
  const engine =
    typeof options.engine === "object" ? options.engine : await openEngine(options.engine ?? "auto");
  return ratioEstimator(complete, weights, {
    engine,
    ...(prior && { prior: priorFromSpec(prior) }),
    ...(embedding && { embedding }),
  });
}
