/**
 * Simulators outside TypeScript: a program that reads one JSON line per row, `{"id", "theta", "seed"}`, and
 * answers each with one line, `{"id", "x"}` or `{"id", "error"}`. See `examples/simulators/gaussian.py`.
 *
 * The process stays alive between batches and always has a few rows waiting, so that it never idles.
 * Answers may come in any order. If it dies or falls silent with several rows in hand, nobody can know
 * whose fault it was: it is started again and gets those rows one at a time, and only a row that brings a
 * fresh process down alone is given up. Rows have their own seeds, so running one again gives the same data.
 *
 * @module
 */
import { type CommandProcess, type ProcessEvents, startCommand } from "./command-process.js";
import type { Prior } from "./core/contracts.js";
import { SimulatorError } from "./core/errors.js";
import { type Matrix, matrix, row } from "./core/matrix.js";
import type { Key } from "./core/random.js";
import {
  type BatchOptions,
  describeTheta,
  findFailures,
  type RowFailure,
  rowLength,
  type Simulator,
} from "./simulator.js";

/** Options of `commandSimulator`. */
export interface CommandOptions {
  /** Program and arguments, such as `["python3", "gaussian.py"]`; no shell is involved. */
  readonly command: readonly string[];
  readonly prior: Prior;
  /** Shape of one data row: `[]`, `[10]`, `[32, 32]`. `x` may come flat or nested. */
  readonly xShape: readonly number[];
  /** Default: the command in one line. */
  readonly name?: string;
  /** Longest time that one row may take. Default 60. */
  readonly timeoutSeconds?: number;
  /** What the first answer of a fresh process may take on top, for imports and compilation. Default 60. */
  readonly startSeconds?: number;
  /** Rows that wait inside the process at most. Default 32. */
  readonly pipeline?: number;
  /** Working folder of the process. Default: that of this process. */
  readonly cwd?: string;
  /** Environment variables on top of those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A simulator that owns a process; dispose of it (`await using`) to end the process. */
export interface CommandSimulator extends Simulator, AsyncDisposable {}

/**
 * Makes a simulator from a command. The process starts with the first row.
 *
 * Rows answered with `error`, rows that hold `null`, and rows that crash the process or exceed the time limit
 * are failures of the batch. Answers that break the protocol (unknown ids, lines that are not JSON, a wrong
 * number of values) and a process that never answers are a `SimulatorError`.
 *
 * @throws {TypeError} if `command` is not a list of words.
 * @throws {RangeError} if a limit is not positive or `xShape` is wrong.
 * @example
 * await using simulator = commandSimulator({
 *   command: ["python3", "examples/simulators/gaussian.py"],
 *   prior: uniform({ mu: [-3, 3], sigma: [0.1, 2] }),
 *   xShape: [3],
 * });
 */
export function commandSimulator(options: CommandOptions): CommandSimulator {
  const { command, prior, xShape, timeoutSeconds = 60, startSeconds = 60, pipeline = 32 } = options;
  if (!Array.isArray(command) || command.length === 0 || command.some((word) => typeof word !== "string")) {
    throw new TypeError(`commandSimulator: command must be a list of words, such as ["python3", "sim.py"].`);
  }
  if (!(timeoutSeconds > 0) || !(startSeconds >= 0) || !Number.isSafeInteger(pipeline) || pipeline < 1) {
    throw new RangeError(
      `commandSimulator: expected timeoutSeconds > 0, startSeconds >= 0 and an integer pipeline >= 1, ` +
        `got ${timeoutSeconds}, ${startSeconds} and ${pipeline}.`,
    );
  }
  const length = rowLength(xShape, "commandSimulator");
  const name = options.name ?? command.join(" ");
  const link: Link = { process: undefined, answered: 0, everAnswered: false, losses: 0, handlers: undefined };
  let last: Promise<unknown> = Promise.resolve();

  const simulate = (theta: Matrix, keys: readonly Key[], { firstRow = 0, signal }: BatchOptions = {}) => {
    const settings = { ...options, name, length, timeoutSeconds, startSeconds, pipeline };
    const turn = last.then(() => runRows(link, settings, theta, keys, firstRow, signal));
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    name,
    prior,
    parameters: prior.names,
    xShape: [...xShape],
    simulate,
    async [Symbol.asyncDispose]() {
      await last;
      await link.process?.close();
      link.process = undefined;
    },
  };
}

/** The process of a simulator, which outlives batches. */
interface Link {
  process: CommandProcess | undefined;
  /** Answers of the present process; 0 while it may still be starting. */
  answered: number;
  everAnswered: boolean;
  /** Rows given up since the last answer. */
  losses: number;
  handlers: ProcessEvents | undefined;
}

interface Settings extends CommandOptions {
  readonly name: string;
  readonly length: number;
  readonly timeoutSeconds: number;
  readonly startSeconds: number;
  readonly pipeline: number;
}

/** One batch as a small state machine: rows wait, are sent, are answered; the process may end at any time. */
function runRows(
  link: Link,
  settings: Settings,
  theta: Matrix,
  keys: readonly Key[],
  firstRow: number,
  signal: AbortSignal | undefined,
) {
  const { name, length, prior } = settings;
  const x = matrix(theta.rows, length);
  const failures: RowFailure[] = [];
  const waiting = Array.from({ length: theta.rows }, (_, i) => theta.rows - 1 - i); // a stack, row 0 on top
  const sent = new Set<number>();
  const suspected = new Set<number>(); // rows that a process had in hand when it ended
  let suspects = 0; // how many of them lie on top of the stack, to be sent one at a time
  let timer: NodeJS.Timeout | undefined;

  return new Promise<{ x: Matrix; failures: RowFailure[] }>((resolve, reject) => {
    const describe = (i: number) =>
      `simulator "${name}" at row ${firstRow + i} (${describeTheta(prior.names, row(theta, i))})`;
    const leave = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      link.handlers = undefined;
      link.process?.hold(false);
    };
    const drop = () => {
      link.process?.kill();
      link.process = undefined;
      link.answered = 0;
    };
    const fail = (error: unknown) => {
      drop();
      leave();
      reject(error);
    };
    const abort = () => fail(signal!.reason);
    const giveUp = (i: number, reason: string) => {
      failures.push({ row: i, reason });
      row(x, i).fill(Number.NaN);
    };

    /** The process is gone with rows in hand: find out one by one which of them brings a fresh one down. */
    const lose = (reason: string) => {
      clearTimeout(timer);
      drop();
      const lost = [...sent].sort((a, b) => b - a);
      sent.clear();
      if (lost.length !== 1 || !suspected.has(lost[0])) {
        for (const i of lost) suspected.add(i);
        waiting.push(...lost);
        suspects += lost.length;
      } else if (++link.losses < (link.everAnswered ? 20 : 3)) {
        suspects--;
        giveUp(lost[0], `the command ${reason}`);
      } else {
        // Not the rows but the command itself is broken.
        const times = link.everAnswered ? `at ${link.losses} rows on end` : "before it answered any row";
        fail(new SimulatorError(`${describe(lost[0])}: the command ${reason}, ${times}.`));
        return;
      }
      pump();
    };
    const watch = () => {
      clearTimeout(timer);
      if (sent.size === 0) return;
      const seconds = settings.timeoutSeconds + (link.answered === 0 ? settings.startSeconds : 0);
      timer = setTimeout(() => lose(`gave no answer for ${seconds} s and was ended`), 1000 * seconds);
    };
    const pump = () => {
      if (waiting.length === 0 && sent.size === 0) {
        leave();
        failures.sort((a, b) => a.row - b.row);
        resolve({ x, failures: findFailures(x, failures) });
        return;
      }
      link.process ??= startCommand(settings.command, settings, {
        onLine: (line) => link.handlers?.onLine(line),
        onEnd(reason, started) {
          link.process = undefined;
          link.answered = 0;
          link.handlers?.onEnd(reason, started);
        },
      });
      link.process.hold(true);
      const idle = sent.size === 0;
      const room = suspects > 0 ? 1 : settings.pipeline;
      while (sent.size < room && waiting.length > 0) {
        const i = waiting.pop()!;
        sent.add(i);
        const named = Object.fromEntries(
          prior.names.map((each, j) => [each, theta.data[i * theta.cols + j]]),
        );
        link.process.write(JSON.stringify({ id: firstRow + i, theta: named, seed: rowSeed(keys[i]) }));
      }
      if (idle) watch();
    };

    link.handlers = {
      onEnd(reason, started) {
        if (started) lose(reason);
        else fail(new SimulatorError(`simulator "${name}": the command ${reason}.`));
      },
      onLine(line) {
        if (line.trim() === "") return;
        try {
          const { id, values, error } = readAnswer(line, length);
          const i = typeof id === "number" ? id - firstRow : Number.NaN;
          if (!sent.delete(i)) {
            throw new SimulatorError(
              `the answer has the id ${JSON.stringify(id)}, which is no row it was given`,
            );
          }
          if (error !== undefined) giveUp(i, `the command says: ${error}`);
          else x.data.set(values!, i * length);
        } catch (cause) {
          const message = `simulator "${name}": ${(cause as Error).message}. The line was: ${line.slice(0, 200)}`;
          fail(new SimulatorError(message));
          return;
        }
        link.answered++;
        link.everAnswered = true;
        link.losses = 0;
        if (suspects > 0) suspects--;
        watch();
        pump();
      },
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    else pump();
  });
}

/** The row's seed: 53 bits of its key, an integer that JSON carries exactly. */
function rowSeed([high, low]: Key): number {
  return (high & 0x1fffff) * 2 ** 32 + low;
}

function readAnswer(line: string, length: number): { id: unknown; values?: number[]; error?: string } {
  let answer: { id?: unknown; x?: unknown; error?: unknown } | null;
  try {
    answer = JSON.parse(line);
  } catch {
    throw new SimulatorError(
      `the answer is not JSON (write null for NaN, and anything for people to standard error)`,
    );
  }
  if (typeof answer !== "object" || answer === null)
    throw new SimulatorError("the answer is not a JSON object");
  const { id, x, error } = answer;
  if (error !== undefined) return { id, error: typeof error === "string" ? error : JSON.stringify(error) };
  const list: unknown[] = (Array.isArray(x) ? x : [x]).flat(Number.POSITIVE_INFINITY);
  const values = list.map((value) => (value === null ? Number.NaN : value));
  const odd = values.find((value) => typeof value !== "number");
  if (odd !== undefined || x === undefined) {
    throw new SimulatorError(
      `the answer must hold "x", numbers or null, got ${JSON.stringify(odd ?? x) ?? "none"}`,
    );
  }
  if (values.length !== length) {
    throw new SimulatorError(`the answer has ${values.length} values in "x"; xShape needs ${length}`);
  }
  return { id, values: values as number[] };
}
