import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { autocorrelation } from "../../samplers/diagnostics/autocovariance.js";
import {
  essBulk,
  essIdentity,
  essLocal,
  essMad,
  essMean,
  essQuantile,
  essSd,
  essTail,
} from "../../samplers/diagnostics/ess.js";
import { bfmi, hdi } from "../../samplers/diagnostics/intervals.js";
import { mcseMean, mcseQuantile, mcseSd } from "../../samplers/diagnostics/mcse.js";
import { psis } from "../../samplers/diagnostics/psis.js";
import { nestedRhat, rhat } from "../../samplers/diagnostics/rhat.js";
import { fromRows, type Matrix, matrix, row } from "../../src/core/matrix.js";
import { quantile } from "../../src/core/quantile.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { describeWithReference } from "../reference.js";

interface Golden {
  cases: {
    name: string;
    x: number[][];
    expected: Record<string, unknown>;
  }[];
  psis: { name: string; log_ratios: number[]; expected: Record<string, Record<string, unknown>> }[];
}

/** Every published quantity, and how we compute it. */
const quantities: Record<string, (x: Matrix) => number> = {
  rhat_rank: (x) => rhat(x),
  rhat_split: (x) => rhat(x, "split"),
  rhat_folded: (x) => rhat(x, "folded"),
  rhat_z_scale: (x) => rhat(x, "z"),
  rhat_identity: (x) => rhat(x, "identity"),
  ess_bulk: essBulk,
  ess_tail: essTail,
  ess_mean: essMean,
  ess_sd: essSd,
  ess_median: (x) => essQuantile(x, 0.5),
  ess_mad: essMad,
  ess_identity: essIdentity,
  "ess_quantile_0.05": (x) => essQuantile(x, 0.05),
  "ess_quantile_0.1": (x) => essQuantile(x, 0.1),
  "ess_quantile_0.9": (x) => essQuantile(x, 0.9),
  "ess_quantile_0.95": (x) => essQuantile(x, 0.95),
  "ess_local_0.25_0.75": (x) => essLocal(x, 0.25, 0.75),
  mcse_mean: mcseMean,
  mcse_sd: mcseSd,
  mcse_median: (x) => mcseQuantile(x, 0.5),
  "mcse_quantile_0.05": (x) => mcseQuantile(x, 0.05),
  "mcse_quantile_0.95": (x) => mcseQuantile(x, 0.95),
  "hdi_0.5_lo": (x) => hdi(x.data, 0.5)[0],
  "hdi_0.5_hi": (x) => hdi(x.data, 0.5)[1],
  "hdi_0.9_lo": (x) => hdi(x.data, 0.9)[0],
  "hdi_0.9_hi": (x) => hdi(x.data, 0.9)[1],
  "hdi_0.94_lo": (x) => hdi(x.data, 0.94)[0],
  "hdi_0.94_hi": (x) => hdi(x.data, 0.94)[1],
  bfmi_first_chain: (x) => bfmi(x)[0],
};

describeWithReference("diagnostics of ArviZ 0.23.4", "posteriordb/diagnostics_golden.json", (path) => {
  const golden: Golden = JSON.parse(readFileSync(path, "utf8"));

  it.each(golden.cases)("equals ArviZ to 1e-8 for $name", ({ x: rows, expected }) => {
    const x = fromRows(rows);
    for (const [name, compute] of Object.entries(quantities)) {
      const want = (expected[name] as Record<string, number | null> | undefined)?.arviz_0_23_4;
      if (want === undefined) continue;
      const got = compute(x);
      if (want === null || !Number.isFinite(want)) expect(got, name).not.toSatisfy(Number.isFinite);
      else
        expect(Math.abs(got - want), `${name}: ${got} instead of ${want}`).toBeLessThan(
          1e-8 * Math.max(1, Math.abs(want)),
        );
    }
    const lags = expected["autocorr_chain1_lag0..10"] as (number | null)[];
    const rho = autocorrelation(row(x, 0));
    lags.forEach((want, lag) => {
      if (want !== null && Number.isFinite(want)) expect(rho[lag]).toBeCloseTo(want, 8);
    });
    (expected.quantiles_type7 as number[]).forEach((want, i) => {
      expect(quantile(x.data, [0.05, 0.25, 0.5, 0.75, 0.95][i])).toBeCloseTo(want, 10);
    });
  });

  it.each(golden.psis)("smooths importance weights as ArviZ and loo do for $name", ({
    log_ratios,
    expected,
  }) => {
    for (const [name, want] of Object.entries(expected)) {
      const relativeEfficiency = Number(name.replace("reff_", ""));
      const { k, logWeights } = psis(log_ratios, { relativeEfficiency });
      const smoothed = want.smoothed_normalised_logw_arviz_0_23 as number[];
      if (want.khat_arviz_0_23 === null) expect(k).toBe(Infinity);
      else expect(Math.abs(k - (want.khat_arviz_0_23 as number))).toBeLessThan(1e-8);
      expect(Math.max(...smoothed.map((value, i) => Math.abs(logWeights[i] - value)))).toBeLessThan(1e-8);
    }
  });
});

describe("diagnostics of known chains", () => {
  /** Chains of `x_t = phi x_{t-1} + noise` with unit variance, from stationarity. */
  function autoregressive(chains: number, draws: number, phi: number): Matrix {
    const x = matrix(chains, draws);
    for (let c = 0; c < chains; c++) {
      const rng = stream(foldIn(key("chains"), c));
      let value = rng.normal();
      for (let t = 0; t < draws; t++) {
        x.data[c * draws + t] = value;
        value = phi * value + Math.sqrt(1 - phi * phi) * rng.normal();
      }
    }
    return x;
  }

  it("finds the effective sample size of an autoregressive process, N (1 - phi) / (1 + phi)", () => {
    const x = autoregressive(8, 4000, 0.6);
    const exact = (8 * 4000 * 0.4) / 1.6;
    // the sum of about 2 * 10 estimated autocorrelations of error 1 / sqrt(32000) each: 10 % is 3.5 sd
    expect(Math.abs(essMean(x) / exact - 1)).toBeLessThan(0.1);
  });

  it("sees a shifted chain in R-hat, and one of another width in folded R-hat alone", () => {
    const x = autoregressive(4, 500, 0);
    expect(rhat(x)).toBeLessThan(1.01);
    const shifted = { ...x, data: x.data.map((value, i) => (i < 500 ? value + 1 : value)) };
    expect(rhat(shifted, "z")).toBeGreaterThan(1.05);
    const wide = { ...x, data: x.data.map((value, i) => (i < 500 ? 3 * value : value)) };
    expect(rhat(wide, "z")).toBeLessThan(1.02);
    expect(rhat(wide)).toBeGreaterThan(1.05);
  });

  it("judges many short chains by nested R-hat", () => {
    const good = autoregressive(1024, 2, 0.9); // stationary starts: right, though no chain has moved far
    expect(nestedRhat(good)).toBeLessThan(1.015); // R^2 - 1 = (1 + 4 sqrt(2 / 7)) / 128 at most
    const bad = { ...good, data: good.data.map((value, i) => (i < 256 ? value + 1 : value)) };
    expect(nestedRhat(bad)).toBeGreaterThan(1.03); // two of eight means are off by one: R^2 is about 1 + 2 * 6 / (8 * 7)  / 2
  });

  it("says NaN where nothing can be said", () => {
    expect(rhat(matrix(1, 100))).toBeNaN();
    expect(essBulk(matrix(2, 3))).toBeNaN();
    expect(essBulk(fromRows([[1, 2, 3, 4, 5, 6, 7, Number.NaN]]))).toBeNaN();
    expect(nestedRhat(matrix(15, 10))).toBeNaN();
  });

  it.each([0, 1, -0.1, Number.NaN])("rejects a probability of %s", (probability) => {
    expect(() => hdi([1, 2, 3], probability)).toThrow(/hdi: probability must be between 0 and 1/);
  });

  it("rejects log ratios without a finite maximum", () => {
    expect(() => psis([-Infinity, -Infinity])).toThrow(/finite maximum/);
  });
});
