import { expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { publishedDraws } from "../../benchmarks/reference-draws.js";
import type { Matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { c2st } from "../../src/metrics/c2st.js";
import { describeWithReference } from "../reference.js";

const names = ["sir", "lotka_volterra", "bernoulli_glm", "bernoulli_glm_raw", "slcp_distractors"];
const cases = [1, 2, 3].flatMap((k) => names.map((name) => ({ name, k })));

describeWithReference("exact against published posteriors of sbibm", "sbibm/README.md", () => {
  it.each(cases)("$name, observation $k: the full test cannot tell them apart", async ({ name, k }) => {
    const problem = await findProblem(name);
    const published = problem.publishedAs ?? name;
    const truth = (await publishedDraws(published, k, problem.simulator.prior.dim)) as Matrix;
    const draws = problem.exactPosterior(problem.observation(k), truth.rows, key(k));
    const { accuracy, standardError } = await c2st(truth, draws);
    console.info(`c2st ${name} ${k}: ${accuracy.toFixed(4)} +- ${standardError.toFixed(4)}`);
    // 0.0035 is the binomial error of 20,000 tosses; published draws were resampled, and repeat themselves
    expect(accuracy).toBeLessThan(0.52);
    expect(accuracy).toBeGreaterThan(0.48);
  });
});
