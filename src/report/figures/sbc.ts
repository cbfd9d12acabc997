/**
 * Rank histograms of simulation-based calibration, with the band that chance alone would fill.
 *
 * @see Talts et al. (2018), https://arxiv.org/abs/1804.06788
 * @module
 */
import { ShapeError } from "../../core/errors.js";
import type { Matrix } from "../../core/matrix.js";
import { binomialInterval } from "./binomial.js";
import { type FigureOptions, requireFinite, requireWidth } from "./checks.js";
import { setColor } from "./palette.js";
import { axisX, axisY, drawPanels } from "./plot.js";

/** What `sbcFigure` draws. */
export interface SbcRanks {
  /** Names of the parameters, `[D]`. */
  readonly names: readonly string[];
  /** Rank of the truth among the posterior draws, whole numbers from 0 to `numDraws`, `[N, D]`. */
  readonly ranks: Matrix;
  /** Posterior draws per pair. */
  readonly numDraws: number;
}

/** Options of `sbcFigure`. */
export interface SbcOptions extends FigureOptions {
  /** Bars. Default: near 20 and fewer where there are few pairs; a divisor of `numDraws + 1` where one is near. */
  readonly bins?: number;
}

/**
 * Draws one rank histogram per parameter. Flat within the band is calibrated; a cup is overconfident, a cap
 * conservative, a slope biased. The band holds 95 % of the counts of a uniform rank, bar by bar.
 *
 * @param options.width - px. Default 200 per parameter, at least 320 and at most 640.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there are no ranks, or one is not a whole number from 0 to `numDraws`.
 * @throws {ShapeError} if `ranks` does not have one column for each name.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function sbcFigure(sbc: SbcRanks, options: SbcOptions = {}): Promise<string> {
  const { names, ranks, numDraws } = sbc;
  const perRow = Math.min(3, names.length);
  const { width = Math.max(320, Math.min(640, 40 + 210 * perRow)) } = options;
  const { bins = defaultBins(ranks.rows, numDraws) } = options;
  checkSbc(sbc, bins, width);
  const panels = names.map((name, d) => ({ name, bars: rankBars(ranks, d, numDraws, bins) }));
  const rows = Math.ceil(names.length / perRow);
  const gap = 24;
  const panelWidth = (width - 44 - 16 - gap * (perRow - 1)) / perRow;
  const panelHeight = 168;
  const highest =
    1.1 * Math.max(...panels.flatMap(({ bars }) => bars.map((bar) => Math.max(bar.count, bar.upper))));
  const frame = {
    width,
    height: rows * panelHeight + 26,
    title: options.title ?? `Rank histograms of ${names.join(", ")}`,
    description:
      options.description ??
      "Flat within the band is calibrated; a cup is overconfident, a cap conservative.",
  };
  return drawPanels("sbcFigure", frame, (plot) =>
    panels.map(({ name, bars }, i) => {
      const first = i % perRow === 0;
      const last = i + perRow >= names.length;
      return {
        left: (i % perRow) * (panelWidth + gap),
        top: Math.floor(i / perRow) * panelHeight,
        options: {
          width: panelWidth + 44 + 16,
          height: panelHeight + 26,
          marginLeft: 44,
          marginRight: 16,
          marginTop: 22,
          marginBottom: 46,
          x: { domain: [0, numDraws + 1], ...axisX(last ? "rank of the truth" : null, 3) },
          y: {
            domain: [0, highest],
            ...axisY(first ? "pairs" : null, 4, first ? { labelOffset: 40 } : { tickFormat: () => "" }),
          },
          marks: [
            plot.rect(bars, {
              x1: "from",
              x2: "to",
              y1: 0,
              y2: "count",
              fill: setColor(0),
              fillOpacity: 0.7,
              inset: 0.5,
            }),
            plot.rect(bars, {
              x1: "from",
              x2: "to",
              y1: "lower",
              y2: "upper",
              fill: "currentColor",
              fillOpacity: 0.18,
            }),
            plot.text([name], { frameAnchor: "top", dy: -14, fontWeight: 600 }),
            plot.frame({ strokeOpacity: 0.4 }),
          ],
        },
      };
    }),
  );
}

/** Counts of ranks with the 95 % interval of each bar; bars may hold unequal numbers of ranks. */
export function rankBars(ranks: Matrix, column: number, numDraws: number, bins: number) {
  const edges = Array.from({ length: bins + 1 }, (_, i) => Math.round((i * (numDraws + 1)) / bins));
  return Array.from({ length: bins }, (_, b) => {
    const [from, to] = [edges[b], edges[b + 1]];
    let count = 0;
    for (let i = 0; i < ranks.rows; i++) {
      const rank = ranks.data[i * ranks.cols + column];
      if (rank >= from && rank < to) count += 1;
    }
    return { from, to, count, ...binomialInterval(ranks.rows, (to - from) / (numDraws + 1), 0.95) };
  });
}

/** At least ten pairs a bar, at most 20 bars; within a third of that, a divisor of `numDraws + 1`. */
function defaultBins(pairs: number, numDraws: number): number {
  const wanted = Math.max(2, Math.min(20, Math.floor(pairs / 10), numDraws + 1));
  for (let bins = wanted; bins > (2 / 3) * wanted; bins--) {
    if ((numDraws + 1) % bins === 0) return bins;
  }
  return wanted;
}

function checkSbc({ names, ranks, numDraws }: SbcRanks, bins: number, width: number): void {
  requireWidth("sbcFigure", width);
  if (names.length === 0 || ranks.cols !== names.length) {
    throw new ShapeError(
      `sbcFigure: ranks have ${ranks.cols} columns but ${names.length} parameters are named.`,
    );
  }
  requireFinite("sbcFigure: ranks", ranks.data);
  if (!(Number.isInteger(bins) && bins >= 2 && bins <= numDraws + 1)) {
    throw new RangeError(`sbcFigure: bins must be a whole number from 2 to ${numDraws + 1}, got ${bins}.`);
  }
  const bad = ranks.data.find((rank) => !Number.isInteger(rank) || rank < 0 || rank > numDraws);
  if (bad !== undefined) {
    throw new RangeError(`sbcFigure: ranks must be whole numbers from 0 to ${numDraws}, got ${bad}.`);
  }
}
