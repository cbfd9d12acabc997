/**
 * Writes a report so that a reader never sees half of it.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../core/errors.js";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "the folder does not exist",
  ENOTDIR: "a part of the path is a file, not a folder",
  EACCES: "the folder is not writable",
  EPERM: "the folder is not writable",
  EROFS: "the file system is read-only",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
};

/**
 * Writes text to a file: first beside it under another name, then renamed, so that the file is the old one or the
 * new one and never a part.
 *
 * @param path - where the page goes; the folder must exist.
 * @param page - the page of `reportPage`, or any text.
 * @returns the absolute path.
 * @throws {ConfigError} if it cannot be written, with the reason; nothing is left behind.
 */
export async function writeReport(path: string, page: string): Promise<string> {
  const target = resolve(path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomUUID()}`);
  try {
    await writeFile(temporary, page, { flag: "wx" });
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new ConfigError(
      `writeReport: cannot write "${target}": ${reasons[code] ?? "writing failed"} (${code}). ` +
        "Create the folder, change its permissions, or pass another path.",
      { cause },
    );
  }
  return target;
}
