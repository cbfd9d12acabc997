/**
 * The plan of samplers on the posteriors of posteriordb: NUTS as Stan runs it on all of them, from Stan's own starts, uniform on
 * [-2, 2] in unconstrained space, and the other samplers on those that suit them.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readSamplersPlan } from "../../benchmarks/samplers/plan.js";
import { readPosterior, runPosterior } from "../../benchmarks/samplers/posteriors.js";
import { describeWithReference } from "../reference.js";

const plan = await readSamplersPlan(
  fileURLToPath(new URL("../../benchmarks/plans/samplers.json", import.meta.url)),
);
const cases = plan.runs.flatMap((run) => run.posteriors.map((name) => [name, run.method, run] as const));

describeWithReference("posteriordb", "posteriordb/index.json", (path) => {
  it.each(cases)("%s is sampled by %s as by 10,000 reference draws", async (name, _, run) => {
    const posterior = readPosterior(dirname(path), name);
    const row = await runPosterior(posterior, run, run.seeds[0]);
    if (name in plan.unmastered && run.sampler === "nuts") {
      expect(row.divergences).toBeGreaterThan(0); // it says so itself
      return;
    }
    expect(row.z).toBeLessThan(4); // standard errors
    expect(row.rhat).toBeLessThan(1.01);
    expect(row.steinGradient).toBeLessThan(4);
    expect(row.steinPosition).toBeLessThan(4);
  });
});
