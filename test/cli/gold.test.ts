import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { readGold, readScores } from "../../src/dataset/gold-files.js";
import { simulateGold, simulateScore } from "../../src/simulate-gold.js";
import { galton, interrupted } from "./host.js";
import { board } from "./simulator.js";
import { models, trainedFolder } from "./trained.js";

const { path, write } = trainedFolder();
const program = `${models}#board`;
const small = ["--epochs", "2", "--width", "8", "--blocks", "1", "--validation-fraction", "0.2"];
const [gold, scores, ratio] = [path("gold"), path("scores"), path("gold.safetensors")];

beforeAll(async () => {
  await simulateGold(board, { n: 400, seed: 1, thetaRef: [0.5], out: gold });
  await simulateScore(board, { n: 200, seed: 1, thetaRef: [0.5], out: scores });
  expect((await galton("train", gold, "--out", ratio, ...small)).status).toBe(0);
});

describe("galton simulate --gold", () => {
  it("writes the table of simulateGold", async () => {
    const argv = ["simulate", program, "--gold", "--theta-ref", "0.5", "--n", "60", "--seed", "2"];
    const { status, stdout } = await galton(...argv, "--out", path("g"));
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `${path("g")}: 60 simulations with gold to (0.5), theta (right), x of shape [].\n`,
    });
    const { proposal, ...table } = await readGold(path("g"));
    const { proposal: prior, ...expected } = await simulateGold(board, { n: 60, seed: 2, thetaRef: [0.5] });
    expect(table).toEqual(expected);
    expect(proposal?.spec).toEqual(prior?.spec);
  });

  it("draws both points without --theta-ref, from --proposal on request, and says so as JSON", async () => {
    const proposal = write("proposal.json", '{"right": [0.5, 0.6]}');
    const argv = [
      "simulate",
      program,
      "--gold",
      "--n",
      "40",
      "--proposal",
      proposal,
      "--out",
      path("both"),
      "--json",
    ];
    const { stdout } = await galton(...argv, "--shard-size", "15");
    expect(JSON.parse(stdout)).toEqual({
      out: path("both"),
      n: 40,
      names: ["right"],
      xShape: [],
      seed: 0,
      thetaRef: null,
      infiniteLogRatios: 0,
    });
    const table = await readGold(path("both"));
    expect(Math.min(...table.thetaRef.data)).toBeGreaterThan(0.5);
    expect(table.jointScoreRef?.rows).toBe(40);
  });

  it("with --scores writes the table of simulateScore", async () => {
    const argv = ["simulate", program, "--scores", "--theta-ref=0.5", "--n", "50", "--out", path("t")];
    const { stdout } = await galton(...argv);
    expect(stdout).toBe(`${path("t")}: 50 simulations with scores at (0.5), theta (right), x of shape [].\n`);
    expect(await readScores(path("t"))).toEqual(
      await simulateScore(board, { n: 50, seed: 0, thetaRef: [0.5] }),
    );
  });

  it("stopped by Ctrl-C, says how to go on", async () => {
    const out = path("stopped-gold");
    const argv = ["simulate", program, "--gold", "--n", "20000", "--shard-size", "50", "--out", out];
    const { status, stderr } = await interrupted(...argv);
    expect(status).toBe(130);
    expect(stderr).toMatch(/Finished files are in .*stopped-gold; run the same command again to go on/);
  });
});

describe("galton train and sample with gold", () => {
  it.each(["carl", "rolr", "alice", "cascal", "rascal", "alices"])("learns by %s", async (method) => {
    const out = path(`${method}.safetensors`);
    const { status, stdout } = await galton("train", gold, "--method", method, "--out", out, ...small);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`Ratio to \\(0.5\\) by ${method}, structure reference`));
    expect(stdout).toMatch(/ {2}mean of r {6}\S+ \+- \S+, expected 1\n {2}mean of 1 \/ r {2}/);
    expect(stdout).toMatch(/Report card, on \d\d held-out pairs/);
    expect(stdout.includes("score term 0.500")).toBe(["cascal", "rascal", "alices"].includes(method));
  });

  it("takes alices where there is gold, with its options", async () => {
    const out = path("pairs.safetensors");
    const argv = ["--structure", "antisymmetric", "--alpha", "auto", "--out", out, ...small, "--json"];
    const told = JSON.parse((await galton("train", gold, ...argv)).stdout);
    expect(told).toMatchObject({ method: "alices", gold: { structure: "antisymmetric" } });
    expect(told.gold.alpha).not.toBe(0.5);
    expect(told.reference.thetaRef[0]).toBeCloseTo(0.5, 12);
  });

  it("samples the posterior of the ratio, with the proposal as prior or another", async () => {
    const draw = ["sample", ratio, "--observed", "6", "--chains", "8", "--warmup", "50", "--draws", "40"];
    const own = await galton(...draw, "--data", gold);
    expect(own.status).toBe(0);
    expect(own.stdout).toMatch(/^hmc, 8 chains of 40 draws\n[\s\S]*^right +0\.\d/m);
    const narrow = write("narrow.json", '{"right": [0.6, 0.61]}');
    const { stdout } = await galton(...draw, "--prior", narrow, "--json");
    const [{ mean }] = JSON.parse(stdout).rows;
    expect(mean).toBeGreaterThan(0.6);
    expect(mean).toBeLessThan(0.61);
  });

  it("diagnoses and reports it as what it is", async () => {
    const { stdout } = await galton(
      "diagnose",
      ratio,
      "--data",
      gold,
      "--pairs",
      "100",
      "--prior-draws",
      "200",
    );
    expect(stdout).toMatch(/: alices, theta \(right\), x of shape \[\]\n[\s\S]*Ratio to \(0.5\) by alices/);
    expect(stdout).toMatch(/Report card, on 100 held-out pairs with 200 prior draws each/);
  });

  it("learns the score by sally, and diagnoses it", async () => {
    const out = path("sally.safetensors");
    const trained = await galton("train", scores, "--out", out, "--onnx", path("sally.onnx"), ...small);
    expect(trained.status).toBe(0);
    expect(existsSync(path("sally.onnx"))).toBe(true);
    expect(trained.stdout).toMatch(
      /Score at \(0.5\) by sally; its mean on held-out rows, expected 0\n {2}right {2}\S+ \+- /,
    );
    const { stdout } = await galton("diagnose", out);
    expect(stdout).toMatch(/: sally, theta \(right\), x of shape \[\]\n[\s\S]*Score at \(0.5\) by sally/);
    const json = JSON.parse((await galton("diagnose", out, "--json")).stdout);
    expect(json).toMatchObject({ method: "sally", thetaRef: [0.5], names: ["right"] });
  });
});

describe("mistakes with gold", () => {
  const make = (...argv: string[]) => ["simulate", ...argv, "--n", "5", "--out", path("never")];
  const learn = (data: string, ...argv: string[]) => [
    "train",
    data,
    "--out",
    path("never.safetensors"),
    ...argv,
  ];
  it.each<[string, string[], RegExp]>([
    [
      "a module without a program",
      make(models, "--gold"),
      /"gaussian" gives no gold with its batches. Write it with defineProgram/,
    ],
    [
      "a module without the export",
      make(`${models}#bord`, "--gold"),
      /exports no simulator "bord"; it exports .*board/,
    ],
    [
      "a point of another length",
      make(program, "--gold", "--theta-ref", "0.5,1"),
      /thetaRef must hold 1 numbers \(right\), got \[0.5,1\]/,
    ],
    [
      "a point of no numbers",
      make(program, "--gold", "--theta-ref", "a"),
      /--theta-ref must be numbers such as 0.5 or 0.5,1, got "a"/,
    ],
    ["a point without gold", make(program, "--theta-ref", "0.5"), /--theta-ref goes with --gold or --scores/],
    ["a proposal without gold", make(program, "--proposal", "p.json"), /--proposal goes with --gold/],
    ["scores without a point", make(program, "--scores"), /--scores needs --theta-ref/],
    ["gold and scores", make(program, "--gold", "--scores"), /one of --gold and --scores, got both/],
    ["rows kept out", make(program, "--gold", "--invalid", "drop"), /--gold keeps no rows out/],
    ["a command", make("--command", "x", "--gold"), /--gold needs a module that exports a program/],
    [
      "a folder of other simulations",
      ["simulate", program, "--gold", "--n", "5", "--out", path("simulations")],
      /holds simulations without gold; expected classification pairs with gold/,
    ],
    [
      "a folder without gold",
      learn(path("simulations"), "--method", "alices"),
      /--method alices learns from simulations with --gold, but .* holds simulations without gold. Use --method aalr/,
    ],
    [
      "scores for a ratio",
      learn(scores, "--method", "carl"),
      /holds simulations with --scores. Use --method sally/,
    ],
    [
      "gold for a score",
      learn(gold, "--method", "sally"),
      /sally learns from simulations with --scores, but/,
    ],
    [
      "gold for aalr",
      learn(gold, "--method", "aalr"),
      /aalr learns from simulations without gold.*Use --method carl, rolr/,
    ],
    ["a table for alices", learn("t.csv", "--method", "alices"), /but t.csv holds simulations without gold/],
    ["an option of another method", learn(gold, "--gamma", "1"), /--gamma does not go with --method alices/],
    [
      "a weight without a score term",
      learn(gold, "--method", "carl", "--alpha", "1"),
      /--alpha does not go with --method carl/,
    ],
    ["a weight of zero", learn(gold, "--alpha", "0"), /--alpha must be a number/],
    [
      "a prior of a folder",
      learn(gold, "--prior", "p.json"),
      /--prior does not go with --method alices; the folder says it itself/,
    ],
    [
      "a structure that does not fit",
      learn(path("simulations"), "--structure", "reference"),
      /--structure does not go with --method aalr/,
    ],
    [
      "a posterior of a score",
      ["sample", path("sally.safetensors"), "--observed", "3"],
      /holds a score, which has no posterior of its own/,
    ],
    [
      "a report card of a score",
      ["diagnose", path("sally.safetensors"), "--data", gold],
      /but .* holds a score/,
    ],
  ])("%s: exit 1, a message and nothing else", async (_, argv, message) => {
    const { status, stdout, stderr } = await galton(...argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(existsSync(path("never.safetensors"))).toBe(false);
  });
});
