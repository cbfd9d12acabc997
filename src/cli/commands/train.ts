/**
 * `galton train`: an estimator from simulations.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { ConfigError } from "../../core/errors.js";
import type { AnyEstimator } from "../../estimators/file.js";
import type { DensitySpec } from "../../flows/density.js";
import type { TrainOptions } from "../../train/options.js";
import { defineCommand } from "../command.js";
import { dataHelp } from "../data-argument.js";
import { engineOption } from "../engine-option.js";
import {
  choice,
  decimal,
  integer,
  type Option,
  seed,
  shape,
  text,
  toggle,
  withDefault,
  words as wordList,
} from "../options.js";
import { duration } from "../terminal.js";
import { structureNames, trainMethods } from "../train-objective.js";

const large = Number.MAX_VALUE;

/** A family of densities: its name, or its spec as JSON. */
const density: Option<DensitySpec | undefined> = {
  placeholder: "SPEC",
  help:
    'npe, nle, scandal: maf, nsf, realNvp, mixtureDensity or JSON such as {"kind": "maf", "transforms": 8}; for few counts ' +
    '{"kind": "categoricalDensity", "values": [0, 1, 2]}; default nsf for npe, else maf (ten counts at most: the latter)',
  read([value], flag) {
    if (value === undefined) return undefined;
    if (!value.trim().startsWith("{")) return { kind: value };
    try {
      return JSON.parse(value) as DensitySpec;
    } catch (cause) {
      throw new ConfigError(`${flag} must be a name or JSON, got "${value}": ${(cause as Error).message}.`, {
        cause,
      });
    }
  },
};

/** Weight of the score term: a positive number or `auto`. */
const alpha: Option<number | "auto" | undefined> = {
  placeholder: "WEIGHT",
  help: "cascal, rascal, alices, scandal: weight of the score term in standardised parameters, or auto; default 0.5, of scandal auto",
  read: (texts, flag) =>
    texts[0] === "auto" ? "auto" : decimal("", "", [Number.MIN_VALUE, large]).read(texts, flag),
};

/** Trains an amortised ratio, likelihood, posterior or score and checks it. */
export const train = defineCommand({
  name: "train",
  summary: "learn a likelihood ratio, a likelihood, a posterior or a score from simulations",
  description:
    "Writes one .safetensors file with weights, prior, training history and report card (held-out loss, coverage, " +
    "simulation-based calibration). The state after each epoch is kept in a checkpoint until training ends, so that a stopped " +
    "run goes on when it is started again with the same arguments, to the same bytes. A folder with more than 200,000 rows (fewer " +
    "where rows are long) is read from disk in windows of about that many, so it may be larger than memory. Folders with gold " +
    "or scores (galton simulate --gold, --scores), and those of npe and nle, are held in memory. The ratio of gold is taken to " +
    "the reference point, and its prior is what the parameters were drawn from.",
  arguments: [{ name: "DATA", help: dataHelp }],
  options: {
    out: withDefault(text("FILE", "the estimator"), "estimator.safetensors"),
    onnx: text(
      "FILE",
      "the estimator again, as an ONNX model: theta and x in, log_ratio out; of sally x in, score out",
    ),
    method: choice(
      trainMethods,
      "aalr is NRE-C with 4 contrasts; nre-a has one, as the AALR paper; nre-b is not normalised; bnre has the balance penalty; " +
        "npe learns the posterior, nle the likelihood, scandal the likelihood with gold; " +
        "carl to alices learn from a folder with gold, sally from one with scores; default aalr, alices or sally as the folder is",
    ),
    alpha,
    density,
    noDequantise: toggle(
      "nle, scandal: do not spread columns of data on a lattice, such as counts, over its cells; a flow may then run away at them",
    ),
    structure: choice(
      structureNames,
      "with gold: how the network depends on the two points; default reference, antisymmetric where both vary",
    ),
    prior: text("FILE", 'prior of a table without one: JSON such as {"mu": [-3, 3], "sigma": [0.1, 2]}'),
    theta: wordList("NAMES", "parameter columns of a table, or names of the columns of a .npy file"),
    x: wordList("NAMES", "data columns of a table; default all others"),
    xShape: shape("shape of one data row, such as 10 or 32x32; default as the file says"),
    invalid: choice(
      ["error", "drop"],
      "rows that are not finite; default as the folder was made, else error",
    ),
    windowRows: integer(
      "N",
      "rows of a folder in memory at a time; default 200,000, fewer where rows are long",
      2,
    ),
    seed: seed(),
    epochs: integer(
      "N",
      "passes over the data; default 25 for 10,000 rows, fewer for more, and 14 for a million; for 10,000 of npe 40, of nle and scandal 100",
    ),
    batchSize: integer("N", "rows in a step; default 100, and 400 from 300,000 rows on"),
    learningRate: decimal(
      "RATE",
      "peak of the one-cycle schedule; default 0.005, of npe, nle and scandal 0.01",
      [0, large],
    ),
    contrasts: integer("K", "independent parameters for each row; default that of the method"),
    gamma: decimal("ODDS", "odds of a joint class over the marginal class, up to Infinity", [0, Infinity]),
    balance: decimal("WEIGHT", "weight of the balance penalty, of npe too; 100 is usual", [0, large]),
    width: integer("N", "units in a layer; default 128"),
    blocks: integer("N", "residual blocks; default 2, and 4 from 300,000 rows on"),
    ensemble: withDefault(integer("N", "networks, averaged"), "1"),
    workers: withDefault(integer("N", "threads that train members of an ensemble"), "1"),
    patience: integer("N", "epochs without progress before training stops; default 15"),
    validationFraction: decimal("SHARE", "rows held out; default 0.1", [0, 1]),
    cardPairs: withDefault(integer("N", "held-out pairs for the report card; 0 for none", 0), "128"),
    checkpoint: text("FILE", "state after each epoch; default that of --out with .checkpoint behind it"),
    restart: toggle("throw away the checkpoint of a stopped run"),
    engine: engineOption,
    json: toggle("print the result as JSON"),
  },
  example: {
    command: "galton train simulations --out estimator.safetensors --seed hello",
    result:
      "Trains on the folder simulations/, writes estimator.safetensors and prints how training went and the report card.",
  },

  async run({ words: [data], options }, terminal) {
    const { out, ensemble, cardPairs } = options;
    const { checkpoint = `${out}.checkpoint` } = options;
    if (!out.endsWith(".safetensors")) {
      throw new ConfigError(`train: --out must end in .safetensors, got "${out}".`);
    }
    const { trainedBy } = await import("../train-objective.js");
    const { train: trainObjective } = await import("../../train/train.js");
    const { saveEstimator } = await import("../../estimators/file.js");
    const { checkWritable, removeFiles, writeWhole } = await import("../files.js");
    await checkWritable(out);
    if (options.onnx !== undefined) await checkWritable(options.onnx);
    const checkpoints = ensemble > 1 ? numbered(checkpoint, ensemble) : [checkpoint];
    if (options.restart) await removeFiles(checkpoints);
    const trained = await trainedBy(data!, options);
    const isDensity = trained.kind === "likelihood" || trained.kind === "posterior";
    if (isDensity && options.onnx !== undefined) {
      throw new ConfigError(
        `train: --onnx writes ratios and scores, not a ${trained.kind}. Leave it out, or take another --method.`,
      );
    }
    if ((trained.kind === "ratio" || trained.kind === "likelihood") && !trained.hasPrior) {
      terminal.note("The simulations have no prior: there will be no report card, and sample needs --prior.");
    }

    terminal.ifStopped(() => {
      const kept = checkpoints.filter((path) => existsSync(path));
      if (kept.length === 0) return "No epoch was finished, nothing was kept.";
      return (
        `The state after the last whole epoch is in ${kept.join(", ")}; run the same command again to go on, or ` +
        "with --restart to start afresh."
      );
    });
    const started = performance.now();
    const settings: TrainOptions = {
      epochs: options.epochs,
      batchSize: options.batchSize,
      learningRate: options.learningRate,
      patience: options.patience,
      validationFraction: options.validationFraction,
      seed: options.seed,
      engine: options.engine,
      ensemble,
      workers: options.workers,
      checkpoint,
      card: cardPairs === 0 ? false : { pairs: cardPairs },
      signal: terminal.signal,
      onProgress({ member, epoch, epochsTotal, trainingLoss, validationLoss }) {
        const left =
          ((performance.now() - started) / 1000 / (member * epochsTotal + epoch)) *
          ((ensemble - member) * epochsTotal - epoch);
        terminal.progress(
          `${ensemble > 1 ? `network ${member + 1} of ${ensemble}, ` : ""}epoch ${epoch} of ${epochsTotal}  ` +
            `loss ${trainingLoss.toFixed(4)}  validation ${validationLoss.toFixed(4)}  at most ${duration(left)} left`,
        );
      },
    };
    const { estimatorJson, estimatorText } = await import("../card-text.js");
    const learn = (): Promise<AnyEstimator> => {
      switch (trained.kind) {
        case "ratio":
          return trainObjective(trained.objective, settings);
        case "likelihood":
          return trainObjective(trained.objective, settings);
        case "posterior":
          return trainObjective(trained.objective, settings);
        case "score":
          return trainObjective(trained.objective, settings);
      }
    };
    await using estimator = await learn();
    await saveEstimator(estimator, out);
    if (options.onnx !== undefined && "toOnnx" in estimator)
      await writeWhole(options.onnx, await estimator.toOnnx());
    await removeFiles(checkpoints);
    if (options.json) terminal.json(estimatorJson(estimator, out));
    else terminal.result(`${out}\n${estimatorText(estimator)}`);
    return 0;
  },
});

function numbered(path: string, count: number): string[] {
  return Array.from({ length: count }, (_, e) => `${path}.${e}`);
}
