/**
 * Reads the words after a command's name by the command's own table. Nothing is guessed: an unknown option,
 * a missing value, an option given twice and a word too many are errors, and the nearest known option is named.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../core/errors.js";
import { nearest } from "../core/nearest.js";
import type { Command, Parsed } from "./command.js";
import { flagOf, type OptionTable, toggle, type Values } from "./options.js";

/** Options that every command has. */
export const common = {
  quiet: toggle("no progress and no notes on standard error"),
  help: toggle("this text"),
};

/** What `parseCommand` gives: the user's words, and the options that every command has. */
export interface ParsedCommand extends Parsed<OptionTable> {
  readonly common: Values<typeof common>;
}

/**
 * Reads the arguments of a command. With `--help` nothing else is checked.
 *
 * @param argv - the words after the command's name.
 * @throws {ConfigError} naming the command and the word that is wrong.
 */
export function parseCommand(command: Command, argv: readonly string[]): ParsedCommand {
  const table: OptionTable = { ...command.options, ...common };
  const nameOf = new Map(Object.keys(table).map((name) => [flagOf(name), name]));
  const fail: (reason: string) => never = (reason) => {
    throw new ConfigError(
      `galton ${command.name}: ${reason}\nTry "galton ${command.name} --help" for all options.`,
    );
  };
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(
        Object.entries(table).map(([name, { placeholder }]) => [
          flagOf(name).slice(2),
          { type: placeholder === undefined ? ("boolean" as const) : ("string" as const) },
        ]),
      ),
      help: { type: "boolean", short: "h" },
    },
  });

  const given = new Map<string, string[]>();
  const words: string[] = [];
  const help = tokens.some((token) => token.kind === "option" && token.name === "help");
  if (!help) {
    for (const token of tokens) {
      if (token.kind === "positional") words.push(token.value);
      if (token.kind !== "option") continue;
      const flag = `--${token.name}`;
      const name = nameOf.get(flag);
      if (name === undefined || !token.rawName.startsWith("--")) {
        const near = nearest(token.rawName, [...nameOf.keys()]);
        return fail(`unknown option ${token.rawName}${near ? `; did you mean ${near}?` : "."}`);
      }
      const { placeholder, repeatable = false } = table[name];
      const value = token.value;
      if (placeholder === undefined && value !== undefined) fail(`${flag} takes no value, got "${value}".`);
      if (placeholder !== undefined && (value === undefined || (!token.inlineValue && /^--./.test(value)))) {
        fail(`${flag} needs a value: ${flag} ${placeholder}.`);
      }
      const list = given.get(name) ?? [];
      if (list.length > 0 && !repeatable) fail(`${flag} is given twice.`);
      given.set(name, [...list, value ?? ""]);
    }
  }

  const read = (options: OptionTable) =>
    Object.fromEntries(
      Object.entries(options).map(([name, option]) => {
        try {
          return [name, option.read(given.get(name) ?? [], flagOf(name))];
        } catch (error) {
          return fail((error as Error).message);
        }
      }),
    );
  const line = ["galton", command.name, ...argv].map(shellWord).join(" ");
  if (help) return { words, options: {}, line, common: { quiet: false, help } };
  const { arguments: expected } = command;
  const missing = expected.find(({ optional }, i) => !optional && words[i] === undefined);
  if (missing) fail(`${missing.name} is missing (${missing.help}).`);
  const isMany = expected[expected.length - 1]?.many === true;
  if (words.length > expected.length && !isMany) fail(`unexpected argument "${words[expected.length]}".`);
  return {
    words: words.length > expected.length ? words : expected.map((_, i) => words[i]),
    options: read(command.options),
    line,
    common: read(common) as Values<typeof common>,
  };
}

/** A word as a POSIX shell takes it back. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
