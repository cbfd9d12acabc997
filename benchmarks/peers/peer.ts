/**
 * A process of another toolbox that trains and samples on request: one JSON line in, one JSON line out, arrays as
 * base64 float32. The program that is started (`sbi-peer.py`) says what the lines hold. It answers one request after the
 * other and lives until it is closed or this program ends.
 *
 * @module
 */
import { type CommandProcess, startCommand } from "../../src/command-process.js";
import { EngineError } from "../../src/core/errors.js";
import { type Matrix, matrix } from "../../src/core/matrix.js";

/** What `sbi-peer.py` says is installed. */
const sbiPackages = ["python", "torch", "sbi"] as const;
type SbiPackage = (typeof sbiPackages)[number];

/** An array on its way: row-major, little-endian. */
export interface WireArray {
  readonly shape: readonly number[];
  /** Base64. */
  readonly float32: string;
}

/** What a peer answers; each request has its own fields. */
export type Answer = Readonly<Record<string, unknown>>;

/** A running peer. */
export interface Peer<Package extends string = SbiPackage> {
  /** Versions of what runs there. */
  readonly installed: Readonly<Record<Package, string>>;
  /** Whether it can still be asked. */
  isAlive(): boolean;
  /**
   * Sends a request and waits for its answer; requests queue up. Aborting ends the process.
   *
   * @throws {EngineError} if the peer says that it failed, ends, or answers with something else than a JSON object.
   */
  ask(request: object, signal?: AbortSignal): Promise<Answer>;
  /** Ends the process once what it was asked is answered. */
  close(): Promise<void>;
}

/**
 * Starts a peer and waits for the line that says what is installed.
 *
 * @param command - program and arguments.
 * @param name - how messages call it.
 * @param packages - what the line must name. Default python, torch and sbi.
 * @throws {EngineError} if it cannot be started, ends, or begins with another line.
 */
export async function openPeer<Package extends string = SbiPackage>(
  command: readonly string[],
  name: string,
  packages: readonly Package[] = sbiPackages as readonly string[] as readonly Package[],
): Promise<Peer<Package>> {
  let waiting: { resolve(line: string): void; reject(error: Error): void } | undefined;
  let ended: string | undefined;
  const fail = (error: Error) => {
    waiting?.reject(error);
    waiting = undefined;
  };
  const end = (reason: string) => {
    ended = reason;
    fail(new EngineError(`${name} ${reason}`));
  };
  const child: CommandProcess = startCommand(
    command,
    { env: { OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1", PYTHONUNBUFFERED: "1" } },
    {
      onLine(line) {
        if (waiting === undefined) {
          child.kill();
          return end(`wrote a line that nobody asked for: ${excerpt(line)}`);
        }
        waiting.resolve(line);
        waiting = undefined;
      },
      onEnd: end,
    },
  );

  /** Writes a line, if any, and reads the next one; this program does not end before it came. */
  const exchange = async (line: string | undefined, signal?: AbortSignal): Promise<Answer> => {
    signal?.throwIfAborted();
    if (ended !== undefined) throw new EngineError(`${name} ${ended}`);
    const abort = () => {
      child.kill();
      ended = "was stopped";
      fail(signal!.reason as Error);
    };
    signal?.addEventListener("abort", abort, { once: true });
    child.hold(true);
    try {
      const text = await new Promise<string>((resolve, reject) => {
        waiting = { resolve, reject };
        if (line !== undefined) child.write(line);
      });
      const answer = parseObject(text);
      if (answer !== undefined) return answer;
      child.kill(); // whatever comes next could be the answer to this or to another question
      ended = `wrote a line that is no JSON object: ${excerpt(text)}`;
      throw new EngineError(`${name} ${ended}`);
    } finally {
      signal?.removeEventListener("abort", abort);
      child.hold(false);
    }
  };

  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const said = await exchange(undefined);
  if (!packages.every((each) => typeof said[each] === "string")) {
    child.kill();
    const wanted = packages.join(", ").replace(/, (?=[^,]*$)/, " and ");
    throw new EngineError(
      `${name} did not say first which ${wanted} ${packages.length > 1 ? "are" : "is"} installed.`,
    );
  }
  return {
    installed: Object.fromEntries(packages.map((each) => [each, said[each]])) as Record<Package, string>,
    isAlive: () => ended === undefined,
    ask: (request, signal) =>
      inTurn(async () => {
        const answer = await exchange(JSON.stringify(request), signal);
        if (answer.error !== undefined) throw new EngineError(`${name} failed: ${String(answer.error)}`);
        return answer;
      }),
    async close() {
      await last;
      ended ??= "was closed";
      await child.close();
    },
  };
}

/** A matrix as float32. */
export function encodeArray({ rows, cols, data }: Matrix): WireArray {
  const bytes = Buffer.alloc(4 * data.length);
  for (let i = 0; i < data.length; i++) bytes.writeFloatLE(data[i], 4 * i);
  return { shape: [rows, cols], float32: bytes.toString("base64") };
}

/**
 * Reads an array of an answer.
 *
 * @throws {EngineError} if it is not a finite `[rows, cols]`; the message says what it is.
 */
export function decodeArray(value: unknown, rows: number, cols: number, name: string): Matrix {
  const { shape, float32 } = (value ?? {}) as Partial<WireArray>;
  const bytes = Buffer.from(typeof float32 === "string" ? float32 : "", "base64");
  if (!Array.isArray(shape) || shape.join() !== `${rows},${cols}` || bytes.length !== 4 * rows * cols) {
    throw new EngineError(
      `${name}: expected an array [${rows}, ${cols}], got [${Array.isArray(shape) ? shape.join(", ") : ""}] in ${bytes.length} bytes.`,
    );
  }
  const data = Float64Array.from({ length: rows * cols }, (_, i) => bytes.readFloatLE(4 * i));
  const bad = data.findIndex((each) => !Number.isFinite(each));
  if (bad >= 0) {
    throw new EngineError(
      `${name}: row ${Math.floor(bad / cols)} holds ${data[bad]}; expected finite numbers.`,
    );
  }
  return matrix(rows, cols, data);
}

/**
 * Reads a number of an answer.
 *
 * @throws {EngineError} if it is not a finite number from 0 on.
 */
export function decodeNumber(answer: Answer, field: string, name: string): number {
  const value = answer[field];
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new EngineError(`${name}: expected a number "${field}" >= 0, got ${JSON.stringify(value)}.`);
}

function parseObject(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Answer)
      : undefined;
  } catch {
    return undefined;
  }
}

const excerpt = (line: string) => (line.length > 100 ? `${line.slice(0, 100)}...` : line);
