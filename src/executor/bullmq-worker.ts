/**
 * The other end of `bullmq`: takes jobs from the queue, runs them in threads, sends the answers.
 *
 * Jobs run in threads so that the main thread can renew their locks on time, whatever they do. A job whose lock
 * is not renewed has lost its worker: another worker finds it (every worker looks), waits longer after each
 * loss, and after too many gives it up, since it may be what kills them. What a job throws is an answer
 * and not tried again: it would throw the same. Texts of strangers are refused with a reason.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, JobJson } from "bullmq";
import type { Redis } from "ioredis";
import { ExecutorError } from "../core/errors.js";
import { type AllowList, allowList } from "./allow-list.js";
import { HEARTBEAT_SECONDS, MAX_BYTES } from "./bullmq.js";
import { writeError } from "./payload.js";
import type { PayloadAnswer, PayloadMessage } from "./payload-thread.js";
import { type Pool, startPool } from "./pool.js";
import {
  connect,
  parseJobId,
  payloadHash,
  type QueueNames,
  queueNames,
  type RedisAddress,
  reason,
} from "./redis.js";

/** Options of `startWorker`. */
export interface WorkerOptions {
  /** Where Redis is, as for `bullmq`. */
  readonly redis: RedisAddress;
  /** Name of the queue. Default `"galton"`. */
  readonly queue?: string;
  /** What all names in Redis begin with. Default `"bull"`. */
  readonly prefix?: string;
  /**
   * Modules that jobs may load besides galton's own jobs: names of packages, paths or file URLs of files and
   * folders. Whoever can write to the queue can call every export of them with any input. Default none.
   */
  readonly allow?: readonly (string | URL)[];
  /** Jobs at a time, each in a thread. Default: the processors that this process may use. */
  readonly concurrency?: number;
  /** Longest text of a job and of an output. Default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * How long a job stays locked after the last sign of life of its worker; the main thread, which does nothing
   * else, gives one every half of it. A lost worker's job is found after one to three times as long. Shorter
   * finds it sooner, but takes a machine that hangs for so long (suspended, swapping) for lost. Default 10.
   */
  readonly lockSeconds?: number;
  /** How often a job may lose its worker before it is given up. Default 5. */
  readonly maxLosses?: number;
  /** Told of trouble, one line each: lost connections and workers, jobs that were refused, dropped or given back. */
  readonly onEvent?: (line: string) => void;
  /** Called after each job that was answered, with an output or with what it threw. */
  readonly onDone?: () => void;
}

/** A worker that runs until it is closed. */
export interface FarmWorker extends AsyncDisposable {
  /** Host and port of Redis, and the queue. */
  readonly where: string;
  /**
   * Takes no further job, waits for the present ones, and gives back to the queue those that take longer.
   *
   * @param graceSeconds - how long to wait. Default 20, within the 30 that Kubernetes gives.
   */
  close(options?: { readonly graceSeconds?: number }): Promise<void>;
}

/** Stops a job's thread: the runner is gone, or the job goes back to the queue. */
const runnerGone = new Error("its runner is gone");
const givenBack = new Error("it is given back");

/**
 * Starts a worker.
 *
 * @throws {ConfigError} if the address, an entry of `allow` or the installation cannot be used.
 * @throws {ExecutorError} if Redis does not answer.
 * @throws {RangeError} if a number is not positive, or `concurrency` or `maxLosses` not whole.
 * @example
 * await using worker = await startWorker({ redis: "redis://localhost:6379", allow: ["my-simulators"] });
 */
export async function startWorker(options: WorkerOptions): Promise<FarmWorker> {
  const {
    concurrency = availableParallelism(),
    maxBytes = MAX_BYTES,
    lockSeconds = 10,
    maxLosses = 5,
  } = options;
  for (const [name, value] of Object.entries({ concurrency, maxBytes, lockSeconds, maxLosses })) {
    const whole = name === "concurrency" || name === "maxLosses";
    if (!(value > 0) || (whole && !Number.isSafeInteger(value))) {
      throw new RangeError(
        `startWorker: ${name} must be a positive ${whole ? "integer" : "number"}, got ${value}.`,
      );
    }
  }
  const allowed = allowList(options.allow ?? []);
  const names = queueNames("startWorker", options.queue, options.prefix);
  const { client, where } = await connect("startWorker", options.redis);
  const pool = await startPool<PayloadMessage, PayloadAnswer>({
    file: "payload-thread",
    name: "answerPayload",
    workers: concurrency,
  });
  const { onEvent: log = () => {}, onDone = () => {} } = options;
  const running = new Map<string, AbortController>();
  const context: Context = { client, names, pool, allowed, maxBytes, lockSeconds, log, onDone, running };
  const bullmq = await import("bullmq");

  /** BullMQ's worker, but a job whose record is not as BullMQ writes it is handed on as refused. */
  class Worker extends bullmq.Worker<unknown> {
    protected override createJob(record: JobJson, id: string): Job<unknown> {
      const { data } = record;
      if (typeof data === "string" && data.length <= 2 * maxBytes + 2) {
        try {
          return super.createJob(record, id);
        } catch {
          // no JSON
        }
      }
      return super.createJob({ ...record, data: "null" }, id);
    }
  }
  const worker = new Worker(names.queue, (job, token) => handle(context, bullmq, job, token!), {
    connection: client,
    prefix: names.prefix,
    concurrency,
    lockDuration: lockSeconds * 1000,
    stalledInterval: lockSeconds * 1000,
    maxStalledCount: maxLosses,
    runRetryDelay: 1000, // after Redis was away
    drainDelay: 5,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 100, age: 86_400 }, // of strangers; runners take theirs away
  });
  let connected = true;
  worker.on("error", (error) => {
    // "Missing key": Redis forgot a job that ran here; its runner sees to it
    if (!error.message.startsWith("Missing key")) log(`queue: ${reason(error)}`);
  });
  worker.on("stalled", (id) => log(`${id}: lost its worker; back in the queue.`));
  worker.on("failed", (job, error) => {
    const run = job && parseJobId(job.id ?? "")?.run;
    const final =
      error.name === "UnrecoverableError" || (job && job.attemptsMade >= (job.opts.attempts ?? 1));
    if (!run || !final || refusals.has(error)) return; // tried again, or answered for
    const lost = job.stalledCounter > 0 ? `, its worker was lost ${job.stalledCounter} times` : "";
    const message = `bullmq: the job was given up${lost}: ${reason(error)}`;
    log(`${job.id}: ${message}`);
    deliver(context, job.id!, run, writeError(new ExecutorError(message))).catch(() => {});
  });
  client.on("close", () => {
    if (connected && !closing) log(`${where} does not answer; waiting for it.`);
    connected = false;
  });
  client.on("ready", () => {
    if (!connected) log(`${where} answers again.`);
    connected = true;
  });
  const watcher = setInterval(() => dropOrphans(context).catch(() => {}), (HEARTBEAT_SECONDS * 1000) / 6);
  watcher.unref();
  try {
    await pool.run({ text: "", allowed, maxBytes }, {}); // threads that cannot start are better known now
    await worker.waitUntilReady();
  } catch (cause) {
    clearInterval(watcher);
    await worker.close(true).catch(() => {});
    client.disconnect();
    await pool[Symbol.asyncDispose]();
    throw new ExecutorError(`startWorker: cannot start: ${reason(cause)}`);
  }

  let closing: Promise<void> | undefined;
  const close = async (graceSeconds: number) => {
    const finished = worker.close();
    const inTime = await Promise.race([
      finished.then(() => true),
      sleep(graceSeconds * 1000, false, { ref: false }),
    ]);
    if (!inTime) {
      for (const [id, controller] of running) {
        log(`${id}: given back to the queue.`);
        controller.abort(givenBack);
      }
      await Promise.race([finished, sleep(5000, undefined, { ref: false })]); // Redis may be away
    }
    clearInterval(watcher);
    client.disconnect();
    await pool[Symbol.asyncDispose]();
  };
  return {
    where: `${where}, queue "${names.queue}"`,
    close: ({ graceSeconds = 20 } = {}) => (closing ??= close(graceSeconds)),
    [Symbol.asyncDispose]: () => (closing ??= close(0)),
  };
}

interface Context {
  readonly client: Redis;
  readonly names: QueueNames;
  readonly pool: Pool<PayloadMessage, PayloadAnswer>;
  readonly allowed: AllowList;
  readonly maxBytes: number;
  readonly lockSeconds: number;
  readonly log: (line: string) => void;
  readonly onDone: () => void;
  /** What stops the jobs that run here, by their ids. */
  readonly running: Map<string, AbortController>;
}

/** The errors that `handle` has already answered for. */
const refusals = new WeakSet<Error>();

/** Does one job of the queue: returns when it has been answered, throws to have it refused, delayed or given back. */
async function handle(
  context: Context,
  { DelayedError, UnrecoverableError, WaitingError }: typeof import("bullmq"),
  job: Job<unknown>,
  token: string,
): Promise<void> {
  const { client, names, pool, allowed, maxBytes, lockSeconds, log, running } = context;
  const id = job.id ?? "";
  const from = parseJobId(id);
  const refuse = async (why: string) => {
    log(`${shown(id)}: refused: ${shown(why)}`);
    if (from)
      await deliver(context, id, from.run, writeError(new ExecutorError(`worker: refused the job: ${why}`)));
    const error = new UnrecoverableError(why);
    refusals.add(error);
    return error;
  };
  const { data } = job;
  if (!from) throw await refuse("its id is not one of galton's jobs.");
  if ((await client.exists(names.heartbeat(from.run))) === 0) {
    log(`${id}: dropped, ${runnerGone.message}.`);
    return;
  }
  if (typeof data !== "string")
    throw await refuse("its data in the queue is not the text of a payload, or too long.");
  if (data.length > maxBytes)
    throw await refuse(`its payload has ${data.length} bytes; at most ${maxBytes} are taken.`);
  if (payloadHash(data) !== from.hash)
    throw await refuse("its payload is not the one that its id was made from.");

  const losses = job.stalledCounter;
  const waited = typeof job.progress === "number" ? job.progress : 0; // losses that have been waited for
  if (losses > waited) {
    await job.updateProgress(losses);
    // a tenth of the lock's time, doubled with each further loss
    await job.moveToDelayed(Date.now() + 100 * lockSeconds * 2 ** (losses - 1), token);
    throw new DelayedError();
  }

  const controller = new AbortController();
  running.set(id, controller);
  let answer: PayloadAnswer;
  try {
    answer = await pool.run({ text: data, allowed, maxBytes }, { signal: controller.signal });
  } catch (cause) {
    if (controller.signal.reason === givenBack) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    if (controller.signal.reason === runnerGone) {
      log(`${id}: stopped, ${runnerGone.message}.`);
      return;
    }
    const message = `bullmq: the thread of the worker that ran the job died: ${(cause as Error).message}`;
    answer = { text: writeError(new ExecutorError(message)) };
  } finally {
    running.delete(id);
  }
  if ("refused" in answer) throw await refuse(answer.refused);
  await deliver(context, id, from.run, answer.text);
  context.onDone();
}

/** Puts an answer into the run's list, unless its runner is gone; both at once, or an answer could stay for ever. */
const push = `if redis.call("exists", KEYS[1]) == 0 then return 0 end
redis.call("rpush", KEYS[2], ARGV[1])
redis.call("expire", KEYS[2], ARGV[2])
return 1`;

async function deliver(
  { client, names, log }: Context,
  id: string,
  run: string,
  text: string,
): Promise<void> {
  const keys = [names.heartbeat(run), names.answers(run)];
  // Redis may just have forgotten the heartbeat, which the runner renews within seconds of its return.
  for (let attempt = 0; attempt < 10; attempt++) {
    if ((await client.eval(push, 2, ...keys, `${id} ${text}`, 2 * HEARTBEAT_SECONDS)) === 1) return;
    await sleep(500);
  }
  log(`${id}: its answer was dropped, ${runnerGone.message}.`);
}

/** Stops the jobs whose runners are gone. */
async function dropOrphans({ client, names, running }: Context): Promise<void> {
  if (client.status !== "ready") return;
  for (const [id, controller] of running) {
    const run = parseJobId(id)?.run;
    if (!run || (await client.exists(names.heartbeat(run))) === 1) continue;
    await sleep(5000); // as in `deliver`
    if ((await client.exists(names.heartbeat(run))) === 0) controller.abort(runnerGone);
  }
}

/** A text of a stranger in a log: short, and without control characters. */
function shown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.slice(0, 300).replace(/[\x00-\x1f\x7f]/g, " ");
}
