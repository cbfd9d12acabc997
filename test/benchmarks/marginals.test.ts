import { describe, expect, it } from "vitest";
import { gridMarginals } from "../../benchmarks/marginals.js";
import { exactGrid, problem } from "../../benchmarks/problems/asymmetries/problem.js";
import { takeRows } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";

describe("marginal densities on a grid", () => {
  const x = problem.observation(1);
  const grid = exactGrid(x, { cells: [60, 60] }); // coarse, but the same cells for both
  const draws = grid.draws(400, key("draws"));

  it("are those of the joint density, whatever its constant and its ridge", async () => {
    const marginals = await gridMarginals(
      (theta) => problem.logLikelihood(theta, x).map((value) => value - 1e4),
      draws,
      grid.axes,
    );
    for (const [j, axis] of grid.axes.entries()) {
      const width = axis[1] - axis[0];
      expect(marginals[j].reduce((a, b) => a + b) * width).toBeCloseTo(1, 12);
      const truth = grid.marginal(j);
      const distance =
        marginals[j].reduce((sum, value, i) => sum + Math.abs(value - truth[i]), 0) * (width / 2);
      // 400 conditionals, each of about a third of the ridge: total variation of about 0.5 / sqrt(400)
      expect(distance).toBeLessThan(0.05);
    }
  });

  it("know modes that the draws have not seen", async () => {
    const one = takeRows(draws, [0]);
    const [first] = await gridMarginals(
      ({ data }) =>
        data
          .filter((_, i) => i % 2 === 0)
          .map((t) => Math.log(Math.exp(-((t - 1) ** 2)) + Math.exp(-((t + 9) ** 2)))),
      one,
      [Float64Array.from({ length: 200 }, (_, i) => -15 + 0.1 * i), Float64Array.of(0, 1)],
    );
    expect(first[160] / first[60]).toBeCloseTo(1, 9); // at 1 and at -9
  });
});
