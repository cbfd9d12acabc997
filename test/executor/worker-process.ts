/** `galton worker` in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface WorkerProcess {
  readonly process: ChildProcess;
  /** What it wrote so far, results and notes together. */
  text(): string;
  /** Resolves when it says that it is ready. */
  readonly ready: Promise<void>;
  /** Its exit status; `null` if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts it; `words` follow `galton worker`. */
export function startWorkerProcess(
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): WorkerProcess {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", main, "worker", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let text = "";
  let becomeReady = () => {};
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes(": ready at")) becomeReady();
    });
  }
  const ended = once(child, "close").then(([status]) => status as number | null);
  return { process: child, text: () => text, ready, ended };
}
