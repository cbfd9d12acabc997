/**
 * How plans name problems and methods: by a word of the registry, or by the module of a user's own package that
 * exports one, as `./my-problem.ts#export` (a path from the folder of the plan) or `package#export`.
 *
 * @module
 */
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../src/core/errors.js";
import { nearest } from "../src/core/nearest.js";
import { importModule } from "../src/executor/allow-list.js";

/** What can be named: how it is called in messages, the loaders of the ones that come with galton, and a check. */
export interface Registry<Item extends { readonly name: string }> {
  /** `"problem"` or `"method"`. */
  readonly kind: string;
  readonly entries: Readonly<Record<string, () => Promise<Item>>>;
  /** What is wrong with an export, as the end of a sentence; `undefined` if it is one. */
  flaw(value: object): string | undefined;
}

/** A named problem or method. */
export interface Found<Item> {
  readonly item: Item;
  /** From which it is found again anywhere: the word of the registry, or the absolute URL of the module with `#export`. */
  readonly reference: string;
}

/** Names that are safe in file names, tables and on the command line. */
const safeName = /^[a-z0-9][\w.+-]{0,63}$/i;

/**
 * Finds what a word names.
 *
 * @param folder - where relative paths begin and packages are looked for. Default: the working folder.
 * @throws {ConfigError} if there is none: with the nearest word of the registry, or why the module cannot be used.
 */
export async function find<Item extends { readonly name: string }>(
  registry: Registry<Item>,
  word: string,
  folder: string = process.cwd(),
): Promise<Found<Item>> {
  const { kind, entries } = registry;
  if (Object.hasOwn(entries, word)) return { item: await entries[word](), reference: word };
  const at = word.lastIndexOf("#");
  if (at < 0) {
    const known = Object.keys(entries);
    const near = nearest(word, known);
    const path = /[\\/]|\.[cm]?[jt]s$/.test(word) ? ` Write ${word}#NAME for an export of a module.` : "";
    throw new ConfigError(
      `${kind} "${word}" is unknown; ${near ? `did you mean ${near}? E` : "e"}xpected one of ${known.join(", ")}, ` +
        `or an export of your own module such as ./my-${kind}.js#${kind}.${path}`,
    );
  }
  const module = locate(word.slice(0, at), folder);
  const exportName = word.slice(at + 1);
  const item = await load(kind, module, exportName);
  const flaw = registry.flaw(item) ?? nameFlaw(item, entries);
  if (flaw !== undefined) throw new ConfigError(`${kind} "${word}": ${flaw}.`);
  return { item: item as Item, reference: `${module}#${exportName}` };
}

/** The absolute URL of a file, or of a package as the folder sees it; a package that it does not see as it stands. */
function locate(text: string, folder: string): string {
  if (text.startsWith("file:")) return text;
  if (/^\.{1,2}[\\/]/.test(text) || isAbsolute(text)) return pathToFileURL(resolve(folder, text)).href;
  try {
    return pathToFileURL(createRequire(join(resolve(folder), "plan.js")).resolve(text)).href;
  } catch {
    return text; // one that only `import` can resolve
  }
}

async function load(kind: string, module: string, exportName: string): Promise<object> {
  let exports: Record<string, unknown>;
  try {
    exports = await importModule(module);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = /Unknown file extension "\.[cm]?ts"/.test(reason)
      ? " This Node.js reads no TypeScript: run galton through tsx, or compile the module."
      : "";
    throw new ConfigError(`${kind} "${module}#${exportName}": cannot import it: ${reason}.${advice}`, {
      cause,
    });
  }
  const item = exports[exportName];
  if (typeof item !== "object" || item === null) {
    throw new ConfigError(
      `${kind} "${module}#${exportName}": the module exports no such ${kind}; ` +
        `it exports ${Object.keys(exports).join(", ") || "nothing"}.`,
    );
  }
  return item;
}

function nameFlaw(item: object, entries: Readonly<Record<string, unknown>>): string | undefined {
  const { name } = item as { name?: unknown };
  if (typeof name !== "string" || !safeName.test(name)) {
    return `its name must be letters, digits and _ . + -, at most 64, got ${JSON.stringify(name)}`;
  }
  return Object.hasOwn(entries, name)
    ? `its name "${name}" is that of one that comes with galton; choose another`
    : undefined;
}
