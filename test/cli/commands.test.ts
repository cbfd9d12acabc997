import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { row } from "../../src/core/matrix.js";
import { readDataset } from "../../src/dataset/files.js";
import { encodeNpy } from "../../src/dataset/npy.js";
import { galton, interrupted, type Outcome } from "./host.js";
import { models, trainedFolder } from "./trained.js";

const here = dirname(fileURLToPath(import.meta.url));
const { folder, path, write, estimator } = trainedFolder();
/** A small network is enough to see what a command does with it. */
const small = ["--epochs", "1", "--width", "8", "--blocks", "1"];

describe("galton simulate", () => {
  it("runs a program that speaks JSON lines", async () => {
    const program = write(
      "program.mjs",
      `import { createInterface } from "node:readline";
       for await (const line of createInterface({ input: process.stdin })) {
         const { id, theta } = JSON.parse(line);
         console.log(JSON.stringify({ id, x: [theta.mu, 2 * theta.mu] }));
       }`,
    );
    const outcome = await galton(
      ...[
        "simulate",
        "--command",
        `"${process.execPath}" "${program}"`,
        "--prior",
        write("p.json", '{"mu": [1, 2]}'),
      ],
      ...["--x-shape", "2", "--n", "30", "--out", path("program")],
    );
    expect(outcome).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/30 simulations, theta \(mu\), x of shape \[2\]/),
    });
    const { theta, x } = await readDataset(path("program"));
    theta.data.forEach((mu, i) => {
      expect(Array.from(row(x, i))).toEqual([mu, 2 * mu]);
    });
  });

  it("writes the same folder as the library and can say so as JSON", async () => {
    const { status, stdout } = await galton(
      "simulate",
      models,
      "--n",
      "300",
      "--seed",
      "1",
      "--out",
      path("s"),
      "--json",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      out: path("s"),
      n: 300,
      rows: 300,
      dropped: 0,
      names: ["mu", "sigma"],
      xShape: [3],
      seed: 1,
    });
    const shards = readdirSync(path("s"));
    expect(shards).toEqual(readdirSync(path("simulations")));
    for (const shard of shards) {
      expect(
        readFileSync(join(path("s"), shard)).equals(readFileSync(join(path("simulations"), shard))),
      ).toBe(true);
    }
  });

  it("keeps rows out on request and counts them", async () => {
    const { stdout } = await galton(
      ...["simulate", `${models}#sometimesNaN`, "--n", "200", "--invalid", "drop", "--out", path("dropped")],
    );
    expect(stdout).toMatch(/\d+ simulations, .*; \d+ rows that were not finite were kept out/);
  });
});

describe("galton train", () => {
  it("takes a CSV with a prior from a file, an ensemble and a method", async () => {
    const lines = Array.from({ length: 60 }, (_, i) => `${i / 60},${Math.sin(i)},${i % 7}`);
    const table = write("table.csv", `mu,a,b\n${lines.join("\n")}\n`);
    const unnamed = await galton("train", table, "--out", path("t.safetensors"), ...small);
    expect(unnamed).toMatchObject({ status: 1, stdout: "" });
    expect(unnamed.stderr).toMatch(/pass --theta mu,sigma with their names, or --prior/);
    const { status, stdout, stderr } = await galton(
      ...["train", table, "--prior", write("prior.json", '{"mu": [0, 1]}'), "--method", "bnre"],
      ...[
        "--out",
        path("t.safetensors"),
        "--ensemble",
        "2",
        "--validation-fraction",
        "0.4",
        ...small,
        "--json",
      ],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({
      names: ["mu"],
      xShape: [2],
      loss: { contrasts: 1, gamma: 1, balance: 100 },
    });
    expect(told.logs.length).toBe(2);
    expect(told.card.pairs).toBe(24);
    expect(readdirSync(folder).filter((name) => name.includes("checkpoint"))).toEqual([]);
  });

  it("takes a pair of NPY files", async () => {
    const theta = Float64Array.from({ length: 50 }, (_, i) => i / 50);
    const x = Float64Array.from({ length: 200 }, (_, i) => Math.cos(i));
    writeFileSync(path("theta.npy"), encodeNpy({ shape: [50, 1], values: theta }));
    writeFileSync(path("x.npy"), encodeNpy({ shape: [50, 2, 2], values: x }));
    const { status, stdout } = await galton(
      ...[
        "train",
        `${path("theta.npy")},${path("x.npy")}`,
        "--theta",
        "mu",
        "--out",
        path("n.safetensors"),
        ...small,
      ],
      "--json",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ names: ["mu"], xShape: [2, 2], card: null });
  });

  it("writes the estimator as an ONNX model on request, and refuses first where it cannot", async () => {
    const argv = ["train", path("simulations"), ...small, "--out", path("o.safetensors"), "--onnx"];
    expect((await galton(...argv, path("o.onnx"))).status).toBe(0);
    const { default: ort } = await import("onnxruntime-node");
    const session = await ort.InferenceSession.create(path("o.onnx"));
    expect([session.inputNames, session.outputNames]).toEqual([["theta", "x"], ["log_ratio"]]);
    await session.release();
    const refused = await galton(...argv, path("no/o.onnx"));
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/the folder .* is missing or not writable/);
  });

  it("stopped by Ctrl-C, goes on from its checkpoint to the same bytes", async () => {
    const argv = ["train", path("simulations"), "--epochs", "40", "--width", "8", "--blocks", "1"];
    const stopped = await interrupted(...argv, "--out", path("stopped.safetensors"));
    expect(stopped.status).toBe(130);
    expect(stopped.stderr).toMatch(
      /after the last whole epoch is in .*stopped.safetensors.checkpoint; run the same/,
    );
    expect(existsSync(path("stopped.safetensors"))).toBe(false);
    const resumed = await galton(...argv, "--out", path("stopped.safetensors"), "--json");
    const whole = await galton(...argv, "--out", path("whole.safetensors"), "--json");
    const facts = ({ stdout }: Outcome) => {
      const { logs, card } = JSON.parse(stdout);
      return { epochs: logs[0].epochs, card };
    };
    expect(facts(resumed)).toEqual(facts(whole));
    expect(existsSync(path("stopped.safetensors.checkpoint"))).toBe(false);
  });

  it("says when there is no prior", async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `${i},${i}`).join("\n");
    const { status, stderr, stdout } = await galton(
      ...[
        "train",
        write("bare.csv", `mu,x\n${rows}\n`),
        "--theta",
        "mu",
        "--out",
        path("bare.safetensors"),
        ...small,
      ],
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/no prior: there will be no report card, and sample needs --prior/);
    expect(stdout).toMatch(/No report card/);
  });
});

describe("galton sample", () => {
  const draw = [
    "sample",
    estimator,
    "--observed",
    "0.9,1.4,1.1",
    "--chains",
    "8",
    "--warmup",
    "50",
    "--draws",
    "40",
  ];

  it("gives the same draws for the same seed, and JSON alone on standard output", async () => {
    const [a, b, c] = [path("a.json"), path("b.json"), path("c.json")];
    const first = await galton(...draw, "--out", a, "--seed", "7", "--json");
    expect(first).toMatchObject({ status: 0, stderr: "" });
    const { rows, warnings, file } = JSON.parse(first.stdout);
    expect(rows.map((row: { name: string }) => row.name)).toEqual(["mu", "sigma"]);
    expect(warnings).toBeInstanceOf(Array);
    expect(file).toBe(a);
    await galton(...draw, "--out", b, "--seed", "7");
    await galton(...draw, "--out", c, "--seed", "8");
    const values = (name: string) => JSON.parse(readFileSync(name, "utf8")).values;
    expect(values(a)).toEqual(values(b));
    expect(values(a)).not.toEqual(values(c));
  });

  it.each(["metropolis", "nuts", "slice"])("holds parameters and samples by %s", async (sampler) => {
    const { status, stdout } = await galton(...draw, "--given", "sigma=1", "--sampler", sampler);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${sampler}, 8 chains of 40 draws, given sigma = 1\\n`));
    expect(stdout).not.toMatch(/^sigma /m);
  });

  it("warns of an observation outside the simulations", async () => {
    const far = [
      "sample",
      estimator,
      "--observed",
      "50,-50,50",
      "--chains",
      "4",
      "--warmup",
      "5",
      "--draws",
      "8",
    ];
    const { status, stdout } = await galton(...far, "--data", path("simulations"));
    expect(status).toBe(0);
    expect(stdout).toMatch(/! The observation lies outside the simulations/);
  });

  it("stopped by Ctrl-C, goes on from its checkpoint to the same draws", async () => {
    const long = ["sample", estimator, "--observed", "0.9,1.4,1.1", "--chains", "50", "--draws", "200"];
    const stopped = await interrupted(...long, "--out", path("stopped.json"));
    expect(stopped.status).toBe(130);
    expect(stopped.stderr).toMatch(/The chains are in .*stopped.json.checkpoint; run the same command again/);
    await galton(...long, "--out", path("stopped.json"));
    await galton(...long, "--out", path("whole.json"));
    const drawn = (name: string) => {
      const { values, stats } = JSON.parse(readFileSync(path(name), "utf8"));
      return { values, stats };
    };
    expect(drawn("stopped.json")).toEqual(drawn("whole.json"));
  });

  it("refuses the checkpoint of another run until told to start afresh", async () => {
    const out = path("resumed.json");
    write("resumed.json.checkpoint", '{"format":"galton-sampling","fingerprint":"other"}');
    expect(await galton(...draw, "--out", out)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /is the checkpoint of a run with another estimator, observation or options/,
      ),
    });
    expect((await galton(...draw, "--out", out, "--restart")).status).toBe(0);
    expect(existsSync(`${out}.checkpoint`)).toBe(false);
  });
});

describe("galton diagnose", () => {
  it("tells warnings without failing, and fails with --strict", async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `${i < 20 ? 0 : 1},${i % 20},${i}`); // two chains far apart
    const file = write("stuck.csv", `chain,draw,mu\n${lines.join("\n")}\n`);
    const lenient = await galton("diagnose", file);
    expect(lenient.status).toBe(0);
    expect(lenient.stdout).toMatch(/! R-hat is above 1.01 for mu/);
    expect((await galton("diagnose", file, "--strict")).status).toBe(1);
    const { warnings } = JSON.parse((await galton("diagnose", file, "--json")).stdout);
    expect(warnings.length).toBeGreaterThan(0);
  });

  it("shows the report card of an estimator, or a new one from other simulations", async () => {
    const kept = await galton("diagnose", estimator);
    expect(kept.stdout).toMatch(/Report card, on 30 held-out pairs with 2048 prior draws each/);
    const data = ["--data", path("simulations"), "--pairs", "100", "--prior-draws", "256"];
    const fresh = await galton("diagnose", estimator, ...data);
    expect(fresh.stdout).toMatch(/Report card, on 100 held-out pairs with 256 prior draws each/);
  });
});

describe("galton report", () => {
  it("needs nothing from elsewhere and is the same for the same files", async () => {
    const drawn = path("r.arrow");
    await galton(
      ...["sample", estimator, "--observed", "0.9,1.4,1.1", "--chains", "4", "--draws", "50", "--out", drawn],
    );
    const argv = [
      "report",
      "--estimator",
      estimator,
      "--draws",
      `mine=${drawn}`,
      "--out",
      path("report.html"),
    ];
    const { status, stdout } = await galton(...argv, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout).sections).toEqual([
      "Posterior of mu, sigma",
      "Observation",
      "Chains of mine",
      "Training",
      "How far to trust it",
    ]);
    const page = readFileSync(path("report.html"), "utf8");
    expect(page).not.toMatch(/(src|href)\s*=\s*"(?!data:text\/csv|#)/);
    await galton(...argv, "--json");
    expect(readFileSync(path("report.html"), "utf8")).toBe(page);
  });
});

describe("galton doctor", () => {
  it("names an engine that passes the self test", async () => {
    const { status, stdout } = await galton("doctor", "--json");
    const { engine, engines, selfTest, packages } = JSON.parse(stdout);
    expect(status).toBe(0);
    expect(engines.map(({ name }: { name: string }) => name)).toEqual(["onnx", "wasm", "tfjs"]);
    expect(engines.find(({ name }: { name: string }) => name === engine).available).toBe(true);
    expect(selfTest).toMatchObject({ passed: true });
    for (const { installed, install, name } of packages) {
      if (installed === null)
        expect(install).toMatch(new RegExp(`^npm install (--ignore-scripts )?${name}@`));
      else expect(installed).toMatch(/^\d+\./);
    }
  });

  it("knows the versions that package.json asks for", async () => {
    const wanted = JSON.parse(readFileSync(resolve(here, "../../package.json"), "utf8"));
    const { packages } = JSON.parse((await galton("doctor", "--json")).stdout);
    const source = readFileSync(resolve(here, "../../src/cli/commands/doctor.ts"), "utf8");
    for (const { name } of packages) {
      const version = wanted.optionalDependencies[name] ?? wanted.peerDependencies[name];
      expect(source).toContain(`["${name}", "${version}"`);
    }
  });
});
