/**
 * The SIMULATOR of a command: a module that exports one, or a program that speaks JSON lines.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { CommandSimulator } from "../command-simulator.js";
import { ConfigError, SimulatorError } from "../core/errors.js";
import type { SimulatorModule } from "../simulator-module.js";

/**
 * Names the module of a simulator.
 *
 * @param text - a path from the current folder, with `#name` behind it where the export is not `simulator`.
 * @throws {ConfigError} if there is no such file.
 */
export async function moduleFromText(text: string): Promise<SimulatorModule> {
  const at = text.lastIndexOf("#");
  const whole = at < 0 || existsSync(text);
  const [path, exportName] = whole ? [text, "simulator"] : [text.slice(0, at), text.slice(at + 1)];
  if (!existsSync(path)) {
    throw new ConfigError(
      `simulate: there is no file ${resolve(path)}; expected a module such as ./simulator.js that exports "simulator", ` +
        `or ./models.js#name for another export.`,
    );
  }
  if (exportName === "")
    throw new ConfigError(`simulate: "${text}" names no export behind #; write ${path}#name.`);
  const { simulatorModule } = await import("../simulator-module.js");
  return simulatorModule(pathToFileURL(resolve(path)), exportName);
}

/** Adds to an error of importing a TypeScript module what to do about it. */
export function explainImport(error: unknown): unknown {
  if (!(error instanceof SimulatorError) || !/Unknown file extension "\.[mc]?ts"/.test(error.message))
    return error;
  return new SimulatorError(
    `${error.message}. This Node.js reads no TypeScript: run galton through tsx ` +
      `(npx tsx node_modules/galton/dist/src/cli/main.js ...), or compile the module.`,
    { cause: error },
  );
}

/**
 * Makes a simulator of a program.
 *
 * @param line - program and arguments; words with blanks stand in quotes, and no shell is involved.
 * @throws {ConfigError} if the line is empty or a quote is not closed, or the prior or the shape is missing.
 */
export async function commandFromText(
  line: string,
  options: {
    readonly prior?: string;
    readonly xShape?: readonly number[];
    readonly timeoutSeconds?: number;
  },
): Promise<CommandSimulator> {
  const { prior, xShape, timeoutSeconds } = options;
  if (prior === undefined) {
    throw new ConfigError(
      `simulate: --command needs --prior prior.json, a file such as {"mu": [-3, 3], "sigma": [0.1, 2]}.`,
    );
  }
  if (xShape === undefined) {
    throw new ConfigError(
      `simulate: --command needs --x-shape, how many numbers one row has, such as 10 or 32x32.`,
    );
  }
  const { readPrior } = await import("./prior-file.js");
  const { commandSimulator } = await import("../command-simulator.js");
  return commandSimulator({
    command: splitWords(line),
    prior: await readPrior(prior),
    xShape,
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
  });
}

/**
 * Splits a line into words as a shell does, without expanding anything.
 *
 * @throws {ConfigError} if there is no word or a quote is not closed.
 */
export function splitWords(line: string): string[] {
  const found = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const words = found.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, a, b) => a ?? b));
  const quotes = line.replace(/"[^"]*"|'[^']*'/g, "");
  if (words.length === 0 || /["']/.test(quotes)) {
    throw new ConfigError(
      `simulate: --command must be a program and its arguments, such as "python3 sim.py", with quotes closed, got "${line}".`,
    );
  }
  return words;
}
