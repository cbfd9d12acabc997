/**
 * The tractable benchmark of the AALR paper: the simulator and prior of `slcp`, at
 * `theta* = (0.7, -2.9, -1, -0.9, 0.6)`.
 *
 * The paper does not give its observation. This one follows the code of sequential neural likelihood, whence
 * the benchmark comes: NumPy's `RandomState(41)`, with the paper's first parameter.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057, section 4 and table 2
 * @module
 */
import { observationList, type Problem } from "../problem.js";
import { problem as slcp } from "./slcp.js";

/** One observation, number 1. */
export const problem: Problem = {
  ...slcp,
  name: "slcp_aalr",
  title: "The tractable benchmark of the AALR paper, theta* = (0.7, -2.9, -1, -0.9, 0.6)",
  source: "Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057",
  ...observationList("slcp_aalr", [
    {
      theta: [0.7, -2.9, -1, -0.9, 0.6],
      x: [0.42929, -2.94612, 0.95053, -3.42318, 1.26714, -3.36402, 0.54632, -2.42716],
    },
  ]),
};
