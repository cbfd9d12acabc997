/**
 * Marginals of one posterior, parameter by parameter: the densities that were kept of each method beside the exact ones, or,
 * where none were, smoothed draws.
 *
 * @module
 */
import { column, type Matrix } from "../../src/core/matrix.js";
import type { Density1 } from "../../src/report/figures/density.js";
import { marginalsFigure } from "../../src/report/figures/marginals.js";
import { marginalColumns } from "../marginals.js";
import type { MethodLook, NamedFigure } from "./figures.js";
import type { StoredPosterior } from "./posteriors.js";

/** Marginal densities of one method and the exact ones at the same points, one per parameter. */
export interface ShownMarginals {
  readonly method: string;
  readonly learned: readonly Density1[];
  readonly exact: readonly Density1[];
}

/** Reads a kept table; `undefined` if it is not one of `dim` parameters. */
export function shownMarginals(
  method: string,
  table: { readonly names: readonly string[]; readonly values: Matrix },
  dim: number,
): ShownMarginals | undefined {
  if (table.names.join() !== marginalColumns.join()) return undefined;
  const [parameter, theta, learned, exact] = marginalColumns.map((_, j) => column(table.values, j));
  const density = (values: Float64Array) =>
    Array.from({ length: dim }, (_, j): Density1 => {
      const own = (all: Float64Array) => all.filter((_, i) => parameter[i] === j);
      return { x: own(theta), density: own(values) };
    });
  const shown = { method, learned: density(learned), exact: density(exact) };
  return shown.learned.every(({ x }) => x.length > 1) ? shown : undefined;
}

/** Kept densities, drawn as they are; `undefined` where there are none. */
export async function densityMarginals(
  problem: string,
  { marginals, parameters, observation, seed }: StoredPosterior,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure | undefined> {
  if (marginals.length === 0) return undefined;
  const [{ exact }] = marginals;
  const name = `${problem}-marginals`;
  const sets = [
    { label: "exact", densities: exact, color: "currentColor", style: "fill" as const },
    ...marginals.map(({ method, learned }) => ({
      label: method,
      densities: learned,
      color: looks.get(method)!.color,
    })),
  ];
  return {
    name,
    caption:
      `Marginal densities at observation ${observation}, seed ${seed}: exact ones, and those of the learned density, ratio times prior, evaluated on ` +
      "a grid: means over draws of its conditional densities, without smoothing. Methods that have draws only are left out.",
    svg: await marginalsFigure(parameters, sets, {
      title: `${problem}: exact and learned marginal densities`,
    }),
    data: {
      file: name,
      table: {
        columns: ["method", "parameter", "value", "density"],
        rows: sets.flatMap(({ label, densities }) =>
          densities.flatMap(({ x, density }, j) =>
            Array.from(x, (value, i) => [label, parameters[j].label, value, density[i]]),
          ),
        ),
      },
    },
  };
}

/** Smoothed draws of all methods over the exact ones. */
export async function drawsMarginals(
  problem: string,
  { shown, exact, parameters, observation, seed }: StoredPosterior,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<Omit<NamedFigure, "caption">> {
  return {
    name: `${problem}-draws`,
    svg: await marginalsFigure(
      parameters,
      [
        ...(exact ? [{ label: "exact", draws: exact, color: "currentColor", style: "fill" as const }] : []),
        ...shown.map(({ method, draws }) => ({ label: method, draws, color: looks.get(method)!.color })),
      ],
      { title: `${problem}: marginals at observation ${observation}, seed ${seed}` },
    ),
  };
}
