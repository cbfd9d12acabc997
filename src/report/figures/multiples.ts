/**
 * Small multiples: the same curves for several things, a panel each on common axes, such as the accuracy of methods against
 * the number of simulations on every problem.
 *
 * @module
 */
import { axisLabel, type FigureOptions, paddedExtent, type Quantity, requireWidth } from "./checks.js";
import {
  type Curve,
  curveMarks,
  type ReferenceCurve,
  referenceMarks,
  requireCurves,
  type StyledCurve,
  styled,
} from "./curves.js";
import { logDomain, logFormat, logTicks } from "./log-axis.js";
import { axisX, axisY, drawPanels, type LegendItem, legendColumns } from "./plot.js";

/** One of the things. */
export interface Multiple {
  /** Written above the panel. */
  readonly title: string;
  /** A label has the same look in every panel. */
  readonly curves: readonly (Curve & Required<Pick<Curve, "color" | "symbol">>)[];
  /** Curves of others: thin and broken, without errors. */
  readonly references?: readonly ReferenceCurve[];
}

/** What `multiplesFigure` draws. */
export interface MultiplesData {
  /** Positive, on a logarithmic axis. */
  readonly x: Quantity;
  readonly y: Quantity;
  /** Read along rows. */
  readonly panels: readonly Multiple[];
  /** What the legend calls the references, behind their labels. Default `"published"`. */
  readonly referenceKind?: string;
  /** Ends of the vertical axis. Default: what the points and their errors take. */
  readonly yDomain?: readonly [number, number];
}

/** Options of `multiplesFigure`. */
export interface MultiplesOptions extends FigureOptions {
  /** Panels in a row. Default 3. */
  readonly columns?: number;
}

const [gap, titleRoom, plotHeight, bottomRoom] = [12, 22, 136, 50];

/**
 * Draws panels in rows with common axes, bands of one standard error around measured curves, and one legend below.
 *
 * @param options.width - px. Default 640.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no panel or none has a curve, a number is not finite or an `x` is not positive.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function multiplesFigure(data: MultiplesData, options: MultiplesOptions = {}): Promise<string> {
  const { width = 640 } = options;
  const { x, y, panels, referenceKind = "published" } = data;
  requireWidth("multiplesFigure", width);
  const curves = panels.flatMap((panel) => panel.curves.map(styled));
  const references = panels.flatMap((panel) => panel.references ?? []);
  if (curves.length === 0) throw new RangeError("multiplesFigure: panels must have curves.");
  requireCurves("multiplesFigure", [...curves, ...references]);
  const all = [...curves, ...references].flatMap(({ points }) => points);
  const xDomain = logDomain(all.map((point) => point.x));
  const ticks = logTicks(xDomain, 2); // panels are narrow
  const ends = all.flatMap(({ y, error }) => [y - (error || 0), y + (error || 0)]);
  const yDomain = data.yDomain ?? paddedExtent(ends);

  const columns = Math.min(options.columns ?? 3, panels.length);
  const [left, right] = [56, 14];
  const inner = (width - left - right - gap * (columns - 1)) / columns;
  const rows = Math.ceil(panels.length / columns);
  const bottom = rows * (titleRoom + plotHeight) + bottomRoom;
  const items = [...oncePerLabel(curves.map(measuredItem)), ...referenceItems(references, referenceKind)];
  const below = legendColumns(items, left, bottom + 10, width - left);
  const frame = {
    width,
    height: bottom + below.height + 6,
    title: options.title ?? `${y.label} against ${x.label}, ${panels.length} panels`,
    description:
      options.description ??
      `A panel each for ${panels.map(({ title }) => title).join(", ")}, with curves of ${items.map(({ label }) => label).join(", ")}.`,
    overlay: below.svg,
  };
  return drawPanels("multiplesFigure", frame, (plot) =>
    panels.map(({ title, curves, references = [] }, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const isLeft = column === 0;
      const isLowest = i + columns >= panels.length; // nothing stands below it
      return {
        left: isLeft ? 0 : left + column * (inner + gap) - gap / 2,
        top: row * (titleRoom + plotHeight),
        options: {
          width: isLeft ? left + inner + gap / 2 : inner + gap,
          height: titleRoom + plotHeight + bottomRoom,
          marginLeft: isLeft ? left : gap / 2,
          marginRight: gap / 2,
          marginTop: titleRoom,
          marginBottom: bottomRoom,
          x: {
            type: "log",
            domain: xDomain,
            ...(isLowest
              ? axisX(axisLabel(x), 5, { ticks, tickFormat: logFormat(ticks) })
              : { axis: null, label: null }),
          },
          y: {
            domain: yDomain,
            ...(isLeft ? axisY(axisLabel(y), 5, { labelOffset: 46 }) : { axis: null, label: null }),
          },
          marks: [
            plot.gridY({ ticks: 5, strokeOpacity: 0.12 }),
            ...references.flatMap((curve) => referenceMarks(plot, curve)),
            ...curves.map(styled).flatMap((curve) => curveMarks(plot, curve, -Infinity)),
            plot.text([title], { frameAnchor: "top", lineAnchor: "bottom", dy: -6, fontWeight: 600 }),
            plot.frame({ strokeOpacity: 0.4 }),
          ],
        },
      };
    }),
  );
}

const measuredItem = ({ label, color, symbol }: StyledCurve): LegendItem => ({ label, color, mark: symbol });

function referenceItems(references: readonly ReferenceCurve[], kind: string): readonly LegendItem[] {
  return oncePerLabel(
    references.map(({ label, color = "currentColor", dash }) => ({
      label: `${label} (${kind})`,
      color,
      mark: "dashed",
      ...(dash !== undefined && { dash }),
    })),
  );
}

function oncePerLabel(items: readonly LegendItem[]): readonly LegendItem[] {
  return [...new Map(items.map((item) => [item.label, item])).values()];
}
