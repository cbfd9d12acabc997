/**
 * `galton simulate`: parameters from the prior, data from the simulator, into a folder.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { executorOptions, openExecutor } from "../executor-option.js";
import { choice, decimal, integer, required, seed, shape, text, toggle, withDefault } from "../options.js";
import { counter } from "../terminal.js";

/** Simulates into a folder that a stopped run continues. */
export const simulate = defineCommand({
  name: "simulate",
  summary: "draw parameters from the prior and data from the simulator",
  description:
    "Writes a folder of Arrow files and a manifest. The bytes depend on simulator, seed and N alone, not on the " +
    "number of workers, and a longer run begins with a shorter one. A run that was stopped, or had no more room on the disk, " +
    "goes on when it is started again with the same arguments. Only a few files are held in memory at a time.",
  arguments: [
    {
      name: "SIMULATOR",
      help: "module that exports `simulator`, such as ./simulator.js, or ./models.js#name; left out with --command",
      optional: true,
    },
  ],
  options: {
    n: required(integer("N", "number of simulations")),
    out: required(text("FOLDER", "where they are written")),
    seed: seed(),
    ...executorOptions,
    shardSize: integer(
      "N",
      "rows in one file; default a twentieth of N, at most 10,000; a thousandth from ten million on",
    ),
    invalid: withDefault(
      choice(["error", "drop"], "rows that are not finite: stop, or keep them out and count them"),
      "error",
    ),
    command: text("LINE", 'program that reads and writes JSON lines, such as "python3 sim.py"'),
    prior: text("FILE", 'with --command: JSON such as {"mu": [-3, 3], "sigma": [0.1, 2]}'),
    xShape: shape("with --command: shape of one data row, such as 10 or 32x32"),
    timeout: decimal("SECONDS", "with --command: longest time for one row; default 60", [
      0.001,
      Number.MAX_VALUE,
    ]),
    json: toggle("print the result as JSON"),
  },
  example: {
    command: "galton simulate ./simulator.js --n 10000 --seed hello --out simulations",
    result:
      "Imports `simulator` from simulator.js in the current folder, writes 10,000 rows to simulations/ and prints the columns.",
  },

  async run({ words: [source], options }, terminal) {
    const { n, out, workers, shardSize, invalid } = options;
    if ((source === undefined) === (options.command === undefined)) {
      throw new ConfigError(
        `simulate: expected either a module (galton simulate ./simulator.js ...) or --command, got ${source === undefined ? "neither" : "both"}.`,
      );
    }
    const elsewhere =
      options.redis !== undefined ? "--redis" : workers > 1 ? `--workers ${workers}` : undefined;
    if (options.command !== undefined && elsewhere) {
      throw new ConfigError(
        `simulate: ${elsewhere} needs a module: a command is one process. Leave ${elsewhere.split(" ")[0]} out.`,
      );
    }
    const extra = (["prior", "xShape", "timeout"] as const).find((name) => options[name] !== undefined);
    if (source !== undefined && extra) {
      throw new ConfigError(
        `simulate: --${extra === "xShape" ? "x-shape" : extra} goes with --command; a module says it itself.`,
      );
    }
    const { commandFromText, explainImport, moduleFromText } = await import("../simulator-argument.js");
    const { simulateToFolder } = await import("../../simulate.js");
    await using program =
      options.command === undefined
        ? undefined
        : await commandFromText(options.command, { ...options, timeoutSeconds: options.timeout });
    const simulator = program ?? (await moduleFromText(source!));
    terminal.ifStopped(() =>
      existsSync(join(out, "manifest.json"))
        ? `Finished files are in ${out}; run the same command again to go on.`
        : "No file was finished; smaller ones (--shard-size) are finished sooner.",
    );
    await using executor = await openExecutor(options);
    const stored = await simulateToFolder(simulator, {
      n,
      seed: options.seed,
      out,
      invalid,
      ...(executor && { executor }),
      ...(shardSize !== undefined && { shardSize }),
      signal: terminal.signal,
      onProgress: counter(terminal, "simulations"),
    }).catch((error) => {
      throw explainImport(error);
    });
    const { names, xShape, dropped, n: rows } = stored;
    if (options.json) {
      terminal.json({ out, n, rows, dropped, names, xShape, seed: options.seed });
    } else {
      terminal.result(
        `${out}: ${rows} simulations, theta (${names.join(", ")}), x of shape [${xShape}]` +
          `${dropped > 0 ? `; ${dropped} rows that were not finite were kept out` : ""}.`,
      );
    }
    return 0;
  },
});
