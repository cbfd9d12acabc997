/**
 * `galton diagnose`: what is known about draws or an estimator, and whether to trust them.
 *
 * @module
 */
import { extname } from "node:path";
import { ConfigError } from "../../core/errors.js";
import type { AnyEstimator } from "../../estimators/file.js";
import type { Told } from "../card-text.js";
import { defineCommand } from "../command.js";
import { dataHelp } from "../data-argument.js";
import { engineOption } from "../engine-option.js";
import { integer, seed, text, toggle } from "../options.js";
import type { Terminal } from "../terminal.js";

/** Tells the trustworthiness of a file; warnings are data, and fail only with `--strict`. */
export const diagnose = defineCommand({
  name: "diagnose",
  summary: "say how far draws or an estimator can be trusted",
  description:
    "For draws, of galton or of any other sampler: mean, sd, quantiles, R-hat, bulk and tail ESS and MCSE of each parameter. Several files are chains of one run. For an estimator: its training, and its report " +
    "card (expected coverage, simulation-based calibration, mean ratio, TARP), on request from simulations that it never saw.",
  arguments: [
    {
      name: "FILE",
      many: true,
      help: "draws (.json, .csv, .arrow, .parquet, .nc; Stan's .csv, one for each chain) or an estimator (.safetensors)",
    },
  ],
  options: {
    data: text("DATA", `estimator only: simulations for a new report card; ${dataHelp}`),
    pairs: integer("N", "with --data: pairs to check; default all", 20),
    priorDraws: integer(
      "N",
      "with --data: prior draws that stand for each posterior; default 2048, of a likelihood 1024; none of a posterior",
      100,
    ),
    seed: seed(),
    engine: engineOption,
    strict: toggle("exit with 1 where there are warnings"),
    json: toggle("print as JSON"),
  },
  example: {
    command: "galton diagnose draws.json --strict",
    result: "Prints the summary of the draws; fails in a script where the chains have not mixed.",
  },

  async run({ words, options }, terminal) {
    const files = words as readonly string[];
    const [file] = files;
    const isEstimator = extname(file).toLowerCase() === ".safetensors";
    if (isEstimator && files.length > 1) {
      throw new ConfigError(
        `diagnose: expected one estimator or files of draws, got ${file} and ${files.length - 1} more. Diagnose it alone.`,
      );
    }
    const extra = (["data", "pairs", "priorDraws"] as const).find((name) => options[name] !== undefined);
    if (!isEstimator && extra) {
      throw new ConfigError(
        `diagnose: --${extra === "priorDraws" ? "prior-draws" : extra} goes with an estimator (.safetensors), not with ${file}.`,
      );
    }
    if (extra && options.data === undefined) {
      throw new ConfigError(`diagnose: --${extra === "pairs" ? "pairs" : "prior-draws"} goes with --data.`);
    }
    const warnings = isEstimator
      ? await diagnoseEstimator(file, options, terminal)
      : await diagnoseDraws(files, options, terminal);
    return options.strict && warnings.length > 0 ? 1 : 0;
  },
});

async function diagnoseDraws(
  files: readonly string[],
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<readonly string[]> {
  const { readDraws } = await import("../draws-file.js");
  const { summary } = await import("../../../samplers/summary.js");
  const draws = await readDraws(...files);
  const file = files.join(", ");
  const table = summary(draws);
  const { rows, chains, nested, warnings } = table;
  if (json) {
    terminal.json({ file, rows, chains, draws: draws.draws, nested, warnings, run: draws.run });
  } else {
    const sampler = typeof draws.run.sampler === "string" ? `${draws.run.sampler}, ` : "";
    terminal.result(`${file}: ${sampler}${chains} chains of ${draws.draws} draws\n${table}`);
    if (warnings.length === 0) terminal.result("no warnings");
  }
  return warnings;
}

async function diagnoseEstimator(
  file: string,
  options: {
    readonly data: string | undefined;
    readonly pairs: number | undefined;
    readonly priorDraws: number | undefined;
    readonly seed: string | number;
    readonly engine: "auto" | "onnx" | "wasm" | "tfjs";
    readonly json: boolean;
  },
  terminal: Terminal,
): Promise<readonly string[]> {
  const { loadAnyEstimator } = await import("../../estimators/file.js");
  const { estimatorJson, estimatorText, warningsIn } = await import("../card-text.js");
  await using estimator = await loadAnyEstimator(file, { engine: options.engine });
  const told = options.data === undefined ? estimator : await freshCard(file, estimator, options, terminal);
  if (options.json) {
    terminal.json(estimatorJson(told, file));
  } else {
    const { names, xShape, method } = told.header;
    terminal.result(
      `${file}: ${method}, theta (${names.join(", ")}), x of shape [${xShape}]\n${estimatorText(told)}`,
    );
  }
  return warningsIn(told);
}

/** The estimator's header with a card from other simulations. */
async function freshCard(
  file: string,
  estimator: AnyEstimator,
  {
    data,
    pairs: wanted,
    priorDraws,
    seed,
  }: {
    readonly data: string | undefined;
    readonly pairs: number | undefined;
    readonly priorDraws: number | undefined;
    readonly seed: string | number;
  },
  terminal: Terminal,
): Promise<Told> {
  const { kind, header } = estimator;
  if (kind === "score") {
    throw new ConfigError(
      `diagnose: --data makes a report card of a ratio, a likelihood or a posterior, but ${file} holds a score. Leave it out.`,
    );
  }
  if (kind === "posterior" && priorDraws !== undefined) {
    throw new ConfigError(
      `diagnose: --prior-draws does not go with ${file}, a posterior, which draws for itself.`,
    );
  }
  const { readData } = await import("../data-argument.js");
  const pairs = await readData(data!, { theta: header.names });
  const options = { pairs: wanted ?? pairs.theta.rows, seed, signal: terminal.signal };
  if (kind === "posterior") {
    const { posteriorCard } = await import("../../posterior-card.js");
    return { kind, header: { ...header, card: await posteriorCard(estimator, pairs, options) } };
  }
  if (kind === "likelihood") {
    const { likelihoodCard } = await import("../../likelihood-card.js");
    const card = await likelihoodCard(estimator, pairs, { ...options, priorDraws });
    return { kind, header: { ...header, card } };
  }
  const { reportCard } = await import("../../report-card.js");
  return {
    kind,
    header: { ...header, card: await reportCard(estimator, pairs, { ...options, priorDraws }) },
  };
}
