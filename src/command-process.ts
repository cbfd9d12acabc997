/**
 * A child process that speaks newline-delimited JSON, as `commandSimulator` uses it. It owns one process at
 * a time: lines go in, lines and the end of the process come out as events, and what the process wrote to
 * standard error last is kept for messages.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";

/** What a process reports. */
export interface ProcessEvents {
  /** A whole line without its end. */
  onLine(line: string): void;
  /** The process is gone, or was never `started`; `reason` says how, with the tail of standard error. */
  onEnd(reason: string, started: boolean): void;
}

/** A running process. */
export interface CommandProcess {
  write(line: string): void;
  /** Whether the process keeps this program alive: yes while it works, no while it idles. */
  hold(busy: boolean): void;
  /** Ends it now; no event follows. */
  kill(): void;
  /** Closes its input and waits up to two seconds for it to leave before it is killed. */
  close(): Promise<void>;
}

/** Starts `command[0]` with the other words as arguments, without a shell. */
export function startCommand(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> },
  events: ProcessEvents,
): CommandProcess {
  const child: ChildProcessWithoutNullStreams = spawn(command[0], command.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: "pipe",
  });
  const decoder = new StringDecoder("utf8");
  let partial = "";
  let errors = "";
  let over = false;
  const end = (reason: string) => {
    if (over) return;
    over = true;
    const tail = errors.trim().split("\n").slice(-8).join("\n");
    events.onEnd(
      tail === "" ? reason : `${reason}; it wrote to standard error:\n${tail}\n`,
      child.pid !== undefined,
    );
  };

  child.stdout.on("data", (bytes: Buffer) => {
    const lines = (partial + decoder.write(bytes)).split("\n");
    partial = lines.pop()!;
    for (const line of lines) if (!over) events.onLine(line);
  });
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString("utf8")).slice(-4000);
  });
  child.stdin.on("error", () => undefined); // a closed pipe: the end of the process tells the story
  child.on("error", (error) => end(`could not be started: ${error.message}`));
  child.on("close", (code, signal) => {
    end(signal ? `was ended by ${signal}` : `ended with exit code ${code}`);
  });

  const hold = (busy: boolean) => {
    const streams = [child.stdin, child.stdout, child.stderr] as unknown as Socket[];
    for (const each of [child, ...streams]) busy ? each.ref() : each.unref();
  };

  return {
    write: (line) => void child.stdin.write(`${line}\n`),
    hold,
    kill() {
      over = true;
      child.kill("SIGKILL");
    },
    close() {
      over = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
        return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
        child.once("close", () => {
          clearTimeout(timer);
          resolve();
        });
        hold(true); // else this program ends in silence, in the middle of waiting, once the timer has fired
        child.stdin.end();
      });
    },
  };
}
