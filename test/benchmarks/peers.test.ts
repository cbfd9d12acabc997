/** Methods of another toolbox: the process, what is sent and what is believed, and the command `npm run bench:peers`. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { TrainingOptions } from "../../benchmarks/method.js";
import {
  type Answer,
  decodeArray,
  decodeNumber,
  encodeArray,
  openPeer,
  type Peer,
  type WireArray,
} from "../../benchmarks/peers/peer.js";
import { type SbiPreset, sbiMethod, sbiNreCMatched, sbiPeer } from "../../benchmarks/peers/sbi.js";
import { comparedMethods, peersTable, storedPeersTable } from "../../benchmarks/peers/table.js";
import { replaceBlock } from "../../benchmarks/report/blocks.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { simulate } from "../../src/simulate.js";
import { problem } from "./own.js";
import { fixtureRecords } from "./report-fixture.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const fake = path("fake-peer.mjs");
const open = (mode: string) => openPeer([process.execPath, fake, mode], "the peer");

describe("the process of a peer", () => {
  it("answers in the order of the questions, and can be closed", async () => {
    const peer = await open("honest");
    expect(peer.installed).toEqual({ python: "3.0", torch: "2.0", sbi: "0.0-fake" });
    const asked = [1, 2, 3].map((n) => peer.ask({ do: "echo", n }));
    expect((await Promise.all(asked)).map(({ request }) => (request as { n: number }).n)).toEqual([1, 2, 3]);
    expect(peer.isAlive()).toBe(true);
    await peer.close();
    expect(peer.isAlive()).toBe(false);
    await expect(peer.ask({ do: "echo" })).rejects.toThrow("the peer was closed");
  });

  it.each([
    [
      "dies",
      /^the peer ended with exit code 3; it wrote to standard error:\nMemoryError: no room left/,
      false,
    ],
    ["rubbish", /^the peer wrote a line that is no JSON object: 0\.5 nats$/, false],
    ["list", /^the peer wrote a line that is no JSON object: \[1,2\]$/, false],
    ["talks", /^the peer wrote a line that (nobody asked for|is no JSON object): Neural network/, false],
    ["fails", /^the peer failed: ValueError: nothing converged$/, true],
  ])("that %s says so, and is believed no more if it broke the protocol", async (mode, message, alive) => {
    const peer = await open(mode);
    const error = await peer.ask({ do: "echo" }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: "EngineError", message: expect.stringMatching(message) });
    expect(peer.isAlive()).toBe(alive);
    await peer.close();
  });

  it.each([
    ["greets-wrongly", /did not say first which python, torch and sbi/],
    ["no-sbi", /ended with exit code 1; .*\n.*\n.*No module named 'sbi'/],
  ])("that %s is not opened", async (mode, message) => {
    await expect(open(mode)).rejects.toThrow(message);
  });

  it("need not say more than it is asked to", async () => {
    const torch = await openPeer([process.execPath, fake, "honest"], "the peer", ["torch"]);
    expect(torch.installed).toEqual({ torch: "2.0" });
    await torch.close();
    const jax = openPeer([process.execPath, fake, "honest"], "the peer", ["jax"]);
    await expect(jax).rejects.toThrow("the peer did not say first which jax is installed.");
  });

  it("is ended by an abort", async () => {
    const peer = await open("hangs");
    const stop = new AbortController();
    const answer = peer.ask({ do: "echo" }, stop.signal);
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(answer).rejects.toThrow("enough");
    expect(peer.isAlive()).toBe(false);
  });
});

describe("arrays of a peer", () => {
  const values = matrix(2, 3, Float64Array.of(1, -2, 0.5, 3, 4, -0.25));

  it("come back as they went, to the precision of float32", () => {
    expect(decodeArray(encodeArray(values), 2, 3, "m")).toEqual(values);
    const third = decodeArray(encodeArray(matrix(1, 1, Float64Array.of(1 / 3))), 1, 1, "m");
    expect(third.data[0]).toBe(Math.fround(1 / 3));
  });

  const sent = encodeArray(values);
  it.each<[string, unknown, RegExp]>([
    ["another shape", { ...sent, shape: [3, 2] }, /expected an array \[2, 3\], got \[3, 2\] in 24 bytes/],
    ["too few bytes", { ...sent, float32: sent.float32.slice(0, 16) }, /got \[2, 3\] in 12 bytes/],
    ["no shape", { float32: sent.float32 }, /got \[\] in 24 bytes/],
    ["a word", "draws", /got \[\] in 0 bytes/],
    ["nothing", undefined, /got \[\] in 0 bytes/],
    ["NaN", encodeArray(matrix(2, 3, Float64Array.of(1, 2, 3, NaN, 5, 6))), /row 1 holds NaN/],
    ["infinity", encodeArray(matrix(2, 3, Float64Array.of(Infinity, 2, 3, 4, 5, 6))), /row 0 holds Infinity/],
  ])("are refused as %s", (_, value, message) => {
    expect(() => decodeArray(value, 2, 3, "m")).toThrow(message);
  });

  it.each([-1, "1", null, undefined])("numbers are refused as %s", (value) => {
    expect(() => decodeNumber({ cpuSeconds: value }, "cpuSeconds", "m")).toThrow(/"cpuSeconds" >= 0, got/);
  });
});

/** A peer in this process that remembers what it was asked. */
function memory(answers: Readonly<Record<string, Answer>>) {
  const asked: Record<string, unknown>[] = [];
  const peer: Peer = {
    installed: { python: "3", torch: "2", sbi: "1" },
    isAlive: () => true,
    async ask(request) {
      const { do: action } = request as { do: string };
      asked.push(request as Record<string, unknown>);
      return answers[action] ?? {};
    },
    async close() {},
  };
  return { asked, open: async () => peer };
}

const task = { problem, simulations: 50, seed: 3 };
const draws = matrix(40, 1, stream(key("draws")).normals(40));
const good = {
  train: { cpuSeconds: 2 },
  sample: { draws: encodeArray(draws), chains: 4, cpuSeconds: 0.25 },
  evaluate: { log: encodeArray(matrix(2, 1, Float64Array.of(0.5, -1.5))), cpuSeconds: 0.01 },
};

describe("a method of sbi", () => {
  const method = (preset: SbiPreset, { open }: Pick<ReturnType<typeof memory>, "open">) =>
    sbiMethod("sbi-test", "a test", preset, open);

  it("gets the very simulations that our methods get, and no option that nobody gave", async () => {
    const { asked, open } = memory(good);
    await using _ = await method({ kind: "nre-a" }, { open }).prepare(task);
    const { theta, x } = await simulate(problem.simulator, { n: 50, seed: 3 });
    expect(asked[0]).toMatchObject({ do: "train", seed: 3, kind: "nre-a", options: {} });
    expect(asked[0].prior).toEqual(problem.simulator.prior.spec);
    expect(asked[0].theta).toEqual(encodeArray(theta));
    expect(asked[0].x).toEqual(encodeArray(x));
  });

  it("samples, says what ran and what it cost, and forgets its network at the end", async () => {
    const { asked, open } = memory(good);
    {
      await using prepared = await method({ kind: "nre-c" }, { open }).prepare(task);
      expect(prepared).toMatchObject({ engine: "sbi 1 (torch 2, Python 3)", trainCpuSeconds: 2 });
      const sampled = await prepared.sample(Float64Array.of(0.5), { draws: 40, seed: 7 });
      expect(sampled.draws.data).toEqual(draws.data.map(Math.fround));
      expect(sampled.cpuSeconds).toBe(0.25);
      expect(asked[1]).toMatchObject({ do: "sample", draws: 40, seed: 7, observed: { shape: [1, 1] } });
      // independent draws in four chains of ten: R-hat is near 1, and most of the draws count
      expect(sampled.sampling.rhat).toBeLessThan(1.5);
      expect(sampled.sampling.essBulk).toBeGreaterThan(10);
      const logProb = await prepared.logProb!(matrix(2, 1, Float64Array.of(0, 1)), Float64Array.of(0.5));
      const logPrior = (theta: number) => -0.5 * (Math.log(2 * Math.PI) + theta ** 2);
      expect(logProb[0]).toBeCloseTo(logPrior(0) + 0.5, 12);
      expect(logProb[1]).toBeCloseTo(logPrior(1) - 1.5, 12);
    }
    expect(asked.map((request) => request.do)).toEqual(["train", "sample", "evaluate", "forget"]);
  });

  it("of a posterior has its density inside the prior, draws without chains, and no network of ours", async () => {
    const { chains: _, ...independent } = good.sample;
    const { open } = memory({ ...good, sample: independent });
    await using prepared = await method({ kind: "npe-maf" }, { open }).prepare(task);
    const { sampling } = await prepared.sample(Float64Array.of(0.5), { draws: 40, seed: 7 });
    expect(sampling).toEqual({ draws: 40 });
    const at = matrix(2, 1, Float64Array.of(0, 1));
    expect(await prepared.logProb!(at, Float64Array.of(0.5))).toEqual(Float64Array.of(0.5, -1.5));
    const training = { network: { kind: "mlp", hidden: [8], activation: "silu" } } as const;
    await expect(method({ kind: "npe-maf" }, { open }).prepare({ ...task, training })).rejects.toThrow(
      /no counterpart of the training option "network"/,
    );
  });

  it("of a likelihood has a density up to a constant", async () => {
    const { open } = memory(good);
    await using prepared = await method({ kind: "nle-maf" }, { open }).prepare(task);
    expect(prepared.logProb).toBeUndefined();
    const at = matrix(2, 1, Float64Array.of(0, 1));
    const [one, other] = await prepared.logDensity!(at, Float64Array.of(0.5));
    expect(one - other).toBeCloseTo(0.5 + 0.5 + 1.5, 12); // log prior and log likelihood
  });

  it("draws with our sampler from its density, where the preset says so", async () => {
    const { open } = memory(good);
    const { ask, ...rest } = await open();
    const exact: Peer = {
      ...rest,
      async ask(request) {
        const { do: action, theta } = request as { do: string; theta?: WireArray };
        if (action !== "evaluate") return ask(request);
        const at = decodeArray(theta, theta!.shape[0], 1, "test");
        const logRatio = at.data.map((value) => -0.5 * (value - 0.8) ** 2); // up to a constant
        return { log: encodeArray(matrix(at.rows, 1, logRatio)), cpuSeconds: 1 };
      },
    };
    const preset = { kind: "nre-c", sampler: "galton" } as const;
    await using prepared = await method(preset, { open: async () => exact }).prepare(task);
    const { draws: made, cpuSeconds } = await prepared.sample(Float64Array.of(0.8), { draws: 400, seed: 1 });
    const mean = made.data.reduce((sum, theta) => sum + theta, 0) / 400;
    expect(Math.abs(mean - 0.4)).toBeLessThan((4 * Math.SQRT1_2) / Math.sqrt(400 / 8)); // autocorrelation below 8
    expect(cpuSeconds).toBeGreaterThan(10); // a second for each question
  });

  it.each<[string, object, RegExp]>([
    ["without a cost", { train: {} }, /sbi-test: expected a number "cpuSeconds"/],
    ["of another shape", { sample: { ...good.sample, draws: encodeArray(matrix(40, 2)) } }, /got \[40, 2\]/],
    ["that hold NaN", { sample: { ...good.sample, draws: encodeArray(nans()) } }, /row 0 holds NaN/],
  ])("refuses answers %s", async (_, answers, message) => {
    const { open } = memory({ ...good, ...answers });
    const result = method({ kind: "nre-a" }, { open })
      .prepare(task)
      .then((prepared) => prepared.sample(Float64Array.of(0.5), { draws: 40, seed: 7 }));
    await expect(result).rejects.toThrow(message);
  });

  it("takes the options that sbi has, and refuses others by name", async () => {
    const { asked, open } = memory(good);
    const matched: SbiPreset = { kind: "nre-c", options: () => ({ batchSize: 100, contrasts: 4 }) };
    const training = { epochs: 2, contrasts: 8, patience: undefined } as TrainingOptions;
    await using _ = await method(matched, { open }).prepare({ ...task, training });
    expect(asked[0].options).toEqual({ batchSize: 100, contrasts: 8, epochs: 2 });
    const refused = (preset: SbiPreset, options: TrainingOptions) =>
      expect(method(preset, { open }).prepare({ ...task, training: options })).rejects;
    await refused(matched, { schedule: "constant" }).toThrow(
      /no counterpart of the training option "schedule"/,
    );
    await refused({ kind: "nre-a" }, { contrasts: 4 }).toThrow(
      /option "contrasts"; it has epochs, batchSize/,
    );
  });
});

function nans() {
  return matrix(40, 1, new Float64Array(40).fill(NaN));
}

describe("the interpreter", () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ["is not named", "", /GALTON_PYTHON must name a Python interpreter that has sbi\. Type "python3 -m venv/],
    [
      "is not there",
      "no-such-python",
      /no-such-python \(GALTON_PYTHON\) could not be started.*Type "python3/s,
    ],
  ])("that %s gives an error that says what to type", async (_, python, message) => {
    vi.stubEnv("GALTON_PYTHON", python);
    await expect(sbiPeer()).rejects.toMatchObject({
      name: "ConfigError",
      message: expect.stringMatching(message),
    });
    await expect(sbiNreCMatched.prepare(task)).rejects.toThrow(message);
  });

  it("is started once, and again where it ended", async () => {
    vi.stubEnv("GALTON_PYTHON", fake);
    const peer = await sbiPeer();
    expect(await sbiPeer()).toBe(peer);
    await peer.close();
    const other = await sbiPeer();
    expect(other).not.toBe(peer);
    await other.close();
  });
});

describe("the table of a comparison", () => {
  const records = fixtureRecords({
    problems: ["two_moons"],
    methods: ["aalr", "sbi-nre-c", "sbi-nre-a"],
    simulations: [1000],
    failed: ["two_moons.sbi-nre-a.1000.obs1.seed1"],
  });

  it("has a row per method with its costs in those of ours, and what was installed and when", () => {
    const text = peersTable(records, "npm run bench:peers");
    const [, , ...rows] = text.split("\n").filter((line) => line.startsWith("|"));
    const cells = rows.map((line) => line.split(" | "));
    expect(cells.map(([problem, n, method]) => [problem, n, method])).toEqual(
      ["aalr", "sbi-nre-c", "sbi-nre-a"].map((method) => ["| two_moons", "1000", method]),
    );
    const [ours, theirs, orphan] = cells;
    expect([ours[8], orphan[8]]).toEqual(["", ""]); // nre-a, the counterpart of sbi-nre-a, was not run
    expect(Number(theirs[8])).toBeCloseTo(Number(theirs[7]) / Number(ours[7]), 1);
    expect(text).toMatch(
      /\n\nMeasured 2026-11-22 with `npm run bench:peers`; installed: onnx .*; observations 1 to 3, seeds 1 to 2; \*\*1 of 18 jobs failed\*\*\.$/,
    );
  });

  it("stands in its block of RESULTS.md, where results are stored", async () => {
    const folder = mkdtempSync(join(tmpdir(), "galton-stored-"));
    const text = "a\n<!-- peers -->\nold\n<!-- /peers -->\nb";
    const block = () => replaceBlock(text, "peers", () => storedPeersTable(folder));
    expect(await block()).toBe("a\n<!-- peers -->\nNot measured.\n<!-- /peers -->\nb");
    mkdirSync(join(folder, "peers"));
    const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
    writeFileSync(join(folder, "peers", "results.jsonl"), lines);
    expect(await block()).toContain(
      `<!-- peers -->\n${peersTable(records, "npm run bench:peers -- --problems two_moons --methods aalr,sbi-nre-c,sbi-nre-a")}\n<!--`,
    );
    expect(await replaceBlock("no block", "peers", async () => "")).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  it("names each of ours beside its counterparts", () => {
    expect(comparedMethods).toEqual([
      ...["aalr", "sbi-nre-c", "sbi-nre-c-matched", "sbi-nre-c-matched-mh"],
      ...["nre-a", "sbi-nre-a", "sbi-nre-a-matched"],
      ...["npe", "sbi-npe-nsf", "npe-maf", "sbi-npe-maf", "nle", "sbi-nle"],
    ]);
  });
});

describe("npm run bench:peers", () => {
  const out = mkdtempSync(join(tmpdir(), "galton-peers-"));
  afterAll(() => rmSync(out, { recursive: true, force: true }));
  const run = (args: readonly string[]) =>
    promisify(execFile)(
      process.execPath,
      ["--import", "tsx", path("../../benchmarks/peers/run.ts"), ...args],
      {
        env: { ...process.env, GALTON_PYTHON: fake },
      },
    );

  it("prints a flat line per job with what is installed, stores it, and ends its peer", async () => {
    const few = ["--observations", "1", "--simulations", "60", "--draws", "60", "--scores", "mmd"];
    const methods = ["--methods", "prior,sbi-nre-a,sbi-nre-c-matched"];
    const { stdout } = await run(["--problems", "two_moons", ...methods, ...few, "--json", "--out", out]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ method }) => method)).toEqual(["prior", "sbi-nre-a", "sbi-nre-c-matched"]);
    expect(lines[1]).toMatchObject({
      problem: "two_moons",
      simulations: 60,
      observation: 1,
      seed: 1,
      trainCpuSeconds: 1.5,
      sampleCpuSeconds: 0.5,
      installed: { python: "3.0", torch: "2.0", sbi: "0.0-fake" },
    });
    for (const name of ["mmd", "load"]) expect(lines[1][name]).toEqual(expect.any(Number));
    expect(readFileSync(join(out, "results.jsonl"), "utf8").split("\n")).toHaveLength(4);
  });

  it("refuses numbers that are none, before anything is started", async () => {
    await expect(run(["--seeds", "one"])).rejects.toMatchObject({
      code: 1,
      stdout: "",
      stderr: 'bench:peers: --seeds must be whole numbers such as 1,2,3 or 1-3, got "one".\n',
    });
  });
});
