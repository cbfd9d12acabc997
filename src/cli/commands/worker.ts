/**
 * `galton worker`: runs jobs that other machines put into a queue on Redis.
 *
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { decimal, integer, repeated, text, withDefault } from "../options.js";

/** Works until it is told to stop. */
export const worker = defineCommand({
  name: "worker",
  summary: "run jobs that other machines send through a queue on Redis",
  description:
    "Works until Ctrl-C or SIGTERM; then it finishes the present jobs, and gives back those that take longer than the grace. " +
    "Whoever can write to the Redis can run galton's jobs here, and every export of the modules that --allow names: " +
    "use a password and TLS (rediss://) outside of a trusted network. A private certificate authority is named by the " +
    "environment variable NODE_EXTRA_CA_CERTS.",
  arguments: [],
  options: {
    redis: text(
      "URL",
      "redis://USER:PASSWORD@HOST:PORT or rediss://...; default the environment variable GALTON_REDIS, which keeps the password out of the list of processes",
    ),
    queue: withDefault(text("NAME", "name of the queue"), "galton"),
    allow: repeated(text("MODULE", "package, file or folder that jobs may load besides galton's own jobs")),
    concurrency: integer("N", "jobs at a time, each in a thread; default the number of processors"),
    grace: withDefault(
      decimal("SECONDS", "how long present jobs may take after the signal to stop", [0, Number.MAX_VALUE]),
      "20",
    ),
  },
  example: {
    command: "galton worker --redis redis://localhost:6379 --allow my-simulators",
    result: "Runs jobs from the queue `galton`, as many at a time as there are processors, until Ctrl-C.",
  },

  async run({ options }, terminal) {
    const redis = options.redis ?? process.env.GALTON_REDIS;
    if (redis === undefined || redis === "") {
      throw new ConfigError(
        "worker: --redis URL is missing, and the environment variable GALTON_REDIS is not set.",
      );
    }
    const { startWorker } = await import("../../executor/bullmq-worker.js");
    let done = 0;
    const stopped = new Promise<void>((resolve) => {
      terminal.signal.addEventListener("abort", () => resolve(), { once: true });
      process.once("SIGTERM", resolve);
    });
    const running = await startWorker({
      redis,
      queue: options.queue,
      allow: options.allow as readonly string[],
      concurrency: options.concurrency,
      onEvent: (line) => terminal.note(`${new Date().toISOString()} ${line}`),
      onDone: () => terminal.progress(`${(++done).toLocaleString("en-US")} jobs done`),
    });
    terminal.note(`galton worker: ready at ${running.where}.`);
    await stopped;
    terminal.note(`galton worker: finishing the present jobs (at most ${options.grace} s).`);
    await running.close({ graceSeconds: options.grace });
    terminal.result(`${done} ${done === 1 ? "job" : "jobs"} done.`);
    return 0;
  },
});
