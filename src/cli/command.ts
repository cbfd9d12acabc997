/**
 * What a command is. Its module is loaded for `galton --help`, so it imports nothing heavy: `run` does.
 *
 * @module
 */
import type { OptionTable, Values } from "./options.js";
import type { Terminal } from "./terminal.js";

/** A word after the command's name. */
export interface Argument {
  /** In capitals, as help shows it. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** Whether it may be given several times; the last argument only. */
  readonly many?: boolean;
}

/** What the user wrote, read by the command's own table. */
export interface Parsed<Options extends OptionTable> {
  /** As many as the command has arguments, or more where the last may come several times; optional ones may be `undefined`. */
  readonly words: readonly (string | undefined)[];
  readonly options: Values<Options>;
  /** The words after `galton`, as one line that a shell takes back. */
  readonly line: string;
}

/** A command with a table of options. */
export interface Command<Options extends OptionTable = OptionTable> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More, in sentences. */
  readonly description?: string;
  readonly arguments: readonly Argument[];
  readonly options: Options;
  /** A worked example: the command and what comes of it. */
  readonly example: { readonly command: string; readonly result: string };
  /** @returns the exit status. */
  run(parsed: Parsed<Options>, terminal: Terminal): Promise<number>;
}

/** Keeps the types of a command's options for its `run`. */
export function defineCommand<const Options extends OptionTable>(
  command: Command<Options>,
): Command<OptionTable> {
  return command as unknown as Command<OptionTable>;
}
