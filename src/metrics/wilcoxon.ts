/**
 * Wilcoxon's signed-rank test: whether paired differences lie symmetrically about 0. The absolute differences that are
 * not 0 are ranked, ties sharing their mean rank, and `W` is the sum of the ranks of the positive ones.
 *
 * Up to 200 differences the p-value is exact, given the ties: under the hypothesis each rank is positive with
 * probability 1/2, and the law of the sum of twice the ranks, whole numbers, is built up rank by rank. Beyond, it is the
 * normal approximation with tie and continuity corrections.
 *
 * @see Wilcoxon (1945), https://doi.org/10.2307/3001968
 * @see Hollander, Wolfe and Chicken (2014), Nonparametric Statistical Methods, section 3.1
 * @module
 */
import { normalCdf } from "../core/special.js";

const largestExact = 200;

/** What `wilcoxonSignedRank` reports. */
export interface SignedRank {
  /** Sum of the ranks of positive differences. */
  readonly statistic: number;
  /** Two-sided; 1 where all differences are 0. */
  readonly pValue: number;
  /** Differences that are not 0. */
  readonly n: number;
}

/**
 * Tests paired differences.
 *
 * @throws {RangeError} if there is none, or one is `NaN`.
 * @example
 * const { pValue } = wilcoxonSignedRank([0.3, -0.1, 0.4, 0.2, 0.6]);
 */
export function wilcoxonSignedRank(differences: ArrayLike<number>): SignedRank {
  const all = Array.from(differences);
  if (all.length === 0) throw new RangeError("wilcoxonSignedRank: expected differences, got none.");
  const bad = all.findIndex(Number.isNaN);
  if (bad >= 0)
    throw new RangeError(`wilcoxonSignedRank: differences must be numbers, but value ${bad} is NaN.`);
  const signed = all.filter((d) => d !== 0).sort((a, b) => Math.abs(a) - Math.abs(b));
  const n = signed.length;
  if (n === 0) return { statistic: 0, pValue: 1, n };
  const twiceRanks = new Int32Array(n);
  let twice = 0;
  let tieCorrection = 0;
  for (let start = 0; start < n; ) {
    let end = start;
    while (end < n && Math.abs(signed[end]) === Math.abs(signed[start])) end++;
    twiceRanks.fill(start + 1 + end, start, end); // mean of start + 1 ... end, twice
    for (let i = start; i < end; i++) if (signed[i] > 0) twice += twiceRanks[i];
    tieCorrection += (end - start) ** 3 - (end - start);
    start = end;
  }
  const statistic = twice / 2;
  if (n <= largestExact) return { statistic, pValue: exact(twiceRanks, twice), n };
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tieCorrection / 48;
  const distance = Math.max(0, Math.abs(statistic - (n * (n + 1)) / 4) - 0.5);
  return { statistic, pValue: Math.min(1, 2 * normalCdf(-distance / Math.sqrt(variance))), n };
}

function exact(twiceRanks: Int32Array, twice: number): number {
  const total = twiceRanks.length * (twiceRanks.length + 1);
  const probability = new Float64Array(total + 1);
  probability[0] = 1;
  let largest = 0;
  for (const rank of twiceRanks) {
    largest += rank;
    for (let sum = largest; sum >= 0; sum--) {
      probability[sum] = (probability[sum] + (sum >= rank ? probability[sum - rank] : 0)) / 2;
    }
  }
  const smaller = Math.min(twice, total - twice); // the law is symmetric
  let tail = 0;
  for (let sum = 0; sum <= smaller; sum++) tail += probability[sum];
  return Math.min(1, 2 * tail);
}
