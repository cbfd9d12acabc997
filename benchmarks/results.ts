/**
 * The results folder of a benchmark:
 *
 * - `plan.json`: what was planned.
 * - `results.jsonl`: one line per job, appended as jobs finish, each on the disk before the next; in plan order at the
 *   end. A job that was done again has a later line, which counts.
 * - `draws/JOB.arrow`: some of the draws of each job that made any, a column per parameter. It is there before the line.
 * - `marginals/JOB.arrow`: marginal densities on a grid, where the plan asks for them and the method has any.
 * - `lock`: while a runner is at work.
 *
 * So at any moment a kill costs the jobs under way, and nothing else.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../src/core/errors.js";
import { column } from "../src/core/matrix.js";
import type { JobOutcome, KeptTable } from "./group.js";
import { takeLock } from "./lock.js";
import { type JobRecord, jobId, recordReader } from "./record.js";

/** Names in the folder. */
const files = {
  plan: "plan.json",
  results: "results.jsonl",
  draws: "draws",
  marginals: "marginals",
  lock: "lock",
} as const;

/** A results folder open for writing. */
export interface ResultsFolder extends AsyncDisposable {
  /** What is done, by `jobId`; a line whose draws are missing or damaged is left out. */
  readonly records: ReadonlyMap<string, JobRecord>;
  /** What was found and repaired, in words. */
  readonly repairs: readonly string[];
  /** The plan of an earlier run, as JSON; `undefined` in a new folder. */
  readonly plan: unknown;
  writePlan(plan: unknown): Promise<void>;
  /** Writes jobs, each with its draws before its line. */
  append(outcomes: readonly JobOutcome[]): Promise<void>;
  /** Rewrites the lines in the order of `ids`, others behind. */
  sort(ids: readonly string[]): Promise<void>;
}

/**
 * Opens a folder for one runner, making it if it is not there. A last line that a kill cut short is taken away, and
 * half-written files are removed.
 *
 * @throws {ConfigError} if the folder cannot be made or written, another runner is at work in it, or a line in the middle
 *   of the results is not a result; the message names the line.
 */
export async function openResults(folder: string): Promise<ResultsFolder> {
  const path = (name: keyof typeof files) => join(folder, files[name]);
  const trouble = (doing: string, cause: Error, advice: string) =>
    new ConfigError(`bench: cannot ${doing}: ${cause.message}. ${advice}`, { cause });
  try {
    await mkdir(path("draws"), { recursive: true });
  } catch (cause) {
    throw trouble(`make the folder ${folder}`, cause as Error, "Choose another with --out.");
  }
  const lock = await takeLock(path("lock")).catch((cause: NodeJS.ErrnoException) => {
    if (cause instanceof ConfigError) throw cause;
    throw trouble(`write in ${folder}`, cause, "Choose another folder with --out.");
  });
  const { encodeTable } = await import("./draws-table.js");
  let handle: FileHandle;
  const repairs: string[] = lock.wasTakenOver
    ? [`A runner that is no longer there had left its lock in ${folder}: taken over.`]
    : [];
  const records = new Map<string, JobRecord>();
  let plan: unknown;
  try {
    await removeLeftovers(folder);
    plan = await readJson(path("plan"));
    const { lines, keep, missingNewline, note } = await readLines("bench", path("results"));
    if (note !== undefined) repairs.push(note);
    for (const record of lines) {
      records.set(jobId(record), record); // a later line is a later result
    }
    for (const [id, record] of records) {
      if (record.status !== "done" || !record.sampling || (await hasDraws(folder, record))) continue;
      records.delete(id);
      repairs.push(`The draws of ${id} are missing or damaged: it will be done again.`);
    }
    handle = await open(path("results"), "a");
    if (keep !== undefined) await handle.truncate(keep);
    if (missingNewline) await handle.write("\n");
  } catch (cause) {
    await lock.release();
    if (cause instanceof ConfigError) throw cause;
    throw trouble(`open the results in ${folder}`, cause as Error, "Choose another folder with --out.");
  }

  let last: Promise<unknown> = Promise.resolve();
  /** One writer at a time. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const guarded = <T>(doing: string, work: () => Promise<T>) =>
    inTurn(() =>
      work().catch((cause: Error) => {
        throw trouble(
          doing,
          cause,
          "Nothing that was finished is lost: make room and run the same command again.",
        );
      }),
    );

  return {
    records,
    repairs,
    plan,
    writePlan: (value) =>
      guarded(`write ${path("plan")}`, () => writeWhole(path("plan"), `${JSON.stringify(value, null, 2)}\n`)),
    append: (outcomes) =>
      guarded(`write a result in ${folder}`, async () => {
        for (const { record, draws, marginals } of outcomes) {
          for (const [kind, table] of [["draws", draws] as const, ["marginals", marginals] as const]) {
            if (table === undefined) continue;
            const columns = table.names.map((name, j) => [name, column(table.values, j)] as const);
            if (kind === "marginals") await mkdir(path(kind), { recursive: true }); // few plans ask for them
            await writeWhole(tablePath(folder, kind, record), encodeTable(columns));
          }
          const { size } = await handle.stat();
          try {
            await handle.appendFile(`${JSON.stringify(record)}\n`);
            await handle.datasync();
          } catch (error) {
            await handle.truncate(size).catch(() => undefined); // no half line stays where it can be helped
            throw error;
          }
          records.set(jobId(record), record);
        }
      }),
    sort: (ids) =>
      guarded(`sort ${path("results")}`, async () => {
        const planned = ids.flatMap((id) => records.get(id) ?? []);
        const known = new Set(ids);
        const others = [...records].filter(([id]) => !known.has(id)).map(([, record]) => record);
        const text = [...planned, ...others].map((record) => `${JSON.stringify(record)}\n`).join("");
        if (text === (await readFile(path("results"), "utf8"))) return;
        await writeWhole(path("results"), text);
        await handle.close();
        handle = await open(path("results"), "a");
      }),
    async [Symbol.asyncDispose]() {
      await last;
      await handle.close();
      await lock.release();
    },
  };
}

/**
 * Reads the results of a folder, which a runner may be writing to; changes nothing.
 *
 * @throws {ConfigError} if there are none, or a line is not a result; the message names the line.
 */
export async function readResults(folder: string): Promise<readonly JobRecord[]> {
  const path = join(folder, files.results);
  const { lines, found } = await readLines("readResults", path);
  if (!found)
    throw new ConfigError(`readResults: there is no ${path}; expected a folder of galton bench --out.`);
  return [...new Map(lines.map((record) => [jobId(record), record])).values()];
}

/**
 * Reads the draws that were kept of a job, `[n, D]`, `n` at most 1,000.
 *
 * @throws {ConfigError} if the file is missing or damaged.
 */
export async function readKeptDraws(folder: string, record: JobRecord): Promise<KeptTable> {
  return readTable(tablePath(folder, "draws", record));
}

/**
 * Reads the marginal densities that were kept of a job: rows of `parameter` (from 0), `theta`, `learned`, `exact`.
 *
 * @returns `undefined` if there are none.
 * @throws {ConfigError} if the file is damaged.
 */
export async function readKeptMarginals(folder: string, record: JobRecord): Promise<KeptTable | undefined> {
  const path = tablePath(folder, "marginals", record);
  return existsSync(path) ? readTable(path) : undefined;
}

async function readTable(path: string): Promise<KeptTable> {
  const { decodeTable } = await import("./draws-table.js");
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new ConfigError(`readKeptDraws: cannot read ${path}: ${cause.message}.`, { cause });
  });
  return decodeTable(bytes, path);
}

/** Names are safe: plans allow no other. A line of a stranger may hold anything, so separators are taken out. */
function tablePath(folder: string, kind: "draws" | "marginals", record: JobRecord): string {
  return join(folder, files[kind], `${jobId(record).replace(/[^\w.+-]/g, "_")}.arrow`);
}

async function hasDraws(folder: string, record: JobRecord): Promise<boolean> {
  return readKeptDraws(folder, record).then(
    () => true,
    () => false,
  );
}

/** The lines of a results file, and what is wrong with the last. */
async function readLines(
  caller: string,
  path: string,
): Promise<{
  readonly found: boolean;
  readonly lines: readonly JobRecord[];
  /** Length without a half-written line, where there is one. */
  readonly keep?: number;
  readonly missingNewline?: boolean;
  readonly note?: string;
}> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) return { found: false, lines: [] };
  const read = await recordReader();
  const end = bytes.lastIndexOf(10) + 1;
  const texts = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
  const lines = texts.map((text, i) => {
    try {
      return read(text);
    } catch (cause) {
      throw new ConfigError(
        `${caller}: ${path}, line ${i + 1} is not a result: ${(cause as Error).message}. ` +
          "Repair the line or delete it; its job is then done again.",
        { cause },
      );
    }
  });
  if (end === bytes.length) return { found: true, lines };
  try {
    return { found: true, lines: [...lines, read(bytes.toString("utf8", end))], missingNewline: true };
  } catch {
    return {
      found: true,
      lines,
      keep: end,
      note: `The last line of ${path} (${texts.length + 1}) was half-written: removed, its job will be done again.`,
    };
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`bench: ${path} is not JSON: ${(cause as Error).message}. Delete it.`, { cause });
  }
}

const temporary = /\.[0-9a-f]{8}-[0-9a-f-]{27}\.tmp$/;

/** Half-written files of a run that was killed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const place of [folder, join(folder, files.draws), join(folder, files.marginals)]) {
    if (!existsSync(place)) continue;
    for (const name of await readdir(place))
      if (temporary.test(name)) await rm(join(place, name), { force: true });
  }
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(partial, content, { flush: true });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
