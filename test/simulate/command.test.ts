import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type CommandOptions, type CommandSimulator, commandSimulator } from "../../src/command-simulator.js";
import { SimulatorError } from "../../src/core/errors.js";
import { row, toRows } from "../../src/core/matrix.js";
import { simulate } from "../../src/simulate.js";
import { prior } from "./simulators.js";

const scratch = mkdtempSync(join(tmpdir(), "galton-command-"));
const started: CommandSimulator[] = [];
afterAll(async () => {
  await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
  rmSync(scratch, { recursive: true });
});

let scripts = 0;
/** A command that runs `body` for each row; `row` is what came in, `reply` writes a line. */
function node(body: string, options: Partial<CommandOptions> = {}): CommandSimulator {
  const path = join(scratch, `sim-${scripts++}.mjs`);
  writeFileSync(
    path,
    `import { createInterface } from "node:readline";
     let count = 0;
     const reply = (answer) => process.stdout.write((typeof answer === "string" ? answer : JSON.stringify(answer)) + "\\n");
     createInterface({ input: process.stdin }).on("line", (line) => { const row = JSON.parse(line); count++; ${body} });`,
  );
  const simulator = commandSimulator({ command: [process.execPath, path], prior, xShape: [2], ...options });
  started.push(simulator);
  return simulator;
}
const echo = "reply({ id: row.id, x: [row.theta.mu, row.theta.sigma] })";

describe("commandSimulator", () => {
  it("sends each row's parameters and seed, exactly, and keeps rows apart", async () => {
    const simulator = node("reply({ id: row.id, x: [[row.theta.mu], [row.seed]] })", { xShape: [2, 1] });
    const { theta, x } = await simulate(simulator, { n: 60, seed: 1 });
    const seeds = toRows(x).map((each) => each[1]);
    expect(toRows(x).map((each) => each[0])).toEqual(toRows(theta).map((each) => each[0]));
    expect(new Set(seeds).size).toBe(60);
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
    const again = await simulate(simulator, { n: 60, seed: 1, shardSize: 7 });
    expect(again.x).toEqual(x);
  });

  it("keeps one process alive, with rows in its pipeline, and takes answers in any order", async () => {
    const simulator = node(`
      globalThis.rows ??= []; rows.push(row);
      if (rows.length === 8) for (const each of rows.splice(0).reverse()) reply({ id: each.id, x: [process.pid, each.theta.mu] });
    `);
    const { theta, x } = await simulate(simulator, { n: 64, seed: 1 });
    expect(new Set(toRows(x).map((each) => each[0])).size).toBe(1);
    expect(toRows(x).map((each) => each[1])).toEqual(toRows(theta).map((each) => each[0]));
  });

  it("reads null as NaN and an error as a row without data", async () => {
    const simulator = node(`
      if (row.id === 3) reply({ id: 3, error: "did not converge" });
      else reply({ id: row.id, x: [1, row.id === 5 ? null : 2] });
    `);
    const kept = await simulate(simulator, { n: 10, seed: 1, invalid: "drop" });
    expect(kept.dropped).toBe(2);
    const failed = simulate(simulator, { n: 10, seed: 1 });
    await expect(failed).rejects.toThrow(/2 of the 10 simulations .* row 3 \(mu = .*did not converge/);
  });

  it.each([
    ["an unknown id", "reply({ id: 999, x: [1, 2] })", /has the id 999, which is no row/],
    ["no id", "reply({ x: [1, 2] })", /has the id undefined/],
    ["an answer given twice", `${echo}; ${echo}`, /has the id \d+, which is no row/],
    ["NaN in JSON", `reply('{"id": ' + row.id + ', "x": [NaN, 1]}')`, /not JSON \(write null for NaN/],
    ["a log line", `reply("hello")`, /not JSON.*The line was: hello/],
    ["a bare number", `reply("3")`, /not a JSON object/],
    ["too many values", "reply({ id: row.id, x: [1, 2, 3] })", /has 3 values in "x"; xShape needs 2/],
    ["text", `reply({ id: row.id, x: ["a", 2] })`, /must hold "x", numbers or null, got "a"/],
    ["no x", "reply({ id: row.id })", /must hold "x"/],
  ])("refuses %s", async (_, body, message) => {
    const failed = simulate(node(body), { n: 5, seed: 1, invalid: "drop" });
    await expect(failed).rejects.toThrow(SimulatorError);
    await expect(failed).rejects.toThrow(message);
  });

  it("gives up only the row that crashes the command, and says what it wrote to standard error", async () => {
    const simulator = node(`
      if (row.id === 6) { process.stderr.write("matrix is singular\\n", () => process.exit(3)); }
      else ${echo};
    `);
    const kept = await simulate(simulator, { n: 12, seed: 1, invalid: "drop" });
    const { theta } = await simulate(node(echo), { n: 12, seed: 1 });
    const others = Array.from({ length: 12 }, (_, i) => i).filter((i) => i !== 6);
    expect(kept.dropped).toBe(1);
    expect(toRows(kept.x)).toEqual(others.map((i) => Array.from(row(theta, i))));
    const failed = simulate(simulator, { n: 12, seed: 1 });
    await expect(failed).rejects.toThrow(
      /row 6 .* exit code 3; it wrote to standard error:\nmatrix is singular/,
    );
  });

  it("gives up only the row that exceeds its time", async () => {
    const simulator = node(`if (row.id !== 4) ${echo}`, {
      timeoutSeconds: 0.15,
      startSeconds: 1.5,
      pipeline: 1,
    });
    const kept = await simulate(simulator, { n: 9, seed: 1, invalid: "drop" });
    expect(kept.dropped).toBe(1);
    const slow = node("setTimeout(() => reply({ id: row.id, x: [1, 2] }), 90)", {
      timeoutSeconds: 0.25,
      startSeconds: 1.5,
      pipeline: 1,
    });
    expect((await simulate(slow, { n: 4, seed: 1 })).dropped).toBe(0); // the limit is for a row, not for the batch
  });

  it.each([
    ["does not exist", ["galton-no-such-program"], 20, /could not be started: .*ENOENT/],
    ["ends at once", ["sh", "-c", "echo no licence >&2; exit 2"], 20, /exit code 2; it wrote .*\nno licence/],
    ["ends at once in peace", ["true"], 20, /exit code 0, before it answered any row/],
    ["never answers", ["sleep", "60"], 0.1, /gave no answer for 0.2 s/],
  ])("does not wait for ever for a command that %s", async (_, command, timeoutSeconds, message) => {
    const simulator = commandSimulator({ command, prior, xShape: [], timeoutSeconds, startSeconds: 0.1 });
    await expect(simulate(simulator, { n: 40, seed: 1, invalid: "drop" })).rejects.toThrow(message);
  });

  it("stops asking a command that loses every row", async () => {
    const script = `while read line; do case "$line" in *'"id":0,'*) echo '{"id":0,"x":1}';; *) exit 1;; esac; done`;
    const simulator = commandSimulator({ command: ["sh", "-c", script], prior, xShape: [], pipeline: 1 });
    started.push(simulator);
    const failed = simulate(simulator, { n: 60, seed: 1, invalid: "drop" });
    await expect(failed).rejects.toThrow(/row 20 .* exit code 1, at 20 rows on end/);
  });

  it("starts a new process after the old one left between two runs", async () => {
    const simulator = node(`${echo}; if (count === 5) setTimeout(() => process.exit(), 1)`);
    const first = await simulate(simulator, { n: 5, seed: 1 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await simulate(simulator, { n: 5, seed: 1 })).x).toEqual(first.x);
  });

  it("ends the process on an abort and at disposal", async () => {
    const silent = node("");
    const signal = AbortSignal.timeout(50);
    await expect(simulate(silent, { n: 5, seed: 1, signal })).rejects.toThrow(/timeout/);
    const simulator = node("reply({ id: row.id, x: [process.pid, 0] })");
    const { x } = await simulate(simulator, { n: 1, seed: 1 });
    expect(process.kill(x.data[0], 0)).toBe(true); // alive
    await simulator[Symbol.asyncDispose]();
    expect(() => process.kill(x.data[0], 0)).toThrow(/ESRCH/);
  });

  it.each([
    [{ command: [] }, /list of words/],
    [{ command: "python3 sim.py" }, /list of words/],
    [{ timeoutSeconds: 0 }, /timeoutSeconds > 0/],
    [{ pipeline: 0 }, /integer pipeline/],
    [{ xShape: [0] }, /xShape must be/],
  ])("refuses %o", (options, message) => {
    expect(() => commandSimulator({ command: ["true"], prior, xShape: [1], ...(options as object) })).toThrow(
      message,
    );
  });
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;
describe.skipIf(!hasPython)("the Python example (skipped where there is no python3)", () => {
  const script = fileURLToPath(new URL("../../examples/simulators/gaussian.py", import.meta.url));

  it("draws from the normal that theta says, the same for the same seed", async () => {
    const python = commandSimulator({ command: ["python3", script], prior, xShape: [3] });
    started.push(python);
    const { theta, x } = await simulate(python, { n: 2000, seed: "python" });
    const z = Array.from(
      x.data,
      (value, i) => (value - row(theta, Math.floor(i / 3))[0]) / row(theta, Math.floor(i / 3))[1],
    );
    const mean = z.reduce((sum, value) => sum + value, 0) / z.length;
    const variance = z.reduce((sum, value) => sum + value * value, 0) / z.length;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(6000)); // four standard errors
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 6000));
    expect((await simulate(python, { n: 20, seed: "python" })).x.data).toEqual(x.data.slice(0, 60));
  });

  it("answers with an error where it cannot simulate, and goes on", async () => {
    const answer = spawnSync("python3", [script], {
      input:
        '{"id": 0, "theta": {"mu": 1}, "seed": 1}\n{"id": 1, "theta": {"mu": 1, "sigma": 0}, "seed": 1}\n',
    });
    const [first, second] = answer.stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toEqual({ id: 0, error: "'sigma'" });
    expect(second).toEqual({ id: 1, x: [1, 1, 1] });
  });
});
