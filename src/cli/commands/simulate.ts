/**
 * `galton simulate`: parameters from the prior, data from the simulator, into a folder; on request with the gold of every run.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.js";
import type { SimulatorModule } from "../../simulator-module.js";
import { defineCommand } from "../command.js";
import { executorOptions, openExecutor } from "../executor-option.js";
import {
  choice,
  decimal,
  integer,
  numbers,
  required,
  seed,
  shape,
  text,
  toggle,
  type Values,
  withDefault,
} from "../options.js";
import { counter, type Terminal } from "../terminal.js";

const options = {
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
  gold: toggle(
    "classification pairs with joint log ratio and joint score, for train --method carl, rolr, alice, cascal, rascal, alices",
  ),
  scores: toggle("data at --theta-ref with the joint score there, for train --method sally"),
  thetaRef: numbers(
    "VALUES",
    "with --gold or --scores: the reference point, such as 0.5 or 0.5,1 in the order of the parameters; with --gold default " +
      "a second draw from the prior for each row",
  ),
  proposal: text(
    "FILE",
    'with --gold: where parameters are drawn from instead of the prior, JSON such as {"mu": [-1, 1]}',
  ),
  command: text("LINE", 'program that reads and writes JSON lines, such as "python3 sim.py"'),
  prior: text("FILE", 'with --command: JSON such as {"mu": [-3, 3], "sigma": [0.1, 2]}'),
  xShape: shape("with --command: shape of one data row, such as 10 or 32x32"),
  timeout: decimal("SECONDS", "with --command: longest time for one row; default 60", [
    0.001,
    Number.MAX_VALUE,
  ]),
  json: toggle("print the result as JSON"),
};

/** Simulates into a folder that a stopped run continues. */
export const simulate = defineCommand({
  name: "simulate",
  summary: "draw parameters from the prior and data from the simulator",
  description:
    "Writes a folder of Arrow files and a manifest. The bytes depend on simulator, seed and N alone, not on the " +
    "number of workers, and a longer run begins with a shorter one. A run that was stopped, or had no more room on the disk, " +
    "goes on when it is started again with the same arguments. Only a few files are held in memory at a time; with --gold or " +
    "--scores all rows are.",
  arguments: [
    {
      name: "SIMULATOR",
      help: "module that exports `simulator`, such as ./simulator.js, or ./models.js#name; left out with --command",
      optional: true,
    },
  ],
  options,
  example: {
    command: "galton simulate ./simulator.js --n 10000 --seed hello --out simulations",
    result:
      "Imports `simulator` from simulator.js in the current folder, writes 10,000 rows to simulations/ and prints the columns. " +
      "A program that draws through a trace gives gold, too: galton simulate ./board.js#board --gold --theta-ref 0.5 --n 1000 --out gold.",
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
    checkGold(source, options);
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
    if (options.gold || options.scores) {
      return withGold(await moduleFromText(source!), options, terminal).catch((error) => {
        throw explainImport(error);
      });
    }
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

/** @throws {ConfigError} if options do not go together with `--gold` or `--scores`, or need one of them. */
function checkGold(source: string | undefined, given: Values<typeof options>): void {
  const { gold, scores, thetaRef, proposal, invalid } = given;
  const fail = (reason: string) => new ConfigError(`simulate: ${reason}`);
  if (gold && scores) throw fail("expected one of --gold and --scores, got both.");
  if (!gold && proposal !== undefined) throw fail("--proposal goes with --gold.");
  if (!gold && !scores) {
    if (thetaRef) throw fail("--theta-ref goes with --gold or --scores.");
    return;
  }
  const flag = gold ? "--gold" : "--scores";
  if (source === undefined) {
    throw fail(
      `${flag} needs a module that exports a program (defineProgram): a command does not tell its latent path.`,
    );
  }
  if (scores && !thetaRef) throw fail("--scores needs --theta-ref, the point where the score is taken.");
  if (invalid === "drop") {
    throw fail(
      `${flag} keeps no rows out: the joint score of those that remain would not have mean zero. Let the program return numbers ` +
        "that stand for such an outcome.",
    );
  }
}

/** Simulates with joint ratios and scores, or with scores alone. */
async function withGold(
  simulator: SimulatorModule,
  given: Values<typeof options>,
  terminal: Terminal,
): Promise<number> {
  const { n, out, shardSize, thetaRef, scores, proposal } = given;
  const { simulateGold, simulateScore } = await import("../../simulate-gold.js");
  const { readPrior } = await import("../prior-file.js");
  await using executor = await openExecutor(given);
  const common = {
    n,
    out,
    seed: given.seed,
    ...(executor && { executor }),
    ...(shardSize !== undefined && { shardSize }),
    signal: terminal.signal,
    onProgress: counter(terminal, "simulations"),
  };
  const table = scores
    ? await simulateScore(simulator, { ...common, thetaRef: thetaRef! }) // checkGold saw that there is one
    : await simulateGold(simulator, {
        ...common,
        ...(thetaRef && { thetaRef }),
        ...(proposal !== undefined && { proposal: await readPrior(proposal) }),
      });
  const { names, xShape, source } = table;
  const infinite = Number(source.infiniteLogRatios ?? 0);
  if (given.json) {
    const told = { out, n, names, xShape, seed: given.seed, thetaRef: thetaRef ?? null };
    terminal.json(scores ? told : { ...told, infiniteLogRatios: infinite });
    return 0;
  }
  const what = scores
    ? `scores at (${thetaRef!.join(", ")})`
    : `gold to ${thetaRef ? `(${thetaRef.join(", ")})` : "a second point of each row"}`;
  terminal.result(
    `${out}: ${n} simulations with ${what}, theta (${names.join(", ")}), x of shape [${xShape}]` +
      `${infinite > 0 ? `; ${infinite} joint log ratios are infinite` : ""}.`,
  );
  return 0;
}
