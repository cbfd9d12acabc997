/**
 * R-hat and effective sample sizes while a run went on.
 *
 * @see Vehtari et al. (2021), section 4, https://doi.org/10.1214/20-BA1221
 * @module
 */
import type { RunningDiagnostics } from "../../../samplers/diagnostics/running.js";
import { type FigureOptions, paddedExtent, requireWidth } from "./checks.js";
import { setColor } from "./palette.js";
import { axisX, axisY, drawPanels, legendColumns, type Panel, type Plot } from "./plot.js";

/**
 * Draws, for every parameter, R-hat (left, with a line at 1.01) and the smaller one of bulk and tail ESS (right, with a line
 * at 400) against the number of draws per chain. Points that are `NaN` are left out.
 *
 * @param running - as `runningDiagnostics` returns it.
 * @param options.width - px. Default 600.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no parameter, or nothing finite to draw.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function runningFigure(
  running: readonly RunningDiagnostics[],
  options: FigureOptions = {},
): Promise<string> {
  const { width = 600 } = options;
  requireWidth("runningFigure", width);
  const lines = running.map(({ draws, rhat, essBulk, essTail }) => ({
    rhat: finitePoints(draws, rhat),
    ess: finitePoints(
      draws,
      essBulk.map((bulk, i) => Math.min(bulk, essTail[i])),
    ),
  }));
  if (!lines.some(({ rhat, ess }) => rhat.length > 0 && ess.length > 0)) {
    throw new RangeError("runningFigure: expected finite R-hat and ESS of at least one parameter, got none.");
  }
  const last = Math.max(...running.map(({ draws }) => draws[draws.length - 1]));
  const items = running.map(({ name }, k) => ({ label: name, color: setColor(k), mark: "line" as const }));
  const { svg, height: top } = legendColumns(items, 62, 12, width - 74);
  const panel = (plot: Plot, left: number, label: string, limit: number, kind: "rhat" | "ess"): Panel => {
    return {
      left,
      top: top + 8,
      options: {
        width: width / 2,
        height: 220,
        marginLeft: 62,
        marginRight: 12,
        marginTop: 10,
        marginBottom: 46,
        x: { domain: [0, last], ...axisX("draws per chain", 4) },
        y: {
          domain: paddedExtent([limit, ...lines.flatMap((line) => line[kind].map(([, y]) => y))]),
          ...axisY(label, 5),
        },
        marks: [
          plot.ruleY([limit], { strokeDasharray: "4,3", strokeOpacity: 0.8 }),
          ...lines.map((line, k) => plot.line(line[kind], { stroke: setColor(k), strokeWidth: 1.6 })),
          plot.frame({ strokeOpacity: 0.4 }),
        ],
      },
    };
  };
  const frame = {
    width,
    height: top + 220 + 8,
    title: options.title ?? `R-hat and ESS of ${running.map(({ name }) => name).join(", ")}`,
    description: options.description ?? "R-hat and effective sample sizes against the number of draws.",
    overlay: svg,
  };
  return drawPanels("runningFigure", frame, (plot) => [
    panel(plot, 0, "R-hat", 1.01, "rhat"),
    panel(plot, width / 2, "smaller ESS of bulk and tail", 400, "ess"),
  ]);
}

type Point = [number, number];

function finitePoints(x: Float64Array, y: Float64Array): Point[] {
  return Array.from(x, (value, i): Point => [value, y[i]]).filter(([, value]) => Number.isFinite(value));
}
