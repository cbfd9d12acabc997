/**
 * What is told of an estimator: how its training went and its report card, as text and as JSON.
 *
 * @module
 */
import type { MeanCheck } from "../estimators/gold-checks.js";
import type { LikelihoodEstimator, LikelihoodHeader } from "../estimators/likelihood.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator, RatioHeader } from "../estimators/ratio.js";
import type { ScoreEstimator, ScoreHeader } from "../estimators/score.js";
import type { AnyCard } from "../report/sections.js";
import { setbacks, skippedSteps, trainingWarnings } from "../train/log.js";

/** What is told of: an estimator of any kind, or its header with another card. */
export type Told =
  | Pick<RatioEstimator, "kind" | "header">
  | Pick<LikelihoodEstimator, "kind" | "header">
  | Pick<PosteriorEstimator, "kind" | "header">
  | Pick<ScoreEstimator, "kind" | "header">;

/** Training and checks, in parts with an empty line between. */
export function estimatorText({ kind, header }: Told): string {
  const parts = [trainingText(header)];
  if (kind === "likelihood") parts.push(...latticeText(header));
  if (kind === "ratio") parts.push(...goldText(header));
  parts.push(kind === "score" ? scoreText(header) : cardText(header.card));
  return parts.join("\n\n");
}

/** An estimator as one JSON object: everything in its file but the weights. */
export function estimatorJson({ kind, header }: Told, file: string): Record<string, unknown> {
  const { method, names, xShape, logs } = header;
  const base = { file, method, names, xShape };
  const warnings = warningsIn({ kind, header } as Told);
  if (kind === "score") {
    const { network, thetaRef, expectations } = header;
    return { ...base, network, thetaRef, logs, expectations, warnings };
  }
  const card = header.card ?? null;
  if (kind !== "ratio") {
    const lattices = kind === "likelihood" ? header.transforms.lattices : undefined;
    return { ...base, kind, density: header.density, ...(lattices && { lattices }), logs, card, warnings };
  }
  const { network, loss, reference, gold } = header;
  return {
    ...base,
    network,
    loss: { ...loss, gamma: loss.gamma === Infinity ? "Infinity" : loss.gamma },
    reference,
    ...(gold && { gold }),
    logs,
    card,
    warnings,
  };
}

/** All that is known to be wrong. */
export function warningsIn({ kind, header }: Told): readonly string[] {
  if (kind === "score") return header.warnings;
  const gold = kind === "ratio" ? header.gold?.warnings : undefined;
  const found = [...trainingWarnings(header.logs), ...(gold ?? []), ...(header.card?.warnings ?? [])];
  return [...new Set(found)]; // gold or card tells of training, too
}

/** One line for each network. */
function trainingText({ logs }: Pick<RatioHeader, "logs">): string {
  return logs
    .map((log, e) => {
      const name = logs.length > 1 ? `network ${e + 1}: ` : "";
      const back = setbacks(log.epochs);
      const skipped = skippedSteps(log);
      const cpu = log.cpuSeconds > 0 ? `, ${log.cpuSeconds.toFixed(1)} CPU s` : "";
      return (
        `${name}${log.epochs.length} epochs (${log.reason === "finished" ? "all" : "out of patience"}), ` +
        `${back > 0 ? `set back ${back === 1 ? "once" : `${back} times`}, ` : ""}${skipped > 0 ? `${skipped} steps skipped, ` : ""}weights of epoch ${log.bestEpoch}, validation loss ${log.bestValidationLoss.toFixed(4)} nats, ` +
        `${log.trainingRows} + ${log.validationRows} rows, ${log.parameters} weights, ${log.engine}${cpu}`
      );
    })
    .join("\n");
}

/** Which columns of data were spread over the cells of a lattice, in one part; none where there are none. */
function latticeText({ transforms: { lattices } }: LikelihoodHeader): string[] {
  if (!lattices) return [];
  const steps = lattices.flatMap((lattice, j) => (lattice ? [`x[${j}] ${lattice.step.toPrecision(3)}`] : []));
  const [some, more] = [steps.slice(0, 10), steps.length - 10];
  return [
    `Columns of data on a lattice, spread over its cells, by step: ${some.join(", ")}${more > 0 ? ` and ${more} more` : ""}`,
  ];
}

/** What is known of a ratio learned from gold, in one part; none of another ratio. */
function goldText({ method, reference, gold }: RatioHeader): string[] {
  if (!gold || reference === "evidence") return [];
  const { structure, alpha, expectations, warnings } = gold;
  const lines = (
    [
      ["r", expectations.ratio],
      ["1 / r", expectations.inverse],
    ] as const
  ).flatMap(([what, check]) => (check ? [`  mean of ${what.padEnd(5)}  ${mean(check)}, expected 1`] : []));
  const weight = alpha > 0 ? `, weight of the score term ${alpha.toPrecision(3)}` : "";
  return [
    [
      `Ratio to (${reference.thetaRef.join(", ")}) by ${method}, structure ${structure}${weight}; on held-out rows`,
      ...lines,
      ...warnings.map((warning) => `! ${warning}`),
    ].join("\n"),
  ];
}

/** What is known of a score. */
function scoreText({ method, names, thetaRef, expectations, warnings }: ScoreHeader): string {
  const width = Math.max(...names.map((name) => name.length));
  return [
    `Score at (${thetaRef.join(", ")}) by ${method}; its mean on held-out rows, expected 0`,
    ...expectations.map((check, j) => `  ${names[j].padEnd(width)}  ${mean(check)}`),
    ...warnings.map((warning) => `! ${warning}`),
  ].join("\n");
}

const mean = ({ mean, standardError }: MeanCheck) =>
  `${mean.toPrecision(3)} +- ${standardError.toPrecision(1)}`;

/** The report card as aligned lines, warnings below. */
export function cardText(card: AnyCard | undefined): string {
  if (card === undefined) {
    return (
      "No report card: the simulations came without a prior, there were fewer than 20 held-out rows, or it was " +
      "switched off."
    );
  }
  const { coverage, sbc, warnings } = card;
  const near = (level: number) =>
    coverage.levels.reduce(
      (best, value, i) => (Math.abs(value - level) < Math.abs(coverage.levels[best] - level) ? i : best),
      0,
    );
  const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
  const regions = [0.5, 0.68, 0.9, 0.95].map((level) => {
    const i = near(level);
    return `${percent(coverage.levels[i])} regions hold ${percent(coverage.coverage[i])}`;
  });
  const lines: [string, string][] = [
    ["held-out loss", `${card.heldOutLoss.toFixed(4)} nats`],
    ["coverage", [...new Set(regions)].join(", ")],
    [
      "",
      `bias ${(100 * coverage.bias).toFixed(1)} % (below 0: overconfident), p = ${coverage.pValue.toPrecision(2)}`,
    ],
    ["SBC ranks", `uniform with p = ${sbc.pValue.toPrecision(2)}`],
  ];
  if ("tarp" in card) {
    const { excess, pValue } = card.tarp;
    const percent = (100 * excess).toFixed(1);
    lines.push(["TARP", `excess ${percent} % (above 0: overconfident), p = ${pValue.toPrecision(2)}`]);
  }
  if ("expectation" in card && card.expectation) {
    const { mean, standardError } = card.expectation;
    lines.push(["mean ratio", `${mean.toPrecision(3)} +- ${standardError.toPrecision(1)}, expected 1`]);
  }
  if ("ensembleSpread" in card && card.ensembleSpread !== undefined) {
    lines.push([
      "networks",
      `differ by ${card.ensembleSpread.toPrecision(2)} nats in log r (standard deviation)`,
    ]);
  }
  const draws = "tarp" in card ? `${card.draws} draws` : `${card.priorDraws} prior draws`;
  const narrow = "refined" in card && card.refined > 0 ? `, refined for ${card.refined} of them` : "";
  const checked =
    `Report card, on ${card.pairs} held-out pairs with ${draws} each${narrow}; held-out rows were not ` +
    "trained on, but chose the epoch";
  return [
    checked,
    ...lines.map(([name, value]) => `  ${name.padEnd(13)}  ${value}`),
    ...(warnings.length > 0 ? warnings.map((warning) => `! ${warning}`) : ["  no warnings"]),
  ].join("\n");
}
