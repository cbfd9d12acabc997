/**
 * Finds the reference data (published posteriors, golden vectors, measurements) that the repository does
 * not copy: `../shared/reference` beside the checkout, or the folder named by `GALTON_REFERENCE`.
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const folder = process.env.GALTON_REFERENCE ?? join(root, "..", "shared", "reference");

/** The path of a reference file, or `undefined` where the reference data is absent. */
export function referencePath(name: string): string | undefined {
  const path = join(folder, name);
  return existsSync(path) ? path : undefined;
}

/** `describe` for tests that need the reference file `name`; without it they are skipped, by name. */
export function describeWithReference(title: string, name: string, body: (path: string) => void): void {
  const path = referencePath(name);
  if (path === undefined) {
    describe.skip(`${title} (skipped: no reference data at ${folder}; set GALTON_REFERENCE)`, () => {});
  } else {
    describe(title, () => body(path));
  }
}
