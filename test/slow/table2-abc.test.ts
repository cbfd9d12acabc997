/** The rows of rejection ABC in Table 2 of the AALR paper, by the protocol of the plan that repeats it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { readPlan, withSeeds } from "../../benchmarks/plan.js";
import { runPlan } from "../../benchmarks/runner.js";

const folder = mkdtempSync(join(tmpdir(), "galton-table2-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const plan = fileURLToPath(new URL("../../benchmarks/plans/table2.json", import.meta.url));

/** Acceptance and area under the ROC curve, as an independent program found them with 4,000 draws. */
const expected: Readonly<Record<string, readonly [acceptance: number, auc: number]>> = {
  "abc-32": [0.994, 0.992],
  "abc-16": [0.757, 0.99],
  "abc-8": [0.221, 0.982],
  "abc-4": [0.032, 0.966],
};

it("gives rejection ABC its acceptance rates and areas under the ROC curve", async () => {
  const resolved = withSeeds(await readPlan(plan), [1]);
  const jobs = resolved.jobs
    .filter(({ method }) => method in expected)
    .map((job) => ({ ...job, settings: { ...job.settings, scores: ["auc"] } }));
  expect(jobs).toHaveLength(4);
  const { records } = await runPlan({ ...resolved, jobs }, { out: folder });
  for (const record of records) {
    if (record.status === "failed") throw new Error(record.error.message);
    const [acceptance, auc] = expected[record.method];
    // 4 standard errors of the simulations that gave 4,000 draws, and half a digit; areas are held to 0.01
    const standardError = Math.sqrt((acceptance * (1 - acceptance)) / (4000 / acceptance));
    expect(Math.abs(record.sampling!.acceptance! - acceptance)).toBeLessThan(4 * standardError + 5e-4);
    expect(Math.abs(record.scores.auc - auc)).toBeLessThan(0.01);
  }
});
