import { afterAll, describe, expect, it } from "vitest";
import { ExecutorError, SimulatorError } from "../../src/core/errors.js";
import { foldIn, key } from "../../src/core/random.js";
import { type Executor, type Job, runAll } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { threads } from "../../src/executor/threads.js";

const module = new URL("./jobs.ts", import.meta.url);
const job = (exportName: string, input: unknown = undefined): Job => ({ module, exportName, input });

const one = inline();
const two = threads({ workers: 2 });
afterAll(() => two[Symbol.asyncDispose]());

const executors: [string, Executor][] = [
  ["inline", one],
  ["threads", two],
];

describe.each(executors)("%s", (_, executor) => {
  it("returns outputs in the order of the jobs, whichever ends first", async () => {
    const jobs = [40, 0, 20, 0, 10].map((milliseconds, i) =>
      job("sumAfter", { milliseconds, values: Float64Array.of(i, 100) }),
    );
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }) => seen.push(done);
    expect(await runAll(executor, jobs, { onProgress })).toEqual([100, 101, 102, 103, 104]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it("gives the bytes that the key determines", async () => {
    const jobs = Array.from({ length: 6 }, (_, i) => ({
      ...job("draw", { n: 50 }),
      key: foldIn(key("executor"), i),
    }));
    expect(await runAll(executor, jobs)).toEqual(await runAll(one, jobs));
  });

  it("keeps the caller's arrays as they are", async () => {
    const values = Float64Array.of(7, 8);
    expect(await executor.run(job("overwrite", values))).toBe(7);
    expect(Array.from(values)).toEqual([7, 8]);
  });

  it("moves the buffers named in transfer", async () => {
    const values = Float64Array.of(7, 8);
    expect(await executor.run({ ...job("overwrite", values), transfer: [values.buffer] })).toBe(7);
    expect(values.length).toBe(0);
  });

  it("keeps the class, message and cause of what a job throws", async () => {
    const error = await executor.run<Error>(job("refuse", "simulator")).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(SimulatorError);
    expect(error.message).toBe("row 3 is bad");
    expect(error.cause).toBeInstanceOf(RangeError);
    await expect(executor.run(job("refuse", "range"))).rejects.toThrow(new RangeError("too large"));
    await expect(executor.run(job("refuse", "text"))).rejects.toThrow("just text");
  });

  it("throws the failure of the earliest job and starts no more of them", async () => {
    const started: number[] = [];
    function* jobs() {
      for (let i = 0; i < 20; i++) {
        started.push(i);
        yield i === 2 ? job("refuse", "range") : i === 3 ? job("refuse", "simulator") : job("draw", { n: 1 });
      }
    }
    const keyed = function* () {
      for (const each of jobs()) yield { ...each, key: key(1) };
    };
    await expect(runAll(executor, keyed())).rejects.toThrow(RangeError);
    expect(started.length).toBeLessThan(20);
  });

  it("names a module, an export or an input that cannot be used", async () => {
    const missing = { ...job("draw"), module: new URL("./absent.ts", import.meta.url) };
    await expect(executor.run(missing)).rejects.toThrow(ExecutorError);
    await expect(executor.run(missing)).rejects.toThrow(/cannot import the module .*absent\.ts/);
    await expect(executor.run(job("paint"))).rejects.toThrow(/no function "paint"; it exports .*draw/);
    await expect(executor.run(job("notAFunction"))).rejects.toThrow(/no function "notAFunction"/);
    await expect(executor.run(job("draw", () => 1))).rejects.toThrow(/could not be cloned|cannot be copied/);
    await expect(executor.run(job("returnsFunction"))).rejects.toThrow(
      /could not be cloned|cannot be copied/,
    );
    await expect(executor.run({ ...job("draw"), module: "./jobs.ts" })).rejects.toThrow(/absolute URL/);
  });

  it("rejects at once with the reason of an abort", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const slow = executor.run(
      job("sumAfter", { milliseconds: 3000, values: Float64Array.of(1) }),
      controller,
    );
    setTimeout(() => controller.abort(reason), 20);
    const start = performance.now();
    await expect(slow).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan(1500);
    await expect(runAll(executor, [job("draw")], controller)).rejects.toBe(reason);
  });
});

describe("threads", () => {
  it("says which job ended or crashed its thread, and goes on with the next job", async () => {
    await expect(two.run(job("leave", 3))).rejects.toThrow(
      /worker thread running "leave" of .*jobs\.ts died/,
    );
    await expect(two.run(job("explodeLater"))).rejects.toThrow(/died: nobody catches this/);
    expect(await two.run({ ...job("draw", { n: 2 }), key: key(1) })).toHaveLength(2);
  });

  it("ends even a job that never yields", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    await expect(two.run(job("spin"), controller)).rejects.toThrow(/aborted/);
  });

  it.each([0, -1, 1.5, Number.NaN])("rejects workers = %s", (workers) => {
    expect(() => threads({ workers })).toThrow(/workers must be a positive integer/);
  });

  it("refuses to run after it was disposed of", async () => {
    const executor = threads({ workers: 1 });
    await executor[Symbol.asyncDispose]();
    await expect(executor.run(job("draw"))).rejects.toThrow(/disposed/);
  });
});
