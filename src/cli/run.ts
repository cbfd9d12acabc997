/**
 * The command line as a function: words in, exit status out.
 *
 * @module
 */

import { nearest } from "../core/nearest.js";
import { parseCommand } from "./arguments.js";
import type { Command } from "./command.js";
import { commands } from "./commands.js";
import { describeFailure, isMistake, status } from "./failure.js";
import { commandHelp, generalHelp } from "./help.js";
import { galtonPackage, reportTo } from "./package-info.js";
import { type Sink, type Terminal, terminal } from "./terminal.js";

/** What the command line needs of its process. */
export interface Host {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Calls `stop` when the user presses Ctrl-C; returns how to stop listening. */
  onInterrupt(stop: () => void): () => void;
}

/**
 * Runs one command.
 *
 * @param argv - the words after `galton`.
 * @returns the exit status: 0, 1 for a mistake of the user, 2 for one of galton, 130 when interrupted.
 */
export async function runCli(argv: readonly string[], host: Host): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "--version" || name === "-v") {
    host.stdout.write(`${galtonPackage().version}\n`);
    return status.ok;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const asked = commands.find((each) => name === "help" && each.name === rest[0]);
    if (asked) return runCli([asked.name, "--help"], host);
    (name === undefined ? host.stderr : host.stdout).write(generalHelp(commands, galtonPackage().version));
    return name === undefined ? status.mistake : status.ok;
  }
  const command = commands.find((each) => each.name === name);
  if (!command) {
    const names = commands.map((each) => each.name);
    const near = nearest(name, names);
    host.stderr.write(
      `galton: unknown command "${name}"; ${near ? `did you mean ${near}?` : `expected one of ${names.join(", ")}.`}\n` +
        `Try "galton --help".\n`,
    );
    return status.mistake;
  }
  return dispatch(command, rest, host);
}

async function dispatch(command: Command, argv: readonly string[], host: Host): Promise<number> {
  const controller = new AbortController();
  const stopListening = host.onInterrupt(() => controller.abort());
  let screen: Terminal | undefined;
  try {
    const parsed = parseCommand(command, argv);
    if (parsed.common.help) {
      host.stdout.write(commandHelp(command));
      return status.ok;
    }
    screen = terminal({ ...host, signal: controller.signal, quiet: parsed.common.quiet });
    return await command.run(parsed, screen);
  } catch (error) {
    screen?.close();
    if (controller.signal.aborted) {
      host.stderr.write(`galton ${command.name}: stopped. ${screen?.advice()}\n`);
      return status.interrupted;
    }
    return fail(error, host);
  } finally {
    screen?.close();
    stopListening();
  }
}

function fail(error: unknown, host: Host): number {
  host.stderr.write(`${describeFailure(error, reportTo(galtonPackage()))}\n`);
  return isMistake(error) ? status.mistake : status.bug;
}
