import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { deviations } from "../../benchmarks/posteriordb/judge.js";
import type { Reference, ReferencePosterior } from "../../benchmarks/posteriordb/reference-posterior.js";
import {
  earnings,
  eightSchools,
  kidScores,
  syntheticRegression,
} from "../../benchmarks/posteriordb/regressions.js";
import { nearReference } from "../../benchmarks/posteriordb/starts.js";
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { key } from "../../src/core/random.js";
import { describeWithReference } from "../reference.js";

const cases: [string, (folder: string) => ReferencePosterior][] = [
  ["eight_schools-eight_schools_noncentered", eightSchools],
  ["kidiq-kidscore_interaction", kidScores],
  ["earnings-earn_height", earnings],
  ["sblrc-blr", syntheticRegression],
  ["sblri-blr", syntheticRegression],
];

for (const [folder, make] of cases) {
  describeWithReference(folder, `posteriordb/${folder}/reference.json`, (path) => {
    const posterior = make(dirname(path));
    const { target } = posterior;
    const reference: Reference = JSON.parse(readFileSync(path, "utf8"));
    const samplers: [string, Sampler, number][] = [
      ["hmc", hmc(target), 1],
      ["hmc with a dense metric", hmc(target, { metric: "dense" }), 1],
      ["metropolis", metropolis(target), 20],
    ];
    it.each(samplers)("is sampled by %s as by 10,000 reference draws", async (_, sampler, thin) => {
      const initial = target.start ? undefined : nearReference(target, reference, 100, key(3));
      const draws = await sample(sampler, { chains: 100, warmup: 400, draws: 200, thin, seed: 17, initial });
      for (const { name, mean, sd } of deviations(draws, posterior, reference)) {
        expect(Math.max(mean, sd), name).toBeLessThan(4); // standard errors: one of 20 quantities exceeds 4 in about 1 of 800 runs
      }
      for (const row of summary(draws).rows) expect(row.rhat, row.name).toBeLessThan(1.01);
    });
  });
}
