/**
 * Training curves: how the losses fell, which epoch was kept, what the learning rate did.
 *
 * @module
 */
import {
  axisLabel,
  extent,
  type FigureOptions,
  formatNumber,
  paddedExtent,
  type Quantity,
  requireWidth,
} from "./checks.js";
import { palette } from "./palette.js";
import { axisX, axisY, drawPanels, type Panel } from "./plot.js";

/** What `trainingFigure` draws; a `TrainingLog` is one. */
export interface TrainingCurve {
  readonly epochs: readonly {
    /** 1-based. */
    readonly epoch: number;
    readonly trainingLoss: number;
    readonly validationLoss: number;
    readonly learningRate?: number;
  }[];
  /** The epoch whose weights were kept. */
  readonly bestEpoch?: number;
}

/** Options of `trainingFigure`. */
export interface TrainingOptions extends FigureOptions {
  /** What the loss is called. Default `loss (nats)`. */
  readonly loss?: Quantity;
}

/**
 * Draws training and validation loss per epoch, marks the epoch that was kept, and draws the learning rate below
 * where it is given. A validation curve that turns up while the training curve falls is overfitting. Losses that
 * are not finite leave a gap.
 *
 * @param options.width - px. Default 560.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no epoch, no finite loss, or `bestEpoch` is not among the epochs.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function trainingFigure(curve: TrainingCurve, options: TrainingOptions = {}): Promise<string> {
  const { width = 560, loss = { label: "loss", unit: "nats" } } = options;
  const best = checkTraining(curve, width);
  const { epochs } = curve;
  const rated = epochs.filter((record) => Number.isFinite(record.learningRate));
  const split = 240;
  const lower = rated.length > 0 ? 110 : 40;
  const [left, right] = [62, 92];
  const x = { domain: [epochs[0].epoch, Math.max(epochs[epochs.length - 1].epoch, epochs[0].epoch + 1)] };

  const series = [
    { field: "trainingLoss" as const, label: "training", color: palette[1] },
    { field: "validationLoss" as const, label: "validation", color: palette[0] },
  ].map((one) => ({ ...one, finite: epochs.filter((record) => Number.isFinite(record[one.field])) }));
  const domain = lossDomain(series.flatMap(({ finite, field }) => finite.map((record) => record[field])));
  const ends = spreadLabels(
    series
      .filter(({ finite }) => finite.length > 0)
      .map(({ finite, field, ...rest }) => ({
        ...rest,
        record: finite[finite.length - 1],
        y: finite[finite.length - 1][field],
      })),
    ((domain[1] - domain[0]) / (split - 30)) * 15,
  );

  const frame = {
    width,
    height: split + lower,
    title: options.title ?? "Training and validation loss",
    description: options.description ?? describe(epochs.length, best),
  };
  return drawPanels("trainingFigure", frame, (plot) => {
    const shared = { width, marginLeft: left, marginRight: right };
    const frameMark = plot.frame({ strokeOpacity: 0.4 });
    const losses: Panel = {
      left: 0,
      top: 0,
      options: {
        ...shared,
        height: split + 40,
        marginTop: 24,
        marginBottom: 46,
        x: { ...x, ...(rated.length > 0 ? { ...axisX(null, 6), tickFormat: () => "" } : axisX("epoch", 6)) },
        y: { domain, ...axisY(axisLabel(loss), 5) },
        marks: [
          ...(best === undefined
            ? []
            : [plot.ruleX([best.epoch], { strokeDasharray: "3,3", strokeOpacity: 0.6 })]),
          ...series.map(({ field, color }) =>
            plot.line(epochs, { x: "epoch", y: field, stroke: color, strokeWidth: 1.8, clip: true }),
          ),
          ...(best === undefined
            ? []
            : [
                plot.dot([best], { x: "epoch", y: "validationLoss", fill: palette[0], r: 4, clip: true }),
                plot.text([best], {
                  x: "epoch",
                  frameAnchor: "top",
                  dy: -14,
                  text: (record) => `kept: epoch ${record.epoch}`,
                  textAnchor: best.epoch > (x.domain[0] + 2 * x.domain[1]) / 3 ? "end" : "start",
                }),
              ]),
          ...ends.map((end) =>
            plot.text([end], {
              x: x.domain[1],
              y: "y",
              text: "label",
              fill: end.color,
              textAnchor: "start",
              dx: 8,
            }),
          ),
          frameMark,
        ],
      },
    };
    if (rated.length === 0) return [losses];
    const rate: Panel = {
      left: 0,
      top: split,
      options: {
        ...shared,
        height: lower,
        marginTop: 6,
        marginBottom: 46,
        x: { ...x, ...axisX("epoch", 6) },
        y: {
          domain: [0, 1.1 * extent(rated.map((record) => record.learningRate!))[1]],
          ...axisY(null, 3),
          tickFormat: (value: number) => formatNumber(value, 1),
        },
        marks: [
          plot.line(rated, { x: "epoch", y: "learningRate", stroke: palette[4], strokeWidth: 1.8 }),
          plot.text(["learning rate"], {
            frameAnchor: "right",
            textAnchor: "start",
            dx: 8,
            fill: palette[4],
          }),
          frameMark,
        ],
      },
    };
    return [losses, rate];
  });
}

/**
 * The range of the losses; where the first epochs tower over the rest, the axis ends at four times the range of
 * the later three quarters, so that the part that matters can be seen.
 */
function lossDomain(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const usual = sorted[Math.floor(0.75 * (sorted.length - 1))];
  const [lower, upper] = paddedExtent(values);
  const cap = usual + 3 * (usual - sorted[0]);
  return cap > lower && cap < upper ? [lower, cap] : [lower, upper];
}

/** Moves the labels at the ends of two curves apart by at least `room`. */
function spreadLabels<Label extends { readonly y: number }>(labels: readonly Label[], room: number): Label[] {
  if (labels.length < 2 || Math.abs(labels[0].y - labels[1].y) >= room) return [...labels];
  const middle = (labels[0].y + labels[1].y) / 2;
  const sign = labels[0].y >= labels[1].y ? 0.5 : -0.5;
  return [
    { ...labels[0], y: middle + sign * room },
    { ...labels[1], y: middle - sign * room },
  ];
}

function describe(epochs: number, best: { epoch: number; validationLoss: number } | undefined): string {
  const kept =
    best === undefined
      ? ""
      : ` Epoch ${best.epoch} was kept, with validation loss ${formatNumber(best.validationLoss, 4)}.`;
  return `Losses over ${epochs} epochs.${kept}`;
}

function checkTraining({ epochs, bestEpoch }: TrainingCurve, width: number) {
  requireWidth("trainingFigure", width);
  if (epochs.length === 0) throw new RangeError("trainingFigure: epochs must not be empty.");
  if (!epochs.some((one) => Number.isFinite(one.trainingLoss) || Number.isFinite(one.validationLoss))) {
    throw new RangeError("trainingFigure: expected at least one finite loss, got none.");
  }
  if (bestEpoch === undefined) return undefined;
  const best = epochs.find((one) => one.epoch === bestEpoch);
  if (best === undefined) {
    throw new RangeError(`trainingFigure: bestEpoch ${bestEpoch} is not among the ${epochs.length} epochs.`);
  }
  return best;
}
