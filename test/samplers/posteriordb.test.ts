import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { deviations } from "../../benchmarks/posteriordb/judge.js";
import type { Reference, ReferencePosterior } from "../../benchmarks/posteriordb/reference-posterior.js";
import { eightSchools, kidScores } from "../../benchmarks/posteriordb/regressions.js";
import { nearReference } from "../../benchmarks/posteriordb/starts.js";
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { describeWithReference } from "../reference.js";

interface GoldenPoint {
  u: number[];
  logp: number;
  grad: number[];
}

const cases: [string, string, (folder: string) => ReferencePosterior][] = [
  ["eight schools, non-centred", "eight_schools-eight_schools_noncentered", eightSchools],
  ["kid scores with an interaction", "kidiq-kidscore_interaction", kidScores],
];

for (const [title, folder, make] of cases) {
  describeWithReference(title, `posteriordb/${folder}/reference.json`, (path) => {
    const posterior = make(dirname(path));
    const { target } = posterior;
    const reference: Reference = JSON.parse(readFileSync(path, "utf8"));
    const { points }: { points: GoldenPoint[] } = JSON.parse(
      readFileSync(`${dirname(path)}/golden_logp.json`, "utf8"),
    );

    it("has the density and the gradient of the reference in unconstrained space", async () => {
      for (const point of points) {
        const u = Float64Array.from(point.u);
        const theta = matrix(1, target.dim);
        target.support.toConstrained(u, theta.data);
        const { logProb, gradient } = await target.gradient!(theta);
        expect(logProb[0] + target.support.logDet(u)).toBeCloseTo(point.logp, 7);
        const out = new Float64Array(target.dim);
        target.support.pullback(u, gradient.data, out);
        const errors = point.grad.map((want, j) => Math.abs(out[j] - want) / (1 + Math.abs(want)));
        expect(Math.max(...errors)).toBeLessThan(1e-8); // the data are rounded to about ten digits
      }
    });

    const samplers: [string, Sampler, number][] = [
      ["hmc with a dense metric", hmc(target, { metric: "dense" }), 1],
      ["metropolis", metropolis(target), 10],
    ];
    it.each(
      samplers,
    )("gives %s the means and standard deviations of 10,000 reference draws", async (_, sampler, thin) => {
      const initial = target.start ? undefined : nearReference(target, reference, 64, key(7));
      const draws = await sample(sampler, { chains: 64, warmup: 200, draws: 100, thin, seed: 11, initial });
      for (const { name, mean, sd } of deviations(draws, posterior, reference)) {
        expect(Math.max(mean, sd), name).toBeLessThan(4); // standard errors: one of 20 quantities exceeds 4 in about 1 of 800 runs
      }
      for (const row of summary(draws).rows) expect(row.rhat, row.name).toBeLessThan(1.01);
    });
  });
}
