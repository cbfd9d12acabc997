import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { galton } from "./host.js";
import { models, trainedFolder } from "./trained.js";

const { path, estimator, withoutPrior } = trainedFolder();

describe("mistakes of the user", () => {
  const draw = ["sample", estimator, "--observed"];
  it.each([
    [
      "a missing module",
      ["simulate", "absent.ts", "--n", "5", "--out", path("a")],
      /there is no file .*absent\.ts/,
    ],
    [
      "a module without the export",
      ["simulate", `${models}#simulater`, "--n", "5", "--out", path("a")],
      /exports no simulator "simulater"; it exports .*simulator/,
    ],
    [
      "an empty export",
      ["simulate", `${models}#`, "--n", "5", "--out", path("a")],
      /names no export behind #/,
    ],
    [
      "no simulator",
      ["simulate", "--n", "5", "--out", path("a")],
      /either a module .* or --command, got neither/,
    ],
    [
      "two simulators",
      ["simulate", models, "--command", "x", "--n", "5", "--out", path("a")],
      /either a module .* or --command, got both/,
    ],
    [
      "a command without prior",
      ["simulate", "--command", "x", "--n", "5", "--out", path("a")],
      /needs --prior/,
    ],
    [
      "a command without shape",
      ["simulate", "--command", "x", "--prior", "p.json", "--n", "5", "--out", path("a")],
      /needs --x-shape/,
    ],
    [
      "options of a command beside a module",
      ["simulate", models, "--x-shape", "3", "--n", "5", "--out", path("a")],
      /--x-shape goes with --command/,
    ],
    [
      "a folder of other simulations",
      ["simulate", models, "--n", "5", "--out", path("simulations")],
      /holds other simulations/,
    ],
    [
      "rows that are not finite",
      ["simulate", `${models}#sometimesNaN`, "--n", "100", "--out", path("nan")],
      /gave no usable data/,
    ],
    ["missing data", ["train", "absent"], /cannot read absent: ENOENT/],
    [
      "another file than --out can be",
      ["train", path("simulations"), "--out", "e.json"],
      /--out must end in .safetensors/,
    ],
    [
      "a folder that is not there",
      ["train", path("simulations"), "--out", path("no/e.safetensors")],
      /the folder .* is missing or not writable/,
    ],
    ["a missing estimator", ["diagnose", "absent.safetensors"], /cannot read absent.safetensors/],
    ["a file of no known kind", ["diagnose", "draws.txt"], /must end in one of .json, .csv, .arrow/],
    ["a prior with a hole", [...draw, "1,2,3", "--prior", "absent.json"], /cannot read absent.json/],
    [
      "an observation of another shape",
      [...draw, "1,2"],
      /has the shape \[2\] but the estimator was trained on data of shape \[3\]/,
    ],
    ["an observation of no numbers", [...draw, "a,b,c"], /expected numbers such as 0.9,1.4/],
    ["draws into an unknown file", [...draw, "1,2,3", "--out", "draws.txt"], /must end in one of/],
    [
      "an unknown parameter",
      [...draw, "1,2,3", "--given", "nu=1"],
      /given names "nu"; the parameters are mu, sigma/,
    ],
    ["a value outside the prior", [...draw, "1,2,3", "--given", "mu=7"], /must lie inside the prior/],
    ["a given that is no pair", [...draw, "1,2,3", "--given", "mu"], /--given must be NAME=VALUE/],
    ["a given twice", [...draw, "1,2,3", "--given", "mu=1", "--given", "mu=2"], /--given holds "mu" twice/],
    ["an estimator without prior", ["sample", withoutPrior, "--observed", "1,2,3"], /came without a prior/],
    [
      "simulations without an observation",
      ["report", "--estimator", estimator, "--data", path("simulations")],
      /but there is none. Pass --observed/,
    ],
    [
      "a report of nothing",
      ["report"],
      /expected --estimator, --draws or both, or the results folder of a benchmark, got none/,
    ],
  ])("%s: exit 1, a message and nothing else", async (_, argv, message) => {
    const { status, stdout, stderr } = await galton(...argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });

  it("a corrupt estimator: exit 1 and what is wrong with it", async () => {
    const bytes = readFileSync(estimator);
    writeFileSync(path("cut.safetensors"), bytes.subarray(0, bytes.length - 100));
    for (const argv of [["diagnose"], ["sample", "--observed", "1,2,3"], ["report", "--estimator"]]) {
      const { status, stderr } = await galton(...argv, path("cut.safetensors"));
      expect(status).toBe(1);
      expect(stderr).toMatch(/cut.safetensors/);
    }
  });
});
