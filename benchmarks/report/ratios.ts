/**
 * Ratios learned from gold, beside those of others: curves for the figures and a table for the page.
 *
 * @module
 */
import type { ReportCell, ReportTable } from "../../src/report/table.js";
import { curveSource, logProbCurvesOf, logProbMseOf, ratioCurvesOf, ratioMseOf } from "../published.js";
import { publishedBeside } from "./families.js";
import type { GroupSummary } from "./summaries.js";

/** Curves of others for one score of one problem. */
export interface OtherCurves {
  /** What they are called in a legend. */
  readonly kind: "published" | "reference build";
  /** As the end of a caption; empty where there are none. */
  readonly source: string;
  readonly curves: readonly {
    readonly label: string;
    readonly points: readonly { readonly simulations: number; readonly value: number }[];
  }[];
}

/**
 * What a figure of a score shows beside ours: what is published, else a reference build, else nothing.
 *
 * @param methods - ours; forms in rounds are shown beside such only.
 */
export function otherCurves(problem: string, score: string, methods: readonly string[]): OtherCurves {
  if (score === "c2st") {
    const curves = publishedBeside(problem, methods).map(({ label, points }) => ({
      label,
      points: points.map(({ simulations, c2st }) => ({ simulations, value: c2st })),
    }));
    return { kind: "published", source: curves.length > 0 ? `Published: ${curveSource}.` : "", curves };
  }
  if (score === "logProbMse") {
    const curves = logProbCurvesOf(problem).map(({ label, points }) => ({
      label,
      points: points.map(({ simulations, mse }) => ({ simulations, value: mse })),
    }));
    const source = curves.length > 0 ? `Published: ${ratioCurvesOf(problem)!.source}.` : "";
    return { kind: "published", source, curves };
  }
  const known = score === "logRatioMse" ? ratioCurvesOf(problem) : undefined;
  if (known === undefined) return { kind: "published", source: "", curves: [] };
  const isPublished = known.published.length > 0;
  return {
    kind: isPublished ? "published" : "reference build",
    source: isPublished
      ? `Published: ${known.source}.`
      : `Reference build, not published: ${known.referenceSource}.`,
    curves: (isPublished ? known.published : known.reference).map(({ label, points }) => ({
      label,
      points: points.map(({ simulations, mse }) => ({ simulations, value: mse })),
    })),
  };
}

/** Every method and budget beside the reference build and the publication; `undefined` where nobody has any. */
export function ratioTable(problem: string, groups: readonly GroupSummary[]): ReportTable | undefined {
  const known = ratioCurvesOf(problem);
  const scored = groups.filter(({ scores }) => "logRatioMse" in scores);
  if (known === undefined || scored.length === 0) return undefined;
  const hasLogProb = scored.some(({ scores }) => "logProbMse" in scores);
  const hasReference = known.reference.length > 0;
  const rows = scored.map(({ method, simulations, scores, done }): ReportCell[] => {
    const { logRatioMse: ours, logProbMse } = scores;
    const elsewhere = ratioMseOf(problem, method, simulations, "reference");
    const times = elsewhere === undefined ? undefined : ours.value / elsewhere;
    return [
      method,
      simulations,
      ours,
      ...(hasReference ? [elsewhere, times] : []),
      ratioMseOf(problem, method, simulations, "published"),
      ...(hasLogProb ? [logProbMse ?? null, logProbMseOf(problem, method, simulations)] : []),
      done.length,
    ];
  });
  return {
    caption:
      `Mean squared error of log r${hasLogProb ? " and of log p" : ""} (nats²).` +
      (hasReference ? ` Reference build, not published: ${known.referenceSource}.` : "") +
      (known.source === "" ? "" : ` Published: ${known.source}.`),
    columns: [
      "method",
      "simulations",
      "MSE of log r",
      ...(hasReference ? ["reference build", "times the reference"] : []),
      "published",
      ...(hasLogProb ? ["MSE of log p", "published log p"] : []),
      "jobs",
    ],
    rows,
    digits: 3,
    file: `${problem}-ratios`,
    sortable: true,
  };
}
