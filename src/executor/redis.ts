/**
 * Connections to Redis or Valkey, and the names of what lies there. Messages name host and port, never the
 * user's name or password.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Redis, RedisOptions } from "ioredis";
import { ConfigError, ExecutorError } from "../core/errors.js";

/**
 * Where Redis is: `redis://HOST:PORT/DB`, `rediss://` for TLS, `redis://USER:PASSWORD@HOST` (characters such as `@`
 * as `%40`), a socket's path, or the options of ioredis (`{ host, port, username, password, tls: { ca } }`).
 */
export type RedisAddress = string | Readonly<RedisOptions>;

/** What belongs to one queue in Redis. */
export interface QueueNames {
  readonly queue: string;
  readonly prefix: string;
  /** Exists as long as the runner lives. */
  heartbeat(run: string): string;
  /** List of the answers that the runner has not fetched yet. */
  answers(run: string): string;
  /** The queue's record of a job. */
  job(id: string): string;
}

/** Default name of the queue. */
export const defaultQueue = "galton";

/**
 * Names for a queue.
 *
 * @throws {RangeError} if a name holds anything but letters, digits and `-_.{}`.
 */
export function queueNames(caller: string, queue: string = defaultQueue, prefix = "bull"): QueueNames {
  for (const [name, value] of Object.entries({ queue, prefix })) {
    if (!/^[\w.{}-]{1,100}$/.test(value)) {
      throw new RangeError(
        `${caller}: ${name} must be 1 to 100 letters, digits or -_.{}, got ${JSON.stringify(value)}.`,
      );
    }
  }
  const base = `${prefix}:${queue}`;
  return {
    queue,
    prefix,
    heartbeat: (run) => `${base}:galton-run:${run}`,
    answers: (run) => `${base}:galton-answers:${run}`,
    job: (id) => `${base}:${id}`,
  };
}

/** Id of a job: its run, its number there, and the start of the SHA-256 of its payload. */
export function jobId(run: string, number: number, hash: string): string {
  return `${run}-${number}-${hash}`;
}

/** The parts of `jobId`; `undefined` for any other text. */
export function parseJobId(id: string): { readonly run: string; readonly hash: string } | undefined {
  const match = /^([0-9a-f]{16})-\d{1,15}-([0-9a-f]{32})$/.exec(id);
  return match ? { run: match[1], hash: match[2] } : undefined;
}

/** The start of a payload's SHA-256, 32 hexadecimal digits. */
export function payloadHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** A connection, and how to say where it leads. */
export interface Connection {
  readonly client: Redis;
  /** `redis://host:port`, without name and password. */
  readonly where: string;
}

/**
 * Connects. The first attempt fails at once; a connection that is lost later is sought again for ever, every two
 * seconds at most, and commands wait for it.
 *
 * @param caller - function to name in messages.
 * @throws {ConfigError} if the address is no address, or bullmq or ioredis is not installed.
 * @throws {ExecutorError} if nothing answers there, or it refuses us.
 */
export async function connect(caller: string, address: RedisAddress): Promise<Connection> {
  const { Redis } = await loadPackage(caller, () => import("ioredis"));
  await loadPackage(caller, () => import("bullmq")); // said now rather than after the connection
  const options = readAddress(caller, address);
  const where = describe(options);
  let reached = false;
  const client = new Redis({
    ...options,
    lazyConnect: true,
    maxRetriesPerRequest: null, // commands wait for the connection to come back
    retryStrategy: (times) => (reached ? Math.min(50 * 2 ** Math.min(times, 6), 2000) : null),
    // a peer that vanished without a word is given up after this; BullMQ's blocking calls end by themselves in 10 s
    socketTimeout: 30_000,
  });
  let failure: Error | undefined;
  client.on("error", (error: Error) => {
    failure = error;
  });
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    // no cause: the driver's error holds the command that was refused, and AUTH holds the password
    throw new ExecutorError(`${caller}: cannot connect to ${where}: ${reason(failure ?? error, options)}`);
  }
  reached = true;
  return { client, where };
}

/** What an error of the driver says, without what could hold the password. */
export function reason(error: unknown, { password }: Pick<RedisOptions, "password"> = {}): string {
  const text =
    error instanceof Error
      ? error.message || ((error as NodeJS.ErrnoException).code ?? error.name)
      : String(error);
  const hidden = password ? text.replaceAll(password, "***") : text;
  const advice = /WRONGPASS|NOAUTH|invalid password/i.test(text)
    ? " Give user and password as redis://USER:PASSWORD@HOST:PORT, with special characters as %40."
    : /self.signed|unable to verify|certificate/i.test(text)
      ? " Name the certificate of the authority in the environment variable NODE_EXTRA_CA_CERTS, or pass { tls: { ca } }."
      : "";
  return `${hidden.replace(/\.?$/, ".")}${advice}`;
}

function readAddress(caller: string, address: RedisAddress): RedisOptions {
  if (typeof address === "object" && address !== null) return { ...address };
  const expected = `${caller}: redis must be a URL such as redis://localhost:6379 or rediss://user:password@host:6380`;
  if (typeof address !== "string") throw new ConfigError(`${expected}, got a ${typeof address}.`);
  if (address.startsWith("/")) return { path: address };
  if (!/^rediss?:\/\//i.test(address) || !URL.canParse(address)) {
    // the text is not repeated: it may hold a password
    throw new ConfigError(
      `${expected}; the one given is no such URL (special characters in a password are written as %40).`,
    );
  }
  const url = new URL(address);
  const db = url.pathname.replace(/^\//, "");
  if (!/^\d*$/.test(db))
    throw new ConfigError(`${expected}, with nothing but the number of a database after the port.`);
  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    throw new ConfigError(`${expected}; a percent sign in the name or password is written as %25.`);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, "") || "localhost",
    port: url.port === "" ? 6379 : Number(url.port),
    ...(username !== "" && { username }),
    ...(password !== "" && { password }),
    ...(db !== "" && { db: Number(db) }),
    ...(url.protocol === "rediss:" && { tls: {} }),
  };
}

function describe({ path, host = "localhost", port = 6379, tls }: RedisOptions): string {
  return path ?? `${tls ? "rediss" : "redis"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function loadPackage<Module>(caller: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new ConfigError(
      `${caller}: bullmq or ioredis is not installed. Run "npm install bullmq@6 ioredis@6".`,
      { cause },
    );
  }
}
