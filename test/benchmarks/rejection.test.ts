import { expect, it } from "vitest";
import { rejectionDraws } from "../../benchmarks/rejection.js";
import { key } from "../../src/core/random.js";

it("keeps what is proposed and not rejected, the same for the same key", () => {
  const below = (rng: { uniform(): number }) => {
    const u = rng.uniform();
    return u < 0.25 ? [u, -u] : undefined;
  };
  const draws = rejectionDraws("quarter", [0], 2000, 2, key(1), below);
  expect(draws).toEqual(rejectionDraws("quarter", [0], 2000, 2, key(1), below));
  const first = draws.data.filter((_, i) => i % 2 === 0);
  expect(Math.max(...first)).toBeLessThan(0.25);
  const mean = first.reduce((sum, value) => sum + value, 0) / 2000;
  expect(Math.abs(mean - 0.125)).toBeLessThan((4 * 0.25) / Math.sqrt(12 * 2000)); // four standard errors
});

it("gives up on data out of the simulator's reach", () => {
  expect(() => rejectionDraws("moons", [7, 8], 1, 2, key(1), () => undefined)).toThrow(
    "moons: expected data that the simulator can make, got (7, 8).",
  );
});
