/**
 * Small things about files that several commands need.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { access, constants, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../core/errors.js";

/**
 * Checks before long work that its result can be written.
 *
 * @throws {ConfigError} if the folder is missing or not writable, or the path is a folder.
 */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new ConfigError(
      `checkWritable: cannot write ${path}: the folder ${folder} is missing or not writable. Create it, or pass another --out.`,
      { cause },
    );
  }
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new ConfigError(`checkWritable: cannot write ${path}: it is a folder. Pass another --out.`);
  }
}

/** Writes beside the file and renames, so that nobody sees half of it. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes the files that are there. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
}
