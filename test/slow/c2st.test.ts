import { expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { referenceDraws } from "../../benchmarks/reference-draws.js";
import { key } from "../../src/core/random.js";
import { c2st } from "../../src/metrics/c2st.js";
import { readGolden } from "../metrics/two-sample.js";
import { describeWithReference } from "../reference.js";

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describeWithReference("c2st against scikit-learn in five dimensions", "golden/two_sample.json", (path) => {
  const cases = readGolden(path).cases.filter(({ reference }) => reference.cols === 5);
  it.each(cases)("gives the accuracy of $name", async (golden) => {
    const accuracies: number[] = [];
    for (const seed of [1, 2, 3])
      accuracies.push((await c2st(golden.reference, golden.other, { seed })).accuracy);
    // means over three seeds each of ours and theirs, which scatter by 0.008
    expect(Math.abs(average(accuracies) - average(golden.c2stAccuracySeeds123))).toBeLessThan(0.02);
  });
});

describeWithReference("generated against published draws of slcp", "sbibm/README.md", () => {
  it.each([1, 2, 3])("observation %d: the full test cannot tell them apart", async (k) => {
    const problem = await findProblem("slcp");
    const { draws: truth } = await referenceDraws(problem, k);
    const draws = problem.exactPosterior(problem.observation(k), truth.rows, key(k));
    const { accuracy } = await c2st(truth, draws);
    // 0.0035 is the binomial error of 20,000 tosses; published draws were resampled, and repeat themselves
    expect(Math.abs(accuracy - 0.5)).toBeLessThan(0.02);
  });
});
