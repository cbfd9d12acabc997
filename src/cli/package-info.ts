/**
 * What packages are here, without loading them.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The fields of a `package.json` that are used. */
export interface PackageInfo {
  readonly name: string;
  readonly version: string;
  readonly bugs?: string | { readonly url?: string };
}

/** The `package.json` of galton itself, from the sources and from the build. */
export function galtonPackage(): PackageInfo {
  for (const folder of parents()) {
    const found = readPackage(join(folder, "package.json"));
    if (found?.name === "galton") return found;
  }
  return { name: "galton", version: "unknown" };
}

/** The version of a package that galton can import, or `undefined` where it is not installed. */
export function installedVersion(name: string): string | undefined {
  for (const folder of parents()) {
    const found = readPackage(join(folder, "node_modules", name, "package.json"));
    if (found) return found.version;
  }
  return undefined;
}

/** Where faults are to be reported, as the end of a sentence. */
export function reportTo({ bugs }: PackageInfo): string {
  const url = typeof bugs === "string" ? bugs : bugs?.url;
  return url === undefined ? "to the issue tracker of galton" : `at ${url}`;
}

function* parents(): Generator<string> {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    yield folder;
    const parent = dirname(folder);
    if (parent === folder) return;
    folder = parent;
  }
}

function readPackage(path: string): PackageInfo | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
