import { describe, expect, it } from "vitest";
import { hmc } from "../../samplers/hmc.js";
import { sample } from "../../samplers/sample.js";
import { logDensity } from "../../samplers/target.js";
import { normal } from "../../src/core/distributions/normal.js";
import { matrix } from "../../src/core/matrix.js";
import { checkOptions } from "../../src/core/options.js";
import { aalr } from "../../src/estimators/aalr.js";
import { aalrLrt } from "../../src/estimators/aalr-lrt.js";
import { posterior } from "../../src/posterior.js";
import { independent } from "../../src/prior/independent.js";
import { reportCard } from "../../src/report-card.js";
import { simulate } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import { train } from "../../src/train/train.js";

describe("checkOptions", () => {
  const names = { workers: true, seed: true } as const;
  const check = (options: object) =>
    checkOptions("run", options as { workers?: number; seed?: number }, names);

  it("accepts every option, and names that are left undefined", () => {
    expect(() => check({ workers: 2, seed: undefined, other: undefined })).not.toThrow();
  });

  it("suggests the nearest option, or lists all", () => {
    expect(() => check({ worker: 2 })).toThrow(
      new TypeError('run: there is no option "worker"; did you mean workers?'),
    );
    expect(() => check({ colour: 2 })).toThrow(
      new TypeError('run: there is no option "colour"; the options are workers, seed.'),
    );
    expect(() => check({ toString: 2 })).toThrow(/no option "toString"/);
  });

  it.each([[undefined], [null], [3]])("refuses %s in place of options", (options) => {
    expect(() => check(options as never)).toThrow(/run: options must be an object of workers, seed, got/);
  });
});

describe("a misspelt option is refused by", () => {
  const simulator = defineSimulator({
    prior: independent({ mu: normal(0, 1) }),
    xShape: [],
    run: ({ mu }) => mu,
  });
  const table = {
    theta: matrix(4, 1),
    x: matrix(4, 1),
    names: ["mu"],
    xShape: [],
    dropped: 0,
    source: {},
  };
  const target = logDensity({ names: ["a"], logProb: ([a]) => -a * a, gradient: () => {} });

  it.each<[string, () => unknown, string]>([
    ["simulate", () => simulate(simulator, { n: 5, seed: 1, worker: 2 } as never), "workers"],
    ["train", () => train(aalr(table), { epoch: 2 } as never), "epochs"],
    ["train: card", () => train(aalr(table), { card: { pair: 2 } } as never), "pairs"],
    ["aalr", () => aalr(table, { contrast: 2 } as never), "contrasts"],
    ["aalrLrt", () => aalrLrt(table, { reference: table, thetaref: [0] } as never), "thetaRef"],
    ["posterior", () => posterior({} as never, { observed: [1], givn: {} } as never), "given"],
    ["hmc", () => hmc(target, { stepsize: 1 } as never), "stepSize"],
    ["sample", () => sample(hmc(target), { chain: 2 } as never), "chains"],
    ["reportCard", () => reportCard({} as never, table, { pair: 2 } as never), "pairs"],
  ])("%s", async (caller, call, near) => {
    await expect((async () => call())()).rejects.toThrow(
      new RegExp(`^${caller}: there is no option ".*"; did you mean ${near}\\?`),
    );
  });
});
