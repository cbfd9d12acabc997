/**
 * A pool of worker threads (piscina) that answer messages with one function of one file of this folder.
 *
 * @module
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Threads that answer messages. */
export interface Pool<Message, Answer> extends AsyncDisposable {
  /** Rejects if the thread dies or an abort ends it. */
  run(
    message: Message,
    options: { readonly signal?: AbortSignal; readonly transferList?: readonly unknown[] },
  ): Promise<Answer>;
  /** Why no thread can start at all. */
  readonly failure: unknown;
}

/**
 * Starts the threads.
 *
 * @param options.file - module of this folder that the threads load, without its extension.
 * @param options.name - the function of it that answers.
 */
export async function startPool<Message, Answer>(options: {
  readonly file: string;
  readonly name: string;
  readonly workers: number;
}): Promise<Pool<Message, Answer>> {
  const { file, name, workers } = options;
  const { Piscina } = await import("piscina");
  const typescript = import.meta.url.endsWith(".ts"); // running from the sources
  const underTsx = process.execArgv.some((argument) => argument.includes("tsx")); // the user's modules may be
  const piscina = new Piscina({
    filename: fileURLToPath(new URL(`./${file}.${typescript ? "ts" : "js"}`, import.meta.url)),
    name,
    minThreads: workers,
    maxThreads: workers,
    // A worker that blocks in Atomics.wait between jobs would stop timers and child processes of the job's module.
    atomics: "disabled",
    execArgv: typescript || underTsx ? typescriptLoader() : undefined,
  });
  let answered = false;
  let failure: unknown;
  // Raised by threads without a job. Before the first answer none of them can start, and the pool would go
  // on replacing them for ever; later it is some leftover of a job, and the replacement will do.
  piscina.on("error", (error) => {
    if (answered) return;
    failure ??= error;
    piscina.destroy();
  });
  return {
    async run(message, { signal, transferList = [] }) {
      if (failure !== undefined) throw failure;
      const answer = await piscina.run(message, { signal, transferList: transferList as [] });
      answered = true;
      return answer;
    },
    get failure() {
      return failure;
    },
    [Symbol.asyncDispose]: () => piscina.destroy(),
  };
}

/**
 * Node's flags for threads that read TypeScript. tsx hooks only the main thread by itself, so each worker
 * registers it anew before its first module.
 */
function typescriptLoader(): string[] | undefined {
  const places = [import.meta.url, join(process.cwd(), "package.json")];
  for (const place of places) {
    try {
      const api = pathToFileURL(createRequire(place).resolve("tsx/esm/api").replace(/cjs$/, "mjs")).href;
      const start = `import { register } from ${JSON.stringify(api)}; register();`;
      return [...process.execArgv, "--import", `data:text/javascript,${encodeURIComponent(start)}`];
    } catch {
      // not installed beside this file: look in the next place
    }
  }
  return undefined;
}
