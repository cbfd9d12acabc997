/**
 * The posteriors of posteriordb with differential equations, in unconstrained space.
 *
 * @module
 */
import { type ReferencePosterior, readData } from "./reference-posterior.js";
import { type Node, Tape } from "./tape.js";
import { byRow, named } from "./taped-posterior.js";

/** One classical Runge-Kutta step of `y' = f(t, y)`, in place. */
function rungeKutta(
  slope: (t: number, y: Float64Array, out: Float64Array) => void,
  y: Float64Array,
  t: number,
  h: number,
  scratch: readonly Float64Array[],
): void {
  const [k1, k2, k3, k4, at] = scratch;
  const n = y.length;
  slope(t, y, k1);
  for (let i = 0; i < n; i++) at[i] = y[i] + 0.5 * h * k1[i];
  slope(t + 0.5 * h, at, k2);
  for (let i = 0; i < n; i++) at[i] = y[i] + 0.5 * h * k2[i];
  slope(t + 0.5 * h, at, k3);
  for (let i = 0; i < n; i++) at[i] = y[i] + h * k3[i];
  slope(t + h, at, k4);
  for (let i = 0; i < n; i++) y[i] += (h / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
}

/** `log N(log y | log z, sd)` over `y`; returns it with its derivatives by `log z` and `log sd`. */
function logNormalTerm(y: number, z: number, sd: number): [value: number, byLogZ: number, byLogSd: number] {
  const r = (Math.log(y) - Math.log(z)) / sd;
  return [-0.5 * r * r - Math.log(sd * y) - 0.5 * Math.log(2 * Math.PI), r / sd, r * r - 1];
}

/** Hares and lynxes. `u` = logarithms of theta, the first year and the two widths; ten Runge-Kutta steps a year. */
export function lotkaVolterra(folder: string): ReferencePosterior {
  const { y, y_init: first } = readData(folder);
  const scratch = Array.from({ length: 5 }, () => new Float64Array(14));
  const state = new Float64Array(14); // hare, lynx, and their derivatives by theta and the first year
  const steps = 10;
  const rates = new Float64Array(4);
  const slope = (_: number, z: Float64Array, out: Float64Array) => {
    const [al, be, ga, de] = rates;
    const [hare, lynx] = [z[0], z[1]];
    out[0] = (al - be * lynx) * hare;
    out[1] = (de * hare - ga) * lynx;
    for (let p = 0; p < 6; p++) {
      const [a, b] = [z[2 + 2 * p], z[3 + 2 * p]];
      out[2 + 2 * p] = (al - be * lynx) * a - be * hare * b;
      out[3 + 2 * p] = de * lynx * a + (de * hare - ga) * b;
    }
    out[2] += hare;
    out[4] -= hare * lynx;
    out[7] -= lynx;
    out[9] += hare * lynx;
  };
  const tape = new Tape();
  return byRow(
    8,
    (u, gradient) => {
      const theta = u.map(Math.exp);
      rates.set(theta.subarray(0, 4));
      state.fill(0);
      state.set(theta.subarray(4, 6));
      state[10] = state[13] = 1;
      const out = new Float64Array(8);
      let sum = 0;
      const observe = (values: readonly number[]) => {
        for (let k = 0; k < 2; k++) {
          const [value, byLogZ, byLogSd] = logNormalTerm(values[k], state[k], theta[6 + k]);
          sum += value;
          out[6 + k] += byLogSd;
          for (let p = 0; p < 6; p++) out[p] += (byLogZ / state[k]) * state[2 + 2 * p + k] * theta[p];
        }
      };
      observe(first as unknown as number[]);
      for (const values of y) {
        for (let i = 0; i < steps; i++) rungeKutta(slope, state, 0, 1 / steps, scratch);
        observe(values);
      }
      const node = lotkaPrior(tape, tape.start(u));
      if (gradient) {
        tape.gradient(node, gradient);
        for (let p = 0; p < 8; p++) gradient[p] += out[p];
      }
      return sum + tape.at(node);
    },
    (u) =>
      named(
        ["theta[1]", "theta[2]", "theta[3]", "theta[4]", "z_init[1]", "z_init[2]", "sigma[1]", "sigma[2]"],
        u.map(Math.exp),
      ),
  );
}

function lotkaPrior(t: Tape, u: Node[]): Node {
  const theta = u.slice(0, 4).map((a) => t.exp(a));
  const rates = theta.map((value, i) =>
    i % 2 ? t.normalPrior(value, 0.05, 0.05) : t.normalPrior(value, 1, 0.5),
  );
  // densities of logarithms: the Jacobian of a log-normal cancels
  const starts = u.slice(4, 6).map((a) => t.normalPrior(a, Math.log(10), 1));
  const widths = u.slice(6).map((a) => t.normalPrior(a, -1, 1));
  return t.sum(...rates, ...starts, ...widths, ...u.slice(0, 4));
}

/** A drug with saturable elimination. `u = log of k_a, K_m, V_m, sigma`; twenty Runge-Kutta steps per observation. */
export function elimination(folder: string): ReferencePosterior {
  const data = readData(folder) as unknown as { D: number; V: number; times: number[]; C_hat: number[] };
  const { D: dose, V: volume, times, C_hat: measured } = data;
  const scratch = Array.from({ length: 5 }, () => new Float64Array(4));
  const state = new Float64Array(4); // concentration, and its derivatives by k_a, K_m, V_m
  const steps = 20;
  let theta = new Float64Array(4);
  const slope = (t: number, z: Float64Array, out: Float64Array) => {
    const [ka, km, vm] = theta;
    const c = z[0];
    const inflow = (Math.exp(-ka * t) * dose) / volume;
    const saturation = c / (km + c);
    const decay = -((vm / volume) * km) / (km + c) ** 2;
    out[0] = inflow * ka - (vm / volume) * saturation;
    out[1] = decay * z[1] + inflow * (1 - ka * t);
    out[2] = decay * z[2] + ((vm / volume) * c) / (km + c) ** 2;
    out[3] = decay * z[3] - saturation / volume;
  };
  const tape = new Tape();
  return byRow(
    4,
    (u, gradient) => {
      theta = u.map(Math.exp);
      state.fill(0);
      const out = new Float64Array(4);
      let sum = 0;
      times.forEach((time, i) => {
        const from = i > 0 ? times[i - 1] : 0;
        const h = (time - from) / steps;
        for (let k = 0; k < steps; k++) rungeKutta(slope, state, from + k * h, h, scratch);
        const [value, byLogC, byLogSd] = logNormalTerm(measured[i], state[0], theta[3]);
        sum += value;
        out[3] += byLogSd;
        for (let p = 0; p < 3; p++) out[p] += (byLogC / state[0]) * state[1 + p] * theta[p];
      });
      const inputs = tape.start(u);
      const node = tape.sum(...inputs.map((a) => tape.add(tape.cauchyPrior(tape.exp(a), 1), a)));
      if (gradient) {
        tape.gradient(node, gradient);
        for (let p = 0; p < 4; p++) gradient[p] += out[p];
      }
      return sum + tape.at(node);
    },
    (u) => named(["k_a", "K_m", "V_m", "sigma"], u.map(Math.exp)),
  );
}
