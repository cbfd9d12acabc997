/** The benchmark of the samplers: what it counts and judges, its plan, and its tables. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { judge, steinChecks } from "../../benchmarks/posteriordb/judge.js";
import { posteriors } from "../../benchmarks/posteriordb/posteriors.js";
import type { Reference } from "../../benchmarks/posteriordb/reference-posterior.js";
import { wideStart } from "../../benchmarks/posteriordb/starts.js";
import { problem as slcp } from "../../benchmarks/problems/slcp.js";
import {
  learnedTable,
  numpyroTable,
  posteriorsTable,
  samplerBlocks,
} from "../../benchmarks/report/samplers.js";
import { exactTwin, type LearnedRow } from "../../benchmarks/samplers/learned.js";
import type { PeerRow } from "../../benchmarks/samplers/numpyro.js";
import { chosen, readSamplersPlan } from "../../benchmarks/samplers/plan.js";
import type { PosteriorRow } from "../../benchmarks/samplers/posteriors.js";
import { evaluationsOf, samplers } from "../../benchmarks/samplers/samplers.js";
import type { Draws } from "../../samplers/draws.js";
import { sample } from "../../samplers/sample.js";
import { logDensity } from "../../samplers/target.js";
import { identity, lowerBounded, stacked } from "../../src/core/bijection.js";
import { matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { boxStart, normalTarget } from "../samplers/targets.js";

const planPath = fileURLToPath(new URL("../../benchmarks/plans/samplers.json", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "galton-samplers-"));
afterAll(() => rmSync(root, { recursive: true }));

const header = { command: "npm run bench:samplers", date: "2026-11-27", processor: "any" };

/** A half normal beside a normal, so that the support takes part. */
const halfNormal = logDensity({
  names: ["a", "b"],
  support: stacked([identity(1), lowerBounded(0)]),
  logProb: ([a, b]) => -0.5 * (a * a + b * b),
  gradient([a, b], out) {
    out[0] = -a;
    out[1] = -b;
  },
});

/** Independent draws of it, with `b` stretched. */
function halfNormalDraws(stretch: number): Draws {
  const normals = stream(key("half normal")).normals(4 * 1000 * 2);
  const values = normals.map((value, i) => (i % 2 ? stretch * Math.abs(value) : value));
  return { names: ["a", "b"], chains: 4, draws: 1000, values, stats: {}, warmup: {}, run: {} };
}

describe("Stein's identities", () => {
  it("hold for draws of the target", async () => {
    const { gradient, position } = await steinChecks(halfNormalDraws(1), halfNormal, [0, -0.5]);
    expect(Math.max(gradient, position)).toBeLessThan(4);
  });

  it("break where one scale is wrong by a quarter", async () => {
    const { gradient, position } = await steinChecks(halfNormalDraws(1.25), halfNormal, [0, -0.5]);
    expect(gradient).toBeGreaterThan(4);
    expect(position).toBeGreaterThan(4);
  });
});

describe("the judgement", () => {
  const moments = { mcse_mean: 0.01, mcse_sd: 0.01, mcse_q50: 0.01 };
  const reference: Reference = {
    parameters: {
      a: { mean: 0, sd: 1, q50: 0, ...moments },
      b: { mean: Math.sqrt(2 / Math.PI), sd: Math.sqrt(1 - 2 / Math.PI), q50: 0.6745, ...moments },
    },
    unconstrained: { mean: [0, -0.5], sd: [1, 1] },
  };
  const posterior = { target: halfNormal, derive: ([a, b]: Float64Array) => ({ a, b }) };

  it("is below four standard errors for draws of the reference, and names what is wrong", () => {
    const good = judge(halfNormalDraws(1), posterior, reference);
    expect(Math.max(good.z, good.zSd)).toBeLessThan(4);
    expect(good.rhat).toBeLessThan(1.01);
    const bad = judge(halfNormalDraws(1.2), posterior, reference);
    expect(bad.z).toBeGreaterThan(4);
    expect(bad.worst).toBe("b");
  });

  it("starts tempering from a density that is normalised", () => {
    const { logProb } = wideStart(halfNormal, reference);
    const step = 0.01; // of log b, over b about its median; a is the marginal's other factor, at its peak
    let mass = 0;
    for (let u = -12; u < 12; u += step) {
      const [value] = logProb(matrix(1, 2, Float64Array.of(0, Math.exp(u))));
      mass += Math.exp(value + u) * step;
    }
    expect(mass * 3 * Math.sqrt(2 * Math.PI)).toBeCloseTo(1, 3); // the normal of `a` has a standard deviation of 3
  });
});

it.each(
  Object.keys(samplers).filter((name) => name !== "smc"), // its warm-up is the tempering
)("counts the evaluations of %s as its target sees them", async (name) => {
  const target = normalTarget(
    [0, 0],
    [
      [1, 0],
      [0, 1],
    ],
    boxStart(2, -3, 3),
  );
  const initial = matrix(16, 2, stream(key("starts")).normals(32));
  const settings = {
    chains: 16,
    warmup: 0,
    draws: 20,
    initial: name === "parallelTempering" ? undefined : initial,
  };
  const draws = await sample(
    samplers[name](target, name.match(/stretch|Evol/) ? { ensembles: 2 } : {}),
    settings,
  );
  const { rows } = draws.run.evaluations as { readonly rows: number };
  expect(evaluationsOf(draws)).toBe(rows - 16); // less those of the starting points
});

it("gives the exact twin the gradient of its own log density", async () => {
  const twin = exactTwin(slcp, slcp.observation(1));
  const theta = Float64Array.of(0.5, -0.3, 1.1, -0.9, 0.4);
  const { gradient } = await twin.gradient!(matrix(1, 5, theta));
  for (let j = 0; j < 5; j++) {
    const moved = matrix(2, 5, Float64Array.of(...theta, ...theta));
    moved.data[j] += 1e-5;
    moved.data[5 + j] -= 1e-5;
    const [up, down] = await twin.logProb(moved);
    expect(gradient.data[j]).toBeCloseTo((up - down) / 2e-5, 4);
  }
});

describe("the plan of the samplers", () => {
  it("runs nuts on every posterior of the bundle, and excuses one", async () => {
    const { runs, unmastered } = await readSamplersPlan(planPath);
    const byNuts = runs.filter(({ sampler }) => sampler === "nuts").flatMap((run) => run.posteriors);
    expect([...byNuts].sort()).toEqual(posteriors.map(([name]) => name).sort());
    expect(Object.keys(unmastered)).toEqual(["eight_schools-eight_schools_centered"]);
    expect(new Set(runs.map(({ sampler }) => sampler))).toEqual(new Set(Object.keys(samplers)));
  });

  it("says where it names what does not exist", async () => {
    const path = join(root, "own.json");
    const run = { method: "m", sampler: "gibbs", chains: 4, warmup: 10, draws: 10, posteriors: ["arK-arK"] };
    writeFileSync(path, JSON.stringify({ kind: "samplers", name: "own", title: "Own", runs: [run] }));
    await expect(readSamplersPlan(path)).rejects.toThrow(/^own\.json: runs\.0\.sampler: /);
    await expect(readSamplersPlan("absent.json")).rejects.toThrow(/^absent\.json: cannot read the plan: /);
  });

  it("takes names that are there, and refuses others instead of running nothing", () => {
    const isWanted = chosen("--methods", "nuts; smc", ["nuts", "hmc", "smc"]);
    expect(["nuts", "hmc", "smc"].filter(isWanted)).toEqual(["nuts", "smc"]);
    expect(chosen("--methods", undefined, [])("nuts")).toBe(true);
    expect(() => chosen("--methods", "nut", ["nuts", "hmc", "hmc"])).toThrow(
      '--methods: there is no "nut"; there are nuts; hmc.',
    );
  });
});

describe("the tables of the samplers", () => {
  const row = {
    kind: "posterior",
    posterior: "arK-arK",
    method: "nuts",
    seed: 1,
    dim: 7,
    start: "cold",
    metric: "default",
    chains: 4,
    warmup: 1000,
    draws: 1000,
    thin: 1,
    z: 1.5,
    zSd: 2,
    worst: "alpha",
    rhat: 1.002,
    essBulk: 2000,
    steinGradient: 2,
    steinPosition: 0.1,
    evaluations: 100_000,
    allEvaluations: 200_000,
    essPerEvaluation: 0.02,
    divergences: 0,
    cpuSeconds: 1,
    load: 1,
  } satisfies PosteriorRow;

  it("say what is met, what is not and why", () => {
    const bad = { ...row, posterior: "garch-garch11", rhat: 1.05 };
    const text = posteriorsTable([row, bad], { unmastered: { "garch-garch11": "too hard" } }, [header]);
    expect(text).toMatch(/\| arK-arK \|.*\| met \|/);
    expect(text).toMatch(/\| garch-garch11 \|.*\| \*\*not met\*\* \|/);
    expect(text).toContain("1 of 2 runs on 2 posteriors are met");
    expect(text).toContain("garch-garch11: NUTS does not find it from a cold start: too hard.");
  });

  it("compare with NumPyro by the ratio of effective draws per gradient", () => {
    const rows = [1, 2].flatMap((seed) =>
      [["galton", 0.8] as const, ["numpyro", 1] as const].map(
        ([method, each]): PeerRow => ({
          kind: "peer",
          posterior: "arK-arK",
          method,
          seed,
          z: 1,
          rhat: 1,
          essBulk: each * 1000,
          evaluations: 1000,
          essPerEvaluation: each,
          divergences: 0,
          cpuSeconds: 1,
        }),
      ),
    );
    expect(numpyroTable(rows, [header])).toMatch(/\| arK-arK \|.*\| 0\.800.* \| \*\*not met\*\* \|/);
  });

  it("hold one sampler that jumps to the goal of the learned posterior", () => {
    const jumps: LearnedRow = {
      kind: "learned",
      problem: "slcp",
      density: "learned",
      method: "metropolis",
      chains: 1000,
      draws: 30,
      thin: 5,
      rhat: 1,
      essBulk: 12_000,
      evaluations: 150_000,
      cpuSeconds: 1.8,
      modes: [0.25, 0.25, 0.25, 0.25],
      jumping: 1,
      mmdSquared: 0.01,
      mmdSquaredError: 0.001,
      load: 1,
    };
    expect(learnedTable([jumps], [header])).toMatch(/\| 0\.0100 ± 0\.0010 \| met \|\n\nTarget, by one/);
    for (const flaw of [
      { jumping: 0 },
      { cpuSeconds: 2.1 },
      { essBulk: 9000 },
      { modes: [0.5, 0.5, 0, 0] },
    ]) {
      expect(learnedTable([{ ...jumps, ...flaw }], [header])).toContain("Target, **not met**, by one");
    }
  });

  it("say that nothing is measured where nothing is stored", async () => {
    expect(await samplerBlocks.samplers(root)).toBe("Not measured.");
  });
});
