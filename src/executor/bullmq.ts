/**
 * Runs jobs on a farm: a BullMQ queue on Redis or Valkey, and any number of machines with `galton worker`.
 *
 * The queue holds each job's text once; answers come back through a list of the run's own, so that nothing of
 * a job stays in Redis once its answer is here. Redis may forget everything (killed, no persistence): the
 * runner asks every second which of its jobs the queue still knows, and sends the missing ones again under
 * the same id. A job that thereby runs twice gives the same bytes, and the second answer is dropped. A runner
 * that dies stops renewing its heartbeat; workers then drop its jobs.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { ExecutorError } from "../core/errors.js";
import type { Executor, Job } from "./executor.js";
import { readAnswer, writePayload } from "./payload.js";
import {
  type Connection,
  connect,
  jobId,
  payloadHash,
  type QueueNames,
  queueNames,
  type RedisAddress,
  reason,
} from "./redis.js";

/** Options of `bullmq`. */
export interface BullmqOptions {
  /** Where Redis is; a URL with user and password, or `rediss://` for TLS, or the options of ioredis. */
  readonly redis: RedisAddress;
  /** Name of the queue; workers must have the same. Default `"galton"`. */
  readonly queue?: string;
  /** What all names in Redis begin with. Default `"bull"`, as in BullMQ; on a cluster `"{bull}"`. */
  readonly prefix?: string;
  /**
   * How many jobs `runAll` keeps in the queue or at workers, even and `>= 2`: about twice the jobs that all
   * workers together run at a time, so that none waits for the runner. Fewer leave workers idle; more cost memory
   * of Redis. Default 32: enough for 16 threads.
   */
  readonly inFlight?: number;
  /** Longest text of a job and of an output; typed arrays take 4/3 of their bytes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** How long Redis may be away before waiting jobs fail. Default 600. */
  readonly patienceSeconds?: number;
}

/** What the queue holds of all runs. */
export interface FarmStatus {
  readonly waiting: number;
  readonly active: number;
  /** Jobs that lost their worker and wait to be tried again. */
  readonly delayed: number;
  /** Processes with `galton worker` that are connected. */
  readonly workers: number;
}

/** An executor of other machines. */
export interface FarmExecutor extends Executor {
  /** Asks the queue. */
  status(): Promise<FarmStatus>;
}

/** Seconds after which a runner that says nothing counts as dead; it says something every third of that. */
export const HEARTBEAT_SECONDS = 60;

/** Milliseconds between two looks at which jobs the queue still knows. */
const CHECK_MILLISECONDS = 1000;

/** Default of `maxBytes`; half of what one string of node 20 can hold even after JSON's escapes. */
export const MAX_BYTES = 64 * 2 ** 20;

interface Waiting {
  readonly text: string;
  readonly what: string;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** How many looks in a row did not find it in the queue. */
  missed: number;
}

/**
 * Makes an executor of the machines that run `galton worker` on the same queue. It connects with the first job.
 * Modules of jobs must be packages, files at the same path on every machine, or galton's own, and the workers
 * must allow them. Without a worker, jobs wait.
 *
 * @throws {RangeError} if `inFlight` is not an even positive integer, or another number not positive.
 * @throws {ConfigError} from `run`, if bullmq or ioredis is not installed or the address is none.
 * @example
 * await using farm = bullmq({ redis: "redis://localhost:6379", inFlight: 64 });
 * const simulations = await simulate(simulatorModule("my-simulators"), { n: 1e6, seed: 1, executor: farm });
 * @see https://docs.bullmq.io
 */
export function bullmq(options: BullmqOptions): FarmExecutor {
  const { redis, queue, prefix, inFlight = 32, maxBytes = MAX_BYTES, patienceSeconds = 600 } = options;
  if (!Number.isSafeInteger(inFlight) || inFlight < 2 || inFlight % 2 !== 0) {
    throw new RangeError(`bullmq: inFlight must be an even number of at least 2, got ${inFlight}.`);
  }
  for (const [name, value] of Object.entries({ maxBytes, patienceSeconds })) {
    if (!(value > 0)) throw new RangeError(`bullmq: ${name} must be a positive number, got ${value}.`);
  }
  const names = queueNames("bullmq", queue, prefix);
  let started: Promise<Farm> | undefined;
  let disposed = false;
  const farm = () => {
    if (disposed) throw new ExecutorError("bullmq: run was called after the executor was disposed of.");
    started ??= openFarm(redis, names, patienceSeconds).catch((error) => {
      started = undefined; // the next job tries again
      throw error;
    });
    return started;
  };
  return {
    name: "bullmq",
    workers: inFlight / 2,

    async run<Output>(job: Job, { signal }: { signal?: AbortSignal } = {}): Promise<Output> {
      signal?.throwIfAborted();
      const text = writePayload(job, maxBytes);
      structuredClone(undefined, { transfer: [...(job.transfer ?? [])] as ArrayBuffer[] }); // unusable here, as promised
      const { run } = await farm();
      return (await run(text, `"${job.exportName}" of ${job.module}`, signal)) as Output;
    },

    status: async () => (await farm()).status(),

    async [Symbol.asyncDispose]() {
      disposed = true;
      await (await started?.catch(() => undefined))?.close();
    },
  };
}

interface Farm {
  run(text: string, what: string, signal?: AbortSignal): Promise<unknown>;
  status(): Promise<FarmStatus>;
  close(): Promise<void>;
}

async function openFarm(address: RedisAddress, names: QueueNames, patienceSeconds: number): Promise<Farm> {
  const connection = await connect("bullmq", address);
  const { client } = connection;
  const { Queue } = await import("bullmq");
  const queue = new Queue<string>(names.queue, { connection: client, prefix: names.prefix });
  queue.on("error", () => {}); // a lost connection comes back, or `watch` says that it does not
  const run = randomBytes(8).toString("hex");
  const waiting = new Map<string, Waiting>();
  const closing = new AbortController();
  let sent = 0;

  await beat(client, names, run);
  fetchAnswers(client, names.answers(run), closing.signal, (id, text) => {
    const job = waiting.get(id);
    if (!job) return; // the second answer to a job that ran twice
    waiting.delete(id);
    try {
      job.resolve(readAnswer(text));
    } catch (error) {
      job.reject(error);
    }
  });
  watch(connection, queue, names, run, waiting, patienceSeconds, closing.signal);

  return {
    async run(text, what, signal) {
      const id = jobId(run, sent++, payloadHash(text));
      signal?.throwIfAborted();
      return new Promise((resolve, reject) => {
        const abort = () => {
          waiting.delete(id);
          reject(signal!.reason);
          queue.remove(id).catch(() => {}); // one that is running ends in vain
        };
        signal?.addEventListener("abort", abort, { once: true });
        const stop = () => signal?.removeEventListener("abort", abort);
        const settle =
          <Value>(then: (value: Value) => void) =>
          (value: Value) => {
            stop();
            then(value);
          };
        waiting.set(id, { text, what, resolve: settle(resolve), reject: settle(reject), missed: 0 });
        send(queue, id, text).catch((error) => {
          if (waiting.delete(id)) {
            stop();
            reject(
              new ExecutorError(`bullmq: ${connection.where} did not take the job ${what}: ${reason(error)}`),
            );
          }
        });
      });
    },

    async status() {
      const counts = await queue.getJobCounts("waiting", "active", "delayed");
      const { waiting: idle, active, delayed } = counts;
      return { waiting: idle, active, delayed, workers: await queue.getWorkersCount() };
    },

    async close() {
      closing.abort();
      for (const { reject } of waiting.values()) {
        reject(new ExecutorError("bullmq: the executor was disposed of before the job was done."));
      }
      const tidy = async () => {
        await Promise.all([...waiting.keys()].map((id) => queue.remove(id)));
        await client.del(names.heartbeat(run), names.answers(run)); // tells workers to drop what still runs
      };
      const tidied = client.status === "ready" ? tidy().catch(() => {}) : undefined;
      await Promise.race([tidied, sleep(5000, undefined, { ref: false })]);
      client.disconnect();
      // not awaited: they end with their connections, but for commands that a lost connection left unanswered
      queue.close().catch(() => {});
    },
  };
}

function send(queue: Queue<string>, id: string, text: string): Promise<unknown> {
  // attempts: should a worker meet an error of Redis; what the job throws is an answer, a lost worker is counted apart
  const retry = { attempts: 4, backoff: { type: "exponential", delay: 500 } };
  return queue.add("job", text, { jobId: id, ...retry, removeOnComplete: true, removeOnFail: true });
}

/** Says that the runner lives. */
async function beat(client: Redis, names: QueueNames, run: string): Promise<void> {
  await client
    .pipeline()
    .set(names.heartbeat(run), "alive", "EX", HEARTBEAT_SECONDS)
    .expire(names.answers(run), 2 * HEARTBEAT_SECONDS)
    .exec();
}

/** Hands over answers as they come, on a connection of its own, which waits in Redis. */
async function fetchAnswers(
  client: Redis,
  key: string,
  closing: AbortSignal,
  onAnswer: (id: string, text: string) => void,
): Promise<void> {
  const blocking = client.duplicate({ lazyConnect: false });
  blocking.on("error", () => {}); // it reconnects; `watch` looks at the other connection
  closing.addEventListener("abort", () => blocking.disconnect(), { once: true });
  while (!closing.aborted) {
    try {
      const [, message] = (await blocking.blpop(key, 5)) ?? [];
      if (message === undefined) continue;
      const end = message.indexOf(" "); // "ID TEXT": the id can be read even if the text is hostile
      onAnswer(message.slice(0, end), message.slice(end + 1));
    } catch {
      if (!closing.aborted) await sleep(200);
    }
  }
}

/**
 * Renews the heartbeat, sends jobs again that the queue has forgotten, and fails those that Redis has kept
 * waiting for too long.
 */
async function watch(
  { client, where }: Connection,
  queue: Queue<string>,
  names: QueueNames,
  run: string,
  waiting: Map<string, Waiting>,
  patienceSeconds: number,
  closing: AbortSignal,
): Promise<void> {
  const lost = () => {
    patience ??= setTimeout(() => {
      const message = `bullmq: ${where} has not answered for ${patienceSeconds} s; gave up the job`;
      for (const { what, reject } of waiting.values()) reject(new ExecutorError(`${message} ${what}.`));
      waiting.clear();
    }, patienceSeconds * 1000);
  };
  let patience: NodeJS.Timeout | undefined;
  let lastBeat = performance.now();
  client.on("close", lost);
  client.on("ready", () => {
    clearTimeout(patience);
    patience = undefined;
    beat(client, names, run).catch(() => {}); // Redis may have forgotten it
  });
  while (!closing.aborted) {
    await sleep(CHECK_MILLISECONDS, undefined, { signal: closing }).catch(() => {});
    if (closing.aborted || client.status !== "ready") continue;
    try {
      const now = performance.now();
      if (now - lastBeat > (HEARTBEAT_SECONDS * 1000) / 3) {
        await beat(client, names, run);
        lastBeat = now;
      }
      const ids = [...waiting.keys()];
      const looks = client.pipeline();
      for (const id of ids) looks.exists(names.job(id));
      const found = (await looks.exec()) ?? [];
      for (const [i, id] of ids.entries()) {
        const job = waiting.get(id);
        const [error, exists] = found[i];
        if (!job || error) continue;
        if (exists === 1) job.missed = 0;
        else if (++job.missed === 2) {
          // twice: an answer may be on its way from a job that the queue has just finished
          job.missed = 0;
          await send(queue, id, job.text);
        }
      }
    } catch {
      // the connection broke in between: the next look tells
    }
  }
  client.off("close", lost);
  clearTimeout(patience);
}
