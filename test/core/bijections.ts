/** What every bijection must satisfy, as checks that other test files reuse. */
import { expect } from "vitest";
import type { Bijection } from "../../src/core/contracts.js";

const at = (map: Bijection, u: Float64Array) => {
  const theta = new Float64Array(map.dim);
  map.toConstrained(u, theta);
  return theta;
};

/** Central difference of `f` in coordinate `i`; truncation and rounding errors are both near 1e-10 of its scale. */
function difference(f: (u: Float64Array) => number, u: Float64Array, i: number): number {
  const h = 1e-5 * Math.max(1, Math.abs(u[i]));
  const [up, down] = [u.slice(), u.slice()];
  up[i] += h;
  down[i] -= h;
  return (f(up) - f(down)) / (up[i] - down[i]);
}

/** Checks inverse, log determinant (of a diagonal Jacobian) and pullback at one point. */
export function checkBijection(map: Bijection, u: Float64Array): void {
  const theta = at(map, u);
  const back = new Float64Array(map.dim);
  map.toUnconstrained(theta, back);
  const logDet = u.reduce((sum, _, i) => {
    return sum + Math.log(Math.abs(difference((v) => at(map, v)[i], u, i)));
  }, 0);
  // f(theta) = sum of sin(theta_i + i): smooth and bounded anywhere
  const gradient = theta.map((value, i) => Math.cos(value + i));
  const pulled = new Float64Array(map.dim);
  map.pullback(u, gradient, pulled);
  const target = (v: Float64Array) =>
    at(map, v).reduce((sum, value, i) => sum + Math.sin(value + i), map.logDet(v));
  for (let i = 0; i < map.dim; i++) {
    // eps |theta| of rounding in theta comes back divided by the slope
    const slope = Math.abs(difference((v) => at(map, v)[i], u, i));
    expect(Math.abs(back[i] - u[i])).toBeLessThan(
      1e-14 * (1 + Math.abs(u[i])) + (5e-16 * Math.abs(theta[i])) / slope,
    );
    expect(Math.abs(pulled[i] - difference(target, u, i))).toBeLessThan(1e-6 * (1 + slope));
  }
  expect(Math.abs(map.logDet(u) - logDet)).toBeLessThan(1e-7 * map.dim);
}
