import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../../src/cli/arguments.js";
import { type Command, defineCommand } from "../../src/cli/command.js";
import { commands } from "../../src/cli/commands.js";
import { commandHelp } from "../../src/cli/help.js";
import {
  choice,
  decimal,
  integer,
  repeated,
  required,
  seed,
  shape,
  text,
  toggle,
  withDefault,
  words,
} from "../../src/cli/options.js";
import { splitWords } from "../../src/cli/simulator-argument.js";
import { nearest } from "../../src/core/nearest.js";
import { galton } from "./host.js";

const command = defineCommand({
  name: "cook",
  summary: "cook a dish",
  arguments: [
    { name: "DISH", help: "what to cook" },
    { name: "SAUCE", help: "what goes with it", optional: true },
  ],
  options: {
    pot: required(text("NAME", "which pot")),
    eggsPerGuest: withDefault(integer("N", "eggs"), "2"),
    salt: decimal("GRAMS", "salt", [0, 10]),
    heat: choice(["low", "high"], "how hot"),
    guests: words("NAMES", "who eats"),
    tray: shape("size of the tray"),
    add: repeated(text("THING", "something else")),
    seed: seed(),
    stir: toggle("stir"),
  },
  example: { command: "galton cook soup --pot big", result: "A soup." },
  run: async () => 0,
});

const parse = (line: string) => parseCommand(command, line.split(" ").filter(Boolean));

describe("the arguments of a command", () => {
  it("are read by the command's table", () => {
    const { words, options, common } = parse(
      "soup --pot big --eggs-per-guest=3 --salt 1e-1 --heat low --guests ann,bob --tray 3x4 --add a --add b --seed x --stir --quiet",
    );
    expect(words).toEqual(["soup", undefined]);
    expect(options).toEqual({
      pot: "big",
      eggsPerGuest: 3,
      salt: 0.1,
      heat: "low",
      guests: ["ann", "bob"],
      tray: [3, 4],
      add: ["a", "b"],
      seed: "x",
      stir: true,
    });
    expect(common.quiet).toBe(true);
  });

  it("fall back to defaults", () => {
    expect(parse("soup hollandaise --pot big")).toMatchObject({
      words: ["soup", "hollandaise"],
      options: { eggsPerGuest: 2, salt: undefined, add: [], seed: 0, stir: false },
    });
  });

  it("may be negative numbers, and anything behind =", () => {
    expect(parse("soup --pot -1").options.pot).toBe("-1");
    expect(parse("soup --pot=--big").options.pot).toBe("--big");
  });

  it("take a whole number as a number and other seeds as text", () => {
    const read = (value: string) => parse(`soup --pot big --seed ${value}`).options.seed;
    expect([read("7"), read("007"), read("1.5"), read("a7")]).toEqual([7, "007", "1.5", "a7"]);
  });

  it.each([
    ["soup --pto big", /unknown option --pto; did you mean --pot\?/],
    ["soup --eggs 3", /unknown option --eggs; did you mean --eggs-per-guest\?/],
    ["soup --zzz", /unknown option --zzz\./],
    ["soup -p big", /unknown option -p/],
    ["soup --pot", /--pot needs a value: --pot NAME/],
    ["soup --pot --stir", /--pot needs a value/],
    ["soup --pot a --pot b", /--pot is given twice/],
    ["soup --pot a --stir=yes", /--stir takes no value, got "yes"/],
    ["soup", /--pot NAME is missing/],
    ["--pot a", /DISH is missing \(what to cook\)/],
    ["soup sauce more --pot a", /unexpected argument "more"/],
    ["soup --pot a --eggs-per-guest 1.5", /must be a whole number of at least 1, got "1.5"/],
    ["soup --pot a --eggs-per-guest 0x10", /must be a whole number of at least 1, got "0x10"/],
    ["soup --pot a --eggs-per-guest=", /must be a whole number of at least 1, got ""/],
    ["soup --pot a --salt 11", /--salt must be a number from 0 to 10, got "11"/],
    ["soup --pot a --heat warm", /--heat must be one of low, high, got "warm"/],
    ["soup --pot a --guests ann,,bob", /--guests has an empty entry/],
    ["soup --pot a --tray 3x0", /--tray must be whole numbers such as 10 or 32x32/],
  ])("cook %s: an error that says what is wrong", (line, message) => {
    expect(() => parse(line)).toThrow(message);
    expect(() => parse(line)).toThrow(/^galton cook: /);
  });

  it("are kept as a line that a shell takes back", () => {
    expect(parseCommand(command, ["it's", "--pot", "a b"]).line).toBe(`galton cook 'it'\\''s' --pot 'a b'`);
  });
});

describe("nearest", () => {
  it.each([
    ["tarin", "train"],
    ["sim", "simulate"],
    ["Sample", "sample"],
    ["diagnosis", "diagnose"],
    ["xyz", undefined],
    ["", undefined],
  ])("of %s is %s", (word, expected) => {
    const known = ["simulate", "train", "sample", "diagnose"];
    expect(nearest(word, known)).toBe(expected);
  });
});

describe("splitWords", () => {
  it("splits as a shell does", () => {
    expect(splitWords(`python3 "my sim.py" --a='b c' ''`)).toEqual(["python3", "my sim.py", "--a=b c", ""]);
  });

  it.each(["", "  ", `python3 "sim.py`])("refuses %j", (line) => {
    expect(() => splitWords(line)).toThrow(/must be a program and its arguments/);
  });
});

describe("help", () => {
  const own = commands.filter((each): each is Command => "options" in each);

  it("lists every command", async () => {
    const { status, stdout, stderr } = await galton("--help");
    expect(status).toBe(0);
    expect(stderr).toBe("");
    for (const { name, summary } of commands) expect(stdout).toContain(`${name.padEnd(8)}  ${summary}`);
  });

  it.each(own.map((each) => [each.name, each] as const))("of %s names every option", async (name, each) => {
    const { status, stdout } = await galton(name, "--help");
    expect(status).toBe(0);
    expect(stdout).toBe(commandHelp(each));
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const option of Object.keys(each.options)) {
      expect(stdout).toContain(`--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    }
  });

  it.each(
    own.map((each) => [each.name, each] as const),
  )("of %s shows an example that parses", (name, each) => {
    const [program, command, ...argv] = splitWords(each.example.command);
    expect([program, command]).toEqual(["galton", name]);
    expect(() => parseCommand(each, argv)).not.toThrow();
  });

  it("shows defaults, required and repeatable options", () => {
    const help = commandHelp(command);
    expect(help).toMatch(/--pot NAME +which pot \(required\)/);
    expect(help).toMatch(/--eggs-per-guest N +eggs \(default 2\)/);
    expect(help).toMatch(/--add THING +something else \(may be repeated\)/);
    expect(help).toContain("galton cook DISH [SAUCE] [options]");
  });

  it("loads nothing but the command line itself", () => {
    const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
    const seen = new Set<string>();
    const foreign: string[] = [];
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const source = readFileSync(file, "utf8");
      for (const [, typeOnly, specifier] of source.matchAll(
        /^(?:import|export)\s+(type\s+)?[^;]*?from\s+"([^"]+)"/gm,
      )) {
        if (typeOnly || specifier.startsWith("node:")) continue;
        if (specifier.startsWith(".")) visit(resolve(dirname(file), specifier.replace(/\.js$/, ".ts")));
        else foreign.push(specifier);
      }
    };
    visit(resolve(root, "src/cli/main.ts"));
    expect(foreign).toEqual([]);
    const outside = [...seen]
      .map((file) => file.slice(root.length + 1))
      .filter((file) => !file.startsWith("src/cli/"));
    expect(outside).toEqual(["src/core/errors.ts", "src/core/nearest.ts"]);
  });
});

describe("galton", () => {
  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await galton("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("names the nearest command for an unknown one", async () => {
    const { status, stdout, stderr } = await galton("tarin");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/unknown command "tarin"; did you mean train\?/);
  });

  it("without a command shows its help as an error", async () => {
    const { status, stdout, stderr } = await galton();
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("Commands");
  });
});
