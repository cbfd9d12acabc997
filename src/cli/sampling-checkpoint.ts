/**
 * A stopped sampling run as a file, for the next run with the same arguments: the checkpoint of `sample`, and a
 * fingerprint of everything that the draws depend on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Checkpoint, checkpointFromJson, checkpointToJson } from "../../samplers/checkpoint.js";
import { ConfigError } from "../core/errors.js";
import { writeWhole } from "./files.js";
import { readJson } from "./prior-file.js";

const format = "galton-sampling";

/** A text that changes with the estimator's file or with any of the settings. */
export async function samplingFingerprint(estimator: string, settings: unknown): Promise<string> {
  return createHash("sha256")
    .update(await readFile(estimator))
    .update(JSON.stringify(settings))
    .digest("hex");
}

/** Writes the state of a stopped run. */
export async function writeSamplingCheckpoint(
  path: string,
  fingerprint: string,
  checkpoint: Checkpoint,
): Promise<void> {
  const head = JSON.stringify({ format, fingerprint }).slice(0, -1);
  await writeWhole(path, `${head},"checkpoint":${checkpointToJson(checkpoint)}}`);
}

/**
 * Reads the state of a stopped run, `undefined` where there is none.
 *
 * @throws {ConfigError} if it belongs to a run with other arguments, or is damaged.
 */
export async function readSamplingCheckpoint(
  path: string,
  fingerprint: string,
): Promise<Checkpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const found = (await readJson(path, "sample")) as Record<string, unknown> | null;
  if (found?.format !== format || found.fingerprint !== fingerprint) {
    throw new ConfigError(
      `sample: ${path} is the checkpoint of a run with another estimator, observation or options. Pass the arguments of ` +
        "the stopped run, or --restart to start afresh.",
    );
  }
  return checkpointFromJson(JSON.stringify(found.checkpoint));
}
