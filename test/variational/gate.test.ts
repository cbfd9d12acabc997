import { describe, expect, it } from "vitest";
import { key, stream } from "../../src/core/random.js";
import { gate } from "../../src/variational/gate.js";

/** Weights `1 + scale * x`, `x` of a generalised Pareto density of index `k`; as log ratios. */
function weightsOf(k: number, scale: number, draws = 10_000): Float64Array {
  const rng = stream(key("gate"));
  return Float64Array.from({ length: draws }, () =>
    Math.log1p((scale * Math.expm1(-k * Math.log(rng.uniform()))) / k),
  );
}

describe("the gate of a flow", () => {
  it("warns of a heavy tail where it can matter", () => {
    const { paretoK, ess, warnings } = gate(weightsOf(0.8, 1));
    expect(paretoK).toBeGreaterThan(0.7);
    expect(ess).toBeLessThan(9000);
    expect(warnings.join()).toMatch(
      /^The flow misses some of where .* \(Pareto k = 0\.\d+, above 0\.70; its 10000 draws/,
    );
  });

  it("lets weights pass that hardly differ, whatever the shape of their tail", () => {
    const { paretoK, ess, warnings, logIntegral } = gate(weightsOf(0.8, 1e-3));
    expect(paretoK).toBeGreaterThan(0.7);
    expect(ess).toBeGreaterThan(9950);
    expect(warnings).toEqual([]);
    expect(Math.abs(logIntegral - 1e-3 / (1 - 0.8))).toBeLessThan(1e-3); // the mean of a Pareto excess
  });

  it("warns though they hardly differ where what no draw has seen may be much", () => {
    const endless = gate(weightsOf(1.2, 1e-6)); // a tail without a mean
    expect(endless.ess).toBeGreaterThan(9990);
    expect(endless.warnings).toHaveLength(1);
    const few = gate(weightsOf(0.9, 2e-3, 100));
    expect(few.ess).toBeGreaterThan(99);
    expect(few.paretoK).toBeGreaterThan(0.5);
    expect(few.warnings).toHaveLength(1);
  });

  it("tells of zeros, and of nothing but them", () => {
    const some = gate(Float64Array.of(...weightsOf(0.1, 0.1, 200), -Infinity, Number.NaN));
    expect(some.warnings[0]).toMatch(/^At 2 of 202 draws the target is zero/);
    expect(some.elbo.value).toBeNaN();
    expect(gate(new Float64Array(100).fill(-Infinity))).toMatchObject({ ess: 0, paretoK: Infinity });
  });
});
