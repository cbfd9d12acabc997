import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { loadAnyEstimator } from "../../src/estimators/file.js";
import { simulateGold } from "../../src/simulate-gold.js";
import { galton } from "./host.js";
import { board } from "./simulator.js";
import { trainedFolder } from "./trained.js";

const { path } = trainedFolder();
const [npe, nle, gold] = [path("npe.safetensors"), path("nle.safetensors"), path("gold")];
const small = [
  ...["--epochs", "2", "--validation-fraction", "0.2", "--card-pairs", "30"],
  ...["--density", '{"kind": "mixtureDensity", "components": 2, "hidden": [8]}'],
];
const counted = [
  ...["--epochs", "1", "--validation-fraction", "0.2"],
  ...["--density", '{"kind": "categoricalDensity", "values": [0,1,2,3,4,5,6,7,8,9,10]}'],
];
const at = ["--observed", "0.9,1.4,1.1"];

beforeAll(async () => {
  await simulateGold(board, { n: 120, seed: 1, thetaRef: [0.5], out: gold });
});

describe("galton train of densities", () => {
  it("learns a posterior, and tells its report card", async () => {
    const argv = ["train", path("simulations"), "--method", "npe", "--balance", "10", "--out", npe, ...small];
    const { status, stdout } = await galton(...argv);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Report card, on 30 held-out pairs with 199 draws each; held-out rows were not/);
    expect(stdout).toMatch(/^ {2}TARP {11}excess -?\d+\.\d % \(above 0: overconfident\), p = /m);
    await using found = await loadAnyEstimator(npe);
    expect(found).toMatchObject({ kind: "posterior", header: { balance: 10 } });
  });

  it("learns a likelihood, also from gold, also with its score", async () => {
    const argv = ["--method", "nle", "--out", nle, ...small];
    const { stdout } = await galton("train", path("simulations"), ...argv);
    expect(stdout).toMatch(/Report card, on 30 held-out pairs with 1024 prior draws each/);
    for (const method of ["scandal", "nle"]) {
      const out = path(`${method}-gold.safetensors`);
      const { status, stdout } = await galton(
        ...["train", gold, "--method", method, "--out", out, ...counted, "--json"],
      );
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        ...{ file: out, method, kind: "likelihood", names: ["right"] },
        density: { kind: "categoricalDensity" },
        card: { priorDraws: 1024 },
      });
      await using found = await loadAnyEstimator(out);
      expect("alpha" in found.header).toBe(method === "scandal");
    }
  });

  it("spreads counts over their cells for a flow, says so, and leaves them where it is told to", async () => {
    const flow = ["--epochs", "1", "--density", '{"kind": "maf", "transforms": 1, "width": 8}'];
    const argv = ["train", gold, "--out", path("flow.safetensors"), ...flow];
    for (const method of ["nle", "scandal"]) {
      const { stdout } = await galton(...argv, "--method", method);
      expect(stdout).toMatch(/^Columns of data on a lattice, spread over its cells, by step: x\[0\] 1\.00$/m);
      const left = await galton(...argv, "--method", method, "--no-dequantise", "--json");
      expect(JSON.parse(left.stdout)).not.toHaveProperty("lattices");
    }
    const { lattices } = JSON.parse((await galton(...argv, "--method", "nle", "--json")).stdout);
    expect(lattices).toMatchObject([{ step: 1 }]);
    const wrong = await galton("train", path("simulations"), "--method", "npe", "--no-dequantise");
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toMatch(/--no-dequantise does not go with --method npe/);
  });
});

describe("files of densities", () => {
  it("are sampled: a posterior directly, a likelihood by chains", async () => {
    const out = path("direct.json");
    const direct = await galton("sample", npe, ...at, "--chains", "40", "--draws", "50", "--out", out);
    expect(direct.stdout).toMatch(/^direct, 2000 independent draws\n[\s\S]*^sigma /m);
    const { run } = JSON.parse(readFileSync(out, "utf8"));
    expect(run).toMatchObject({ sampler: "direct", observed: [[0.9, 1.4, 1.1]], chains: 40, warmup: 0 });
    const chains = ["--chains", "4", "--draws", "20", "--warmup", "20", "--given", "sigma=0.5"];
    const { stdout } = await galton("sample", nle, ...at, ...chains);
    expect(stdout).toMatch(/^hmc, 4 chains of 20 draws, given sigma = 0.5\n/);
    const far = JSON.parse((await galton("sample", npe, "--observed", "99,-99,99", "--json")).stdout);
    expect(far.warnings.join()).toMatch(/The observation lies outside the simulations/);
  });

  it("are diagnosed, anew from other simulations, and reported", async () => {
    const told = await galton("diagnose", npe, "--data", path("simulations"), "--pairs", "25");
    expect(told.stdout).toMatch(
      /: npe, theta \(mu, sigma\), x of shape \[3\]\n[\s\S]*, on 25 held-out pairs/,
    );
    const fresh = ["--data", path("simulations"), "--pairs", "25", "--prior-draws", "300", "--json"];
    const { card } = JSON.parse((await galton("diagnose", nle, ...fresh)).stdout);
    expect(card).toMatchObject({ pairs: 25, priorDraws: 300 });
    const page = path("page.html");
    await galton("report", "--estimator", npe, ...at, "--out", page);
    const html = readFileSync(page, "utf8");
    expect(html).toMatch(/An estimator \(npe\) of the posterior over mu, sigma/);
    expect(html).toMatch(/How far to trust it[\s\S]*\(TARP\)/);
  });

  const learn = (method: string, ...argv: string[]) => [
    ...["train", path("simulations"), "--method", method, "--out", path("never.safetensors"), ...argv],
  ];
  it.each([
    [
      "a sampler of a posterior",
      ["sample", npe, ...at, "--sampler", "nuts"],
      /--sampler does not go with .*without chains/,
    ],
    [
      "a checkpoint of a posterior",
      ["sample", npe, ...at, "--checkpoint", "c"],
      /--checkpoint does not go with/,
    ],
    [
      "a stop rule of a posterior",
      ["sample", npe, ...at, "--min-ess", "400"],
      /--min-ess does not go with .*without chains/,
    ],
    ["workers of a posterior", ["sample", npe, ...at, "--workers", "2"], /--workers does not go with/],
    [
      "a held parameter of a posterior",
      ["sample", npe, ...at, "--given", "mu=1"],
      /--given does not go with .*it holds the prior/,
    ],
    [
      "many observations of a posterior",
      ["sample", npe, "--observed", "1,2,3;4,5,6"],
      /takes one observation, got 2 rows/,
    ],
    [
      "prior draws of a posterior",
      ["diagnose", npe, "--data", "d", "--prior-draws", "100"],
      /--prior-draws does not go with .*draws for itself/,
    ],
    [
      "ONNX of a density",
      learn("npe", "--onnx", path("e.onnx")),
      /--onnx writes ratios and scores, not a posterior/,
    ],
    [
      "layers of a density",
      learn("nle", "--width", "8"),
      /--width does not go with --method nle; --density says/,
    ],
    ["a density of a ratio", learn("aalr", "--density", "maf"), /--density does not go with --method aalr/],
    ["a balanced likelihood", learn("nle", "--balance", "10"), /--balance does not go with --method nle/],
    [
      "windows of a density",
      learn("npe", "--window-rows", "100"),
      /--window-rows does not go with .*in memory/,
    ],
    ["an unknown density", learn("npe", "--density", "pancake"), /kind "pancake" is unknown; expected .*maf/],
    ["a density that is no JSON", learn("npe", "--density", "{kind"), /--density must be a name or JSON/],
    [
      "scandal without gold",
      learn("scandal"),
      /scandal learns from simulations with --gold, but .* npe or nle/,
    ],
    ["npe of gold", ["train", gold, "--method", "npe"], /npe learns from simulations without gold/],
  ])("%s: exit 1, a message and nothing else", async (_, argv, message) => {
    const { status, stdout, stderr } = await galton(...argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });
});
