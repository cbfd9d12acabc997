/**
 * What is told of an estimator: how its training went and its report card, as text and as JSON.
 *
 * @module
 */
import type { MeanCheck } from "../estimators/gold-checks.js";
import type { RatioHeader } from "../estimators/ratio.js";
import type { ScoreHeader } from "../estimators/score.js";
import type { ReportCard } from "../report-card.js";

/** One line for each network. */
export function trainingText({ logs }: Pick<RatioHeader, "logs">): string {
  return logs
    .map((log, e) => {
      const name = logs.length > 1 ? `network ${e + 1}: ` : "";
      const cpu = log.cpuSeconds > 0 ? `, ${log.cpuSeconds.toFixed(1)} CPU s` : "";
      return (
        `${name}${log.epochs.length} epochs (${log.reason === "finished" ? "all" : "out of patience"}), ` +
        `weights of epoch ${log.bestEpoch}, validation loss ${log.bestValidationLoss.toFixed(4)} nats, ` +
        `${log.trainingRows} + ${log.validationRows} rows, ${log.parameters} weights, ${log.engine}${cpu}`
      );
    })
    .join("\n");
}

/** What is known of a ratio learned from gold, in one part; none of another ratio. */
export function goldText({ method, reference, gold }: RatioHeader): string[] {
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
export function scoreText({ method, names, thetaRef, expectations, warnings }: ScoreHeader): string {
  const width = Math.max(...names.map((name) => name.length));
  return [
    `Score at (${thetaRef.join(", ")}) by ${method}; its mean on held-out rows, expected 0`,
    ...expectations.map((check, j) => `  ${names[j].padEnd(width)}  ${mean(check)}`),
    ...warnings.map((warning) => `! ${warning}`),
  ].join("\n");
}

const mean = ({ mean, standardError }: MeanCheck) =>
  `${mean.toPrecision(3)} +- ${standardError.toPrecision(1)}`;

/** A score estimator as one JSON object: everything in its file but the weights. */
export function scoreJson(header: ScoreHeader, file: string): Record<string, unknown> {
  const { method, names, xShape, network, thetaRef, logs, expectations, warnings } = header;
  return { file, method, names, xShape, network, thetaRef, logs, expectations, warnings };
}

/** The report card as aligned lines, warnings below. */
export function cardText(card: ReportCard | undefined): string {
  if (card === undefined) {
    return (
      "No report card: the simulations came without a prior, there were fewer than 20 held-out rows, or it was " +
      "switched off."
    );
  }
  const { coverage, sbc, expectation, warnings } = card;
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
  if (expectation) {
    const { mean, standardError } = expectation;
    lines.push(["mean ratio", `${mean.toPrecision(3)} +- ${standardError.toPrecision(1)}, expected 1`]);
  }
  if (card.ensembleSpread !== undefined) {
    lines.push([
      "networks",
      `differ by ${card.ensembleSpread.toPrecision(2)} nats in log r (standard deviation)`,
    ]);
  }
  const checked =
    `Report card, on ${card.pairs} held-out pairs with ${card.priorDraws} prior draws each; held-out rows were not ` +
    "trained on, but chose the epoch";
  return [
    checked,
    ...lines.map(([name, value]) => `  ${name.padEnd(13)}  ${value}`),
    ...(warnings.length > 0 ? warnings.map((warning) => `! ${warning}`) : ["  no warnings"]),
  ].join("\n");
}

/** An estimator as one JSON object: everything in its file but the weights. */
export function estimatorJson(header: RatioHeader, file: string): Record<string, unknown> {
  const { method, names, xShape, network, loss, reference, gold, logs, card } = header;
  return {
    file,
    method,
    names,
    xShape,
    network,
    loss: { ...loss, gamma: loss.gamma === Infinity ? "Infinity" : loss.gamma },
    reference,
    ...(gold && { gold }),
    logs,
    card: card ?? null,
    warnings: [...(gold?.warnings ?? []), ...(card?.warnings ?? [])],
  };
}
