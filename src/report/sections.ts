/**
 * The sections that most reports need: what was inferred, how the chains ran, how the network was trained and
 * whether it can be trusted. Each takes what the library returns and gives a section of `reportPage`.
 *
 * @module
 */
import type { Draws } from "../../samplers/draws.js";
import { type Summary, summary } from "../../samplers/summary.js";
import { matrix } from "../core/matrix.js";
import type { LikelihoodCard } from "../likelihood-card.js";
import type { PosteriorCard } from "../posterior-card.js";
import type { ReportCard } from "../report-card.js";
import type { TrainingLog } from "../train/log.js";
import type { Quantity } from "./figures/checks.js";
import { type CornerData, cornerFigure } from "./figures/corner.js";
import { coverageFigure } from "./figures/coverage.js";
import { sbcFigure } from "./figures/sbc.js";
import { traceFigure } from "./figures/trace.js";
import { trainingFigure } from "./figures/training.js";
import type { ReportFigure, ReportSection, ReportTable } from "./page.js";

/** A summary as a table of the page. */
export function summaryTable(of: Summary, caption: string, file?: string): ReportTable {
  return {
    caption,
    ...(file && { file }),
    columns: ["parameter", "mean", "sd", "5 %", "50 %", "95 %", "R-hat", "bulk ESS", "tail ESS", "MCSE"],
    rows: of.rows.map((r) => [
      r.name,
      r.mean,
      r.sd,
      r.q05,
      r.q50,
      r.q95,
      r.rhat,
      Math.round(r.essBulk),
      Math.round(r.essTail),
      r.mcse,
    ]),
  };
}

/** Draws of several runs as a corner plot with a table for each. */
export async function posteriorSection(
  heading: string,
  corner: CornerData,
  runs: readonly { readonly label: string; readonly draws: Draws }[],
  texts: { readonly paragraphs: readonly string[]; readonly caption: string },
): Promise<ReportSection> {
  const [first] = runs;
  return {
    heading,
    paragraphs: texts.paragraphs,
    figures: [
      {
        svg: await cornerFigure(corner),
        caption: texts.caption,
        data: {
          file: "draws",
          table: {
            columns: first.draws.names,
            rows: Array.from({ length: first.draws.chains * first.draws.draws }, (_, i) =>
              Array.from(
                first.draws.values.subarray(i * first.draws.names.length, (i + 1) * first.draws.names.length),
              ),
            ),
          },
        },
      },
    ],
    tables: runs.map(({ label, draws }) => summaryTable(summary(draws), label)),
  };
}

/** Paths of some chains and the ranks of all. */
export async function chainsSection(
  label: string,
  draws: Draws,
  parameters?: readonly Quantity[],
): Promise<ReportSection> {
  return {
    heading: `Chains of ${label}`,
    paragraphs: [
      `${draws.chains} chains of ${draws.draws} draws; a few are drawn. Chains that agree give flat rank histograms.`,
    ],
    figures: [
      {
        svg: await traceFigure(draws, parameters ? { parameters } : {}),
        caption:
          "Left: the paths of a few chains. Right: the ranks of their draws among the draws of all chains.",
      },
    ],
  };
}

/** Loss per epoch of every network. */
export async function trainingSection(logs: readonly TrainingLog[]): Promise<ReportSection> {
  const figures: ReportFigure[] = [];
  for (const [e, log] of logs.entries()) {
    figures.push({
      svg: await trainingFigure(log),
      caption:
        `${logs.length > 1 ? `Network ${e + 1}: ` : ""}${log.parameters} weights, ${log.trainingRows} simulations to train on and ` +
        `${log.validationRows} to validate; the weights of epoch ${log.bestEpoch} were kept.`,
      data: {
        file: logs.length > 1 ? `training-${e + 1}` : "training",
        table: {
          columns: ["epoch", "training loss", "validation loss", "learning rate"],
          rows: log.epochs.map((r) => [r.epoch, r.trainingLoss, r.validationLoss, r.learningRate]),
        },
      },
    });
  }
  return {
    heading: "Training",
    paragraphs: [
      "The validation loss is that of averaged weights on simulations that were not trained on; where it has contrasts, they are always the same.",
    ],
    figures,
  };
}

/** The report card of a ratio, a likelihood or a posterior. */
export type AnyCard = ReportCard | LikelihoodCard | PosteriorCard;

/** Coverage and ranks on held-out simulations. */
export async function trustSection(card: AnyCard): Promise<ReportSection> {
  const { coverage, sbc } = card;
  const { expectation, ensembleSpread }: Partial<ReportCard> = card;
  const ranks = matrix(card.pairs, sbc.names.length, Float64Array.from(sbc.ranks.flat()));
  return {
    heading: "How far to trust it",
    paragraphs: [
      `Checked on ${card.pairs} simulations that were not trained on, though they are among those that chose the epoch whose weights ` +
        `were kept. Coverage is off by ${(100 * coverage.bias).toFixed(1)} % on average ` +
        `(negative is overconfident; p = ${coverage.pValue.toPrecision(2)}); the ranks of the true parameters are uniform with p = ${sbc.pValue.toPrecision(2)}.`,
      ...("tarp" in card
        ? [
            `Distances of draws to random points (TARP) are off by ${(100 * card.tarp.excess).toFixed(1)} % ` +
              `(positive is overconfident; p = ${card.tarp.pValue.toPrecision(2)}).`,
          ]
        : []),
      ...(expectation
        ? [
            `Over independent pairs the ratio averages ${expectation.mean.toPrecision(3)} with a standard error of ` +
              `${expectation.standardError.toPrecision(1)}; an exact one averages 1.`,
          ]
        : []),
      ...(ensembleSpread === undefined
        ? []
        : [
            `The networks of the ensemble differ in the log ratio by ${ensembleSpread.toPrecision(2)} nats (standard deviation between them, ` +
              "averaged over these simulations).",
          ]),
    ],
    figures: [
      {
        svg: await coverageFigure([{ label: "learned", ...coverage }], card.pairs),
        caption:
          "How often the highest-density region of a credible level holds the truth. On the diagonal: calibrated. Below: overconfident.",
        data: {
          file: "coverage",
          table: {
            columns: ["level", "coverage"],
            rows: coverage.levels.map((level, i) => [level, coverage.coverage[i]]),
          },
        },
      },
      {
        svg: await sbcFigure({ names: sbc.names, ranks, numDraws: sbc.numDraws }),
        caption: "Ranks of the true parameters in their posteriors. Flat: calibrated. A cup: overconfident.",
        data: { file: "ranks", table: { columns: sbc.names, rows: sbc.ranks } },
      },
    ],
  };
}
