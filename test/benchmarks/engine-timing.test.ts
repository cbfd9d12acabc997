/** The command `npm run bench:engine`. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../../benchmarks/engine/run.ts", import.meta.url));

/** Runs the command; `python` stands in `GALTON_PYTHON`. */
const run = (args: readonly string[], python = "") =>
  promisify(execFile)(process.execPath, ["--import", "tsx", script, ...args], {
    env: { ...process.env, GALTON_PYTHON: python },
  });

it("prints one JSON object per network and engine, and nothing else", async () => {
  const { stdout } = await run([
    "--json",
    "--networks",
    "mlp-small",
    "--engines",
    "onnx,wasm",
    "--rounds",
    "1",
  ]);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ network, engine, threads }) => ({ network, engine, threads }))).toEqual([
    { network: "mlp-small", engine: "onnx", threads: 1 },
    { network: "mlp-small", engine: "wasm", threads: 1 },
  ]);
  for (const line of lines) {
    expect(Object.keys(line)).toEqual(["network", "engine", "threads", "cpuMsPerStep"]);
    expect(line.cpuMsPerStep).toBeGreaterThan(0);
  }
});

it.each([
  ["unknown flags", ["--fast"], "", /Unknown option '--fast'/],
  ["unknown networks", ["--networks", "mlp-tiny"], "", /--networks names "mlp-tiny"; expected mlp-small/],
  ["unknown engines", ["--engines", "cuda"], "", /--engines names "cuda"; expected onnx/],
  ["rounds that are no number", ["--rounds", "0"], "", /--rounds must be a positive whole number, got 0/],
  [
    "an interpreter that is not there",
    ["--engines", "onnx"],
    "no-such-python",
    /no-such-python \(GALTON_PYTHON\)/,
  ],
])("refuses %s", async (_title, args, python, message) => {
  await expect(run(args, python)).rejects.toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});
