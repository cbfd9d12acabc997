/**
 * Fifteen measured charge asymmetries of e+e- -> mu+mu- between 13.9 and 57 GeV.
 *
 * Source: Particle Data Group, data block S044Z0A, "Charge asymmetry in e+e- -> mu+mu-" (continuum rows of
 * VENUS, AMY, TOPAZ, MARK J, TASSO and one unnamed experiment), https://pdglive.lbl.gov/DataBlock.action?node=S044Z0A.
 * Left out: the Z-pole rows, and DELPHI 1995, whose selection the Born formula does not describe.
 *
 * @module
 */

/** One row of the listing; asymmetries and errors in per cent, as published. */
export interface Measurement {
  readonly experiment: string;
  readonly year: number;
  /** Centre-of-mass energy, GeV. */
  readonly energy: number;
  /** Asymmetry, per cent. */
  readonly percent: number;
  /** Statistical error upwards and downwards, per cent. */
  readonly statistical: readonly [number, number];
  /** Systematic error, per cent; 0 where none is listed. */
  readonly systematic: number;
}

const row = (
  experiment: string,
  year: number,
  energy: number,
  percent: number,
  statistical: readonly [number, number],
  systematic = 0,
): Measurement => ({ experiment, year, energy, percent, statistical, systematic });

/** The listing, in its own order. */
export const measurements: readonly Measurement[] = [
  row("VENUS", 1990, 56.9, -29.0, [5.0, 4.8], 0.5),
  row("(unnamed)", 1990, 35.0, -9.9, [1.5, 1.5], 0.5),
  row("AMY", 1989, 52.0, -43.4, [17.0, 17.0]),
  row("AMY", 1989, 55.0, -11.0, [16.5, 16.5]),
  row("AMY", 1989, 56.0, -30.0, [12.4, 12.4]),
  row("AMY", 1989, 57.0, -46.2, [14.9, 14.9]),
  row("TOPAZ", 1988, 53.3, -29.0, [13.0, 13.0]),
  row("MARK J", 1988, 14.0, 5.3, [5.0, 5.0], 0.5),
  row("MARK J", 1988, 34.8, -10.4, [1.3, 1.3], 0.5),
  row("MARK J", 1988, 38.3, -12.3, [5.3, 5.3], 0.5),
  row("MARK J", 1988, 43.8, -15.6, [3.0, 3.0], 0.5),
  row("TASSO", 1988, 13.9, -1.0, [6.0, 6.0]),
  row("TASSO", 1988, 34.5, -9.1, [2.3, 2.3], 0.5),
  row("TASSO", 1988, 35.0, -10.6, [2.2, 2.3], 0.5),
  row("TASSO", 1988, 43.6, -17.6, [4.4, 4.3], 0.5),
];

/** Energies in GeV, `[15]`. */
export const energies = Float64Array.from(measurements, ({ energy }) => energy);

/** Measured asymmetries as fractions, `[15]`. */
export const asymmetries = Float64Array.from(measurements, ({ percent }) => percent / 100);

/** Errors as fractions, `[15]`: the mean of the two statistical errors and the systematic one in quadrature. */
export const errors = Float64Array.from(
  measurements,
  ({ statistical: [up, down], systematic }) => Math.hypot((up + down) / 2, systematic) / 100,
);
