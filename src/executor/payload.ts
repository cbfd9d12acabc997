/**
 * What goes through a queue: the text of a job, and the text of its answer.
 *
 * @module
 */
import { ExecutorError } from "../core/errors.js";
import type { Key } from "../core/random.js";
import { type Job, moduleUrl } from "./executor.js";
import { ownVersion } from "./own-modules.js";
import { fromPortable, toPortable } from "./portable.js";

/** A job as it travels. */
export interface Payload {
  /** Version of galton that sent it. */
  readonly galton: string;
  readonly module: string;
  readonly exportName: string;
  readonly key?: Key;
  readonly input: unknown;
}

/**
 * Writes a job as text.
 *
 * @param maxBytes - longest text.
 * @throws {ExecutorError} if the input cannot travel or the text would be longer.
 */
export function writePayload(job: Job, maxBytes: number): string {
  const { exportName, key, input } = job;
  const payload: Payload = {
    galton: ownVersion(),
    module: moduleUrl(job.module),
    exportName,
    input,
    ...(key && { key }),
  };
  return write({ payload }, `of "${exportName}"`, "input", maxBytes);
}

/**
 * Reads and checks the text of a job; loads nothing.
 *
 * @throws {ExecutorError} saying what is wrong where, or that the job is of another version of galton.
 */
export async function readPayload(text: string, maxBytes: number): Promise<Payload> {
  if (text.length > maxBytes) {
    throw new ExecutorError(`the payload has ${text.length} bytes; this worker takes at most ${maxBytes}.`);
  }
  const { payload } = check(
    await (schema ??= makeSchema()),
    fromPortable(text, "the payload"),
    "the payload",
  );
  if (payload.galton !== ownVersion()) {
    throw new ExecutorError(
      `the job was sent by galton ${JSON.stringify(payload.galton)} and this worker is galton ${ownVersion()}, which need ` +
        `not give the same numbers: install the same version on every machine.`,
    );
  }
  return payload as Payload;
}

/** Writes what a job returned; an error in its place if that cannot travel. */
export function writeOutput(output: unknown, what: string, maxBytes: number): string {
  try {
    return write({ output }, `of ${what}`, "output", maxBytes);
  } catch (error) {
    return writeError(error);
  }
}

/** Writes what a job threw. */
export function writeError(error: unknown): string {
  return toPortable({ error: error instanceof Error ? error : new Error(String(error)) }, "the answer");
}

/**
 * Reads an answer: returns the output, or throws what the job threw.
 *
 * @throws {ExecutorError} if the text is not an answer.
 */
export function readAnswer(text: string): unknown {
  const answer = fromPortable(text, "the answer of the worker");
  if (answer !== null && typeof answer === "object" && Object.keys(answer).length === 1) {
    if ("output" in answer) return answer.output;
    if ("error" in answer && answer.error instanceof Error) throw answer.error;
  }
  throw new ExecutorError("the answer of the worker is neither an output nor an error.");
}

function write(value: object, what: string, part: string, maxBytes: number): string {
  let text: string;
  try {
    text = toPortable(value, "");
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause; // RangeError: text too long for node
    const place = cause.message.replace(/^\.payload\.?|^\./, "");
    throw new ExecutorError(`bullmq: the ${part} ${what} cannot travel: ${place}`, { cause });
  }
  if (text.length > maxBytes) {
    throw new ExecutorError(
      `bullmq: the ${part} ${what} has ${text.length} bytes as text; at most ${maxBytes} may go through the queue. ` +
        "Split the job, let it write to a file that both ends see, or raise maxBytes here and at the workers.",
    );
  }
  return text;
}

let schema: ReturnType<typeof makeSchema> | undefined; // takes longer to make than most jobs to read

async function makeSchema() {
  const { z } = await import("zod");
  const word = z.uint32();
  return z.strictObject({
    payload: z.strictObject({
      galton: z.string().max(50),
      module: z.string().min(1).max(4096),
      exportName: z
        .string()
        .regex(/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u, "expected the name of an export")
        .max(200),
      key: z.tuple([word, word]).optional(),
      input: z.unknown(),
    }),
  });
}

interface Schema<Value> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: Value }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

function check<Value>(schema: Schema<Value>, value: unknown, name: string): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0];
  const place = path.map(String).join(".");
  throw new ExecutorError(
    `${name} is not a job of galton: ${place === "" ? "" : `${place}: `}${message.slice(0, 300)}.`,
  );
}
