/**
 * Galton's own modules, named so that a name means the same file on every machine. `file:///home/ann/node_modules/
 * galton/dist/src/simulate-range.js` is `src/simulate-range` wherever galton is installed, built or as sources.
 *
 * @module
 */
import { createRequire } from "node:module";

/** Parent of `src` and `benchmarks`, with a final slash: the repository, or `dist` of the package. */
export const ownRoot = new URL("../../", import.meta.url).href;

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The name of one of galton's own modules, such as `"src/simulate-range"`; `undefined` for any other URL. */
export function ownName(url: string): string | undefined {
  if (!url.startsWith(ownRoot) || !url.endsWith(extension)) return undefined;
  const name = url.slice(ownRoot.length, -extension.length);
  return isOwnName(name) ? name : undefined;
}

/** Whether a text is written as the name of an own module; the file may be missing. */
export function isOwnName(name: string): boolean {
  return /^(src|samplers|benchmarks)(\/[\w-]+)+$/.test(name);
}

/** The URL here of an own module. */
export function ownUrl(name: string): string {
  return `${ownRoot}${name}${extension}`;
}

/**
 * Whether jobs from elsewhere may load an own module: not the command line and the other programs, which act
 * when they are imported.
 */
export function isOwnLibrary(name: string): boolean {
  return !name.startsWith("src/cli/") && !/\/(run|main)$/.test(name);
}

/** The version of galton that runs here: jobs and workers of different versions need not give equal bytes. */
export function ownVersion(): string {
  return (version ??= readVersion());
}

let version: string | undefined;

function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      const { name, version } = require(path) as { name?: unknown; version?: unknown };
      if (name === "galton") return String(version);
    } catch {
      // the other one: the build lies a folder deeper than the sources
    }
  }
  return "unknown";
}
