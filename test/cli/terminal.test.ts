import { describe, expect, it } from "vitest";
import { describeFailure, isMistake } from "../../src/cli/failure.js";
import { counter, duration, terminal } from "../../src/cli/terminal.js";
import { ConfigError, ShapeError } from "../../src/core/errors.js";

function record(isTTY: boolean, quiet = false) {
  const written: string[] = [];
  const clock = { now: 0 };
  const screen = terminal({
    stdout: { write: (text) => written.push(`out:${text}`) },
    stderr: { write: (text) => written.push(`err:${text}`), isTTY, columns: 20 },
    signal: new AbortController().signal,
    quiet,
    now: () => clock.now,
  });
  return { screen, written, clock };
}

describe("progress", () => {
  it("rewrites one line on a terminal, ten times a second, no wider than it", () => {
    const { screen, written, clock } = record(true);
    for (clock.now = 0; clock.now < 1000; clock.now += 10) screen.progress("x".repeat(50));
    expect(written.length).toBe(10);
    expect(new Set(written)).toEqual(new Set([`err:\r\x1b[2K${"x".repeat(19)}`]));
    screen.result("done");
    expect(written.slice(10)).toEqual(["err:\r\x1b[2K", "out:done\n"]);
  });

  it("writes a plain line every ten seconds into a log", () => {
    const { screen, written, clock } = record(false);
    for (clock.now = 0; clock.now <= 30_000; clock.now += 100) screen.progress(`at ${clock.now}`);
    expect(written).toEqual(["err:at 10000\n", "err:at 20000\n", "err:at 30000\n"]);
  });

  it("is silent with --quiet, as notes are; results are not", () => {
    const { screen, written } = record(true, true);
    screen.progress("a");
    screen.note("b");
    screen.json({ c: Number.NaN });
    expect(written).toEqual([`out:{"c":null}\n`]);
  });

  it("tells the time that is left at the speed so far", () => {
    const lines: string[] = [];
    const clock = { now: 0 };
    const show = counter({ progress: (text) => lines.push(text) }, "rows", () => clock.now);
    show({ done: 1000, total: 5000 });
    clock.now = 2000;
    show({ done: 2000, total: 5000 }); // 500 rows a second, 3000 to go
    expect(lines).toEqual([" 20 %  1,000 of 5,000 rows", " 40 %  2,000 of 5,000 rows, 6 s left"]);
  });

  it.each([
    [7.2, "8 s"],
    [200, "3 min 20 s"],
    [7500, "2 h 5 min"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe("failures", () => {
  it.each([
    new ShapeError("posterior: observed has 3 values."),
    new ConfigError("no matter what"),
    new RangeError("simulate: n must be a positive integer, got 0."),
    new TypeError("hmc: target has no gradient."),
    Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" }),
  ])("of the user are told by their message alone: %s", (error) => {
    expect(isMistake(error)).toBe(true);
    expect(describeFailure(error, "")).toBe(error.message);
  });

  it.each([
    new Error("anything else"),
    new TypeError("Cannot read properties of undefined (reading 'x')"),
    new RangeError("Maximum call stack size exceeded"),
    Object.assign(new TypeError("path: wrong"), { code: "ERR_INVALID_ARG_TYPE" }),
    "a string",
  ])("of galton show the stack and where to report them: %s", (error) => {
    expect(isMistake(error)).toBe(false);
    const text = describeFailure(error, "at https://example.org");
    expect(text).toContain(error instanceof Error ? "terminal.test.ts" : "a string");
    expect(text).toMatch(/fault of galton, not yours.*at https:\/\/example\.org\.$/);
  });

  it("show their causes", () => {
    expect(describeFailure(new Error("outer", { cause: new Error("inner") }), "")).toMatch(
      /outer[\s\S]*Caused by Error: inner/,
    );
  });
});
