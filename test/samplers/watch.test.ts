import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../samplers/checkpoint.js";
import type { Draws } from "../../samplers/draws.js";
import { writeChunks } from "../../samplers/interchange/csv.js";
import { metropolis } from "../../samplers/metropolis.js";
import { type SampleOptions, sample } from "../../samplers/sample.js";
import { sampleChunks } from "../../samplers/sample-chunks.js";
import { slice } from "../../samplers/slice.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { readDraws } from "../../src/cli/draws-file.js";
import { normalStart } from "./targets.js";

const target = logDensity({
  names: ["a", "b"],
  start: normalStart(2),
  logProb: ([a, b]) => -0.5 * (a * a + b * b),
});
const plan: SampleOptions = { chains: 4, warmup: 20, draws: 50, thin: 2, seed: "watch", candidates: 100 };
const sampler = slice(target);

/** Rows of every chain, as one list per chain. */
const rows = ({ chains, draws, values }: Draws) =>
  Array.from({ length: chains }, (_, c) => Array.from(values.subarray(c * draws * 2, (c + 1) * draws * 2)));
const joined = (parts: readonly Draws[]) =>
  Array.from({ length: 4 }, (_, c) => parts.flatMap((part) => rows(part)[c]));
async function all(chunks: AsyncIterable<Draws>): Promise<Draws[]> {
  const out: Draws[] = [];
  for await (const chunk of chunks) out.push(chunk);
  return out;
}

describe("writeChunks", () => {
  it("writes a run while it goes on, whose file reads back to the same draws", async () => {
    const folder = mkdtempSync(join(tmpdir(), "galton-chunks-"));
    const path = join(folder, "draws.csv");
    try {
      let calls = 0;
      let most = Infinity;
      const mortal = slice({
        ...target,
        logProb: (theta) => (calls++ < most ? target.logProb(theta) : Promise.reject(new Error("power cut"))),
      });
      const whole = await sample(mortal, plan);
      expect(await writeChunks(path, sampleChunks(sampler, { ...plan, chunk: 20 }))).toBe(50);
      const read = await readDraws(path);
      expect(read.values).toEqual(whole.values);
      expect(read.stats.logProb).toEqual(whole.stats.logProb);

      most = Math.floor(0.7 * calls);
      calls = 0;
      await expect(writeChunks(path, sampleChunks(mortal, { ...plan, chunk: 5 }))).rejects.toThrow(
        "power cut",
      );
      const part = await readDraws(path);
      expect(part.draws).toBeGreaterThan(0);
      expect(part.draws % 5).toBe(0);
      expect(rows(part)).toEqual(rows(whole).map((chain) => chain.slice(0, 2 * part.draws)));

      const refused = writeChunks(path, sampleChunks(sampler, { ...plan, draws: -1 }));
      await expect(refused).rejects.toThrow("sample: draws must be an integer of at least 1, got -1.");
      expect((await readDraws(path)).values).toEqual(part.values); // what was there is there still
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("writes names with commas and quotes so that they read back", async () => {
    const folder = mkdtempSync(join(tmpdir(), "galton-chunks-"));
    const path = join(folder, "draws.csv");
    const named = slice({ ...target, names: ["mu[1,2]", 'a "b"'] });
    try {
      await writeChunks(path, sampleChunks(named, { ...plan, draws: 4 }));
      expect(readFileSync(path, "utf8")).toMatch(/^chain,draw,"mu\[1,2\]","a ""b""",logProb__/);
      expect((await readDraws(path)).names).toEqual(["mu[1,2]", 'a "b"']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("sampleChunks", () => {
  it("gives the draws of sample, side by side, the last chunk shorter", async () => {
    const whole = await sample(sampler, plan);
    const chunks = await all(sampleChunks(sampler, { ...plan, chunk: 20 }));
    expect(chunks.map(({ draws }) => draws)).toEqual([20, 20, 10]);
    expect(joined(chunks)).toEqual(rows(whole));
    expect(chunks[1].stats.logProb[0]).toBe(whole.stats.logProb[20]);
  });

  it("waits while a chunk is worked on, ends when the loop is left, and goes on from the checkpoint", async () => {
    const whole = await sample(sampler, plan);
    let calls = 0;
    let checkpoint: Checkpoint | undefined;
    const counted = {
      ...sampler,
      target: {
        ...target,
        logProb: (theta: Parameters<typeof target.logProb>[0]) => {
          calls++;
          return target.logProb(theta);
        },
      },
    };
    const before: Draws[] = [];
    const onCheckpoint = (reached: Checkpoint) => {
      checkpoint = reached;
    };
    for await (const chunk of sampleChunks(counted, { ...plan, chunk: 20, onCheckpoint })) {
      before.push(chunk);
      const now = calls;
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(calls).toBe(now);
      break;
    }
    const after = await all(sampleChunks(sampler, { ...plan, chunk: 20, checkpoint: checkpoint! }));
    expect(joined([...before, ...after])).toEqual(rows(whole));
  });

  it("throws what the run throws", async () => {
    const broken = slice({ ...target, logProb: () => Promise.reject(new Error("no simulator")) });
    await expect(all(sampleChunks(broken, plan))).rejects.toThrow("no simulator");
    await expect(all(sampleChunks(sampler, { ...plan, chunk: 0 }))).rejects.toThrow(
      /chunk must be an integer/,
    );
    await expect(all(sampleChunks(sampler, { ...plan, signal: AbortSignal.abort("later") }))).rejects.toBe(
      "later",
    );
  });
});

describe("a stop rule", () => {
  const long = { ...plan, draws: 2000, thin: 1 };
  const stop = { ess: 200, rhat: 1.05, minDraws: 40, every: 20 };

  it.each([
    undefined,
    3,
  ])("ends the run at the first look that meets it, whatever the batches (%s)", async (maxBatch) => {
    const draws = await sample(sampler, { ...long, stop, ...(maxBatch && { maxBatch }) });
    expect(draws.draws % 20).toBe(0);
    expect(draws.draws).toBeGreaterThanOrEqual(40);
    expect(draws.draws).toBeLessThan(2000);
    expect(draws.run.termination).toEqual({ reason: "enough", stop });
    const isMet = (run: Draws) =>
      summary(run).rows.every((row) => row.essBulk >= 200 && row.essTail >= 200 && row.rhat <= 1.05);
    expect(isMet(draws)).toBe(true);
    const shorter = await sample(sampler, { ...long, draws: draws.draws - 20 });
    expect(isMet(shorter)).toBe(false);
    expect(rows(draws).map((chain) => chain.slice(0, -40))).toEqual(rows(shorter));
  });

  it("heeds R-hat as well as effective draws", async () => {
    const short = { ...plan, draws: 200, thin: 1 };
    // effective draws are soon enough, agreement of four chains to a billionth never
    const draws = await sample(sampler, {
      ...short,
      stop: { ess: 10, rhat: 1 + 1e-9, minDraws: 20, every: 20 },
    });
    expect(draws.draws).toBe(200);
    const loose = await sample(sampler, { ...short, stop: { ess: 10, rhat: 2, minDraws: 20, every: 20 } });
    expect(loose.draws).toBe(20);
  });

  it("that is not met takes all draws, and says so", async () => {
    const draws = await sample(metropolis(target), { ...plan, stop: { ess: 1e6 } });
    expect(draws).toMatchObject({
      draws: 50,
      run: { termination: { reason: "complete", stop: { ess: 1e6 } } },
    });
  });

  it.each([
    [{ ess: 0 }, /stop.ess must be positive/],
    [{ rhat: 1 }, /stop.rhat must be above 1/],
    [{ every: 0.5 }, /stop.every must be an integer of at least 1/],
    [{ es: 1 } as object, /sample: stop: there is no option "es"; did you mean ess/],
  ])("%j is refused", async (rule, message) => {
    await expect(sample(sampler, { ...plan, stop: rule })).rejects.toThrow(message);
  });

  it("needs four chains", async () => {
    await expect(sample(sampler, { ...plan, chains: 2, stop: {} })).rejects.toThrow(/at least 4 chains/);
  });
});
