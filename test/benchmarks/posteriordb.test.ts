import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { posteriors } from "../../benchmarks/posteriordb/posteriors.js";
import { matrix } from "../../src/core/matrix.js";
import { describeWithReference } from "../reference.js";

interface GoldenPoint {
  readonly u: number[];
  readonly logp: number;
  readonly grad: number[];
}

/** Relative error of density and gradient: the integrators take larger steps than those of the golden values. */
const tolerances: Readonly<Record<string, number>> = {
  "hudson_lynx_hare-lotka_volterra": 1e-3,
  "one_comp_mm_elim_abs-one_comp_mm_elim_abs": 1e-3,
};

describeWithReference("posteriors of posteriordb", "posteriordb/index.json", (path) => {
  it.each(posteriors)("%s has the density and the gradient of the reference", async (folder, make) => {
    const at = `${dirname(path)}/${folder}`;
    const { target } = make(at);
    const { points } = JSON.parse(readFileSync(`${at}/golden_logp.json`, "utf8")) as {
      points: GoldenPoint[];
    };
    const tolerance = tolerances[folder] ?? 1e-7; // data of ten digits, and sums that cancel
    for (const point of points) {
      const u = Float64Array.from(point.u);
      const theta = matrix(1, target.dim);
      target.support.toConstrained(u, theta.data);
      const { logProb, gradient } = await target.gradient!(theta);
      const value = logProb[0] + target.support.logDet(u);
      expect(Math.abs(value - point.logp) / (1 + Math.abs(point.logp))).toBeLessThan(tolerance);
      const out = new Float64Array(target.dim);
      target.support.pullback(u, gradient.data, out);
      const largest = Math.max(...point.grad.map(Math.abs));
      const errors = point.grad.map((want, j) => Math.abs(out[j] - want) / (1 + largest));
      expect(Math.max(...errors)).toBeLessThan(tolerance);
    }
  });
});
