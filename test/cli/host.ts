/** A command line without a process: what it wrote, and its exit status. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { runCli } from "../../src/cli/run.js";

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `galton ...argv` here. */
export function galton(...argv: string[]): Promise<Outcome> {
  return run(argv, false);
}

/** Runs `galton ...argv` on a terminal where the user presses Ctrl-C at the first sign of progress. */
export function interrupted(...argv: string[]): Promise<Outcome> {
  return run(argv, true);
}

async function run(argv: readonly string[], interrupt: boolean): Promise<Outcome> {
  const out = { stdout: "", stderr: "" };
  let stop: (() => void) | undefined;
  const status = await runCli(argv, {
    stdout: {
      write(text) {
        out.stdout += text;
      },
    },
    stderr: {
      isTTY: interrupt,
      write(text) {
        out.stderr += text;
        if (interrupt) stop?.();
      },
    },
    onInterrupt(listener) {
      stop = listener;
      return () => {
        stop = undefined;
      };
    },
  });
  return { status, ...out };
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "galton-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
