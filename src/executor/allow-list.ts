/**
 * Which modules a job that came from elsewhere may load. Whoever can write to the queue chooses a job's module,
 * export and input, so a worker loads only what its owner named: packages, files, folders, and galton's
 * own jobs. Modules named inside an input (a simulator's) pass through the same gate.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { realpathSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { isAbsolute, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError, ExecutorError } from "../core/errors.js";
import { isOwnLibrary, ownName } from "./own-modules.js";

/** Modules that jobs may load besides galton's own; plain data. */
export interface AllowList {
  /** Names of packages; their subpaths are allowed too. */
  readonly packages: readonly string[];
  /** Real paths of files and folders; everything in a folder is allowed. */
  readonly paths: readonly string[];
}

const packageName = /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;
/** A package and perhaps a subpath of it; no empty or dotted segment, no escape that a URL would decode. */
const packageSpecifier = /^((?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*)(\/[\w~-][\w.~-]*)*$/i;

const current = new AsyncLocalStorage<AllowList>();

/**
 * Reads what a user allows.
 *
 * @param entries - package names (`"my-simulators"`), or paths or file URLs of files and folders that exist;
 *   a path begins with `.` or `/` (or a drive letter).
 * @throws {ConfigError} if an entry is none of these.
 */
export function allowList(entries: readonly (string | URL)[]): AllowList {
  const packages: string[] = [];
  const paths: string[] = [];
  for (const entry of entries) {
    const text = String(entry);
    if (/^\.{1,2}($|[\\/])/.test(text) || isAbsolute(text) || text.startsWith("file:")) {
      try {
        paths.push(realpathSync(text.startsWith("file:") ? fileURLToPath(text) : text));
      } catch (cause) {
        throw new ConfigError(
          `allow: expected a file or folder that exists, got ${text} (${(cause as Error).message}).`,
          { cause },
        );
      }
    } else if (packageName.test(text) && !isBuiltin(text)) packages.push(text);
    else {
      throw new ConfigError(
        `allow: expected the name of a package, or a path that begins with ./ or /, got ${JSON.stringify(text)}.`,
      );
    }
  }
  return { packages, paths };
}

/** Calls `act` where `importModule` and `checkCall` hold to the list, as does everything that `act` awaits. */
export function restrictedTo<T>(allowed: AllowList, act: () => T): T {
  return current.run(allowed, act);
}

/**
 * Imports a module; within `restrictedTo`, only one that is allowed. Whatever loads a module that a job names,
 * as its own or in its input, loads it with this function.
 *
 * @throws {ExecutorError} if the module is not allowed; else whatever the import throws.
 */
export async function importModule(module: string): Promise<Record<string, unknown>> {
  const allowed = current.getStore();
  return import(allowed ? permitted(module, allowed) : module);
}

/**
 * Within `restrictedTo`, refuses to call anything of galton's own but its jobs: functions named `...Job`, which
 * are written to be called with the input of a stranger.
 *
 * @throws {ExecutorError} if the function is not one.
 */
export function checkCall(module: string, exportName: string): void {
  const allowed = current.getStore();
  if (!allowed || exportName.endsWith("Job")) return;
  if (ownName(permitted(module, allowed)) === undefined) return;
  throw new ExecutorError(
    `worker: refused to call "${exportName}" of ${module}: of galton's own modules, jobs may call only functions named ...Job.`,
  );
}

/** What to import for a module that is allowed. */
function permitted(module: string, { packages, paths }: AllowList): string {
  const refuse = (reason: string) => new ExecutorError(`worker: refused to load ${shown(module)}: ${reason}`);
  if (/^[a-z][a-z0-9+.-]*:/i.test(module)) {
    if (!/^file:\/\//i.test(module)) throw refuse("expected a file: URL or the name of a package.");
    const path = realFile(module, refuse);
    const url = pathToFileURL(path).href;
    const own = ownName(url);
    if (own !== undefined && isOwnLibrary(own)) return url;
    const inside = (folder: string) =>
      path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
    if (paths.some(inside)) return url;
    throw refuse(
      `${path === module ? "it" : path} is in none of the allowed folders. ${advice({ packages, paths })}`,
    );
  }
  const name = packageSpecifier.exec(module)?.[1];
  if (name === undefined || isBuiltin(module)) throw refuse("expected a file: URL or the name of a package.");
  if (packages.includes(name)) return module;
  throw refuse(`the package ${name} is not allowed. ${advice({ packages, paths })}`);
}

/** The file behind a URL, with every `..` and every link resolved. */
function realFile(module: string, refuse: (reason: string) => ExecutorError): string {
  let path: string;
  try {
    const url = new URL(module);
    if (url.search !== "" || url.hash !== "") throw new Error("it has a query or a fragment");
    path = realpathSync(fileURLToPath(url));
    if (!statSync(path).isFile()) throw new Error("it is not a file");
  } catch (cause) {
    throw refuse(
      `cannot use it here: ${(cause as Error).message}. Modules must be at the same path on every machine.`,
    );
  }
  return path;
}

function advice({ packages, paths }: AllowList): string {
  const list = [...packages, ...paths].map(shown).join(", ");
  return `Allowed here: galton's own jobs${list === "" ? "" : `, ${list}`}; start the worker with --allow to add more.`;
}

/** A text of a stranger in a message: short, and without control characters. */
function shown(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return JSON.stringify(short);
}
