/**
 * `galton bench`: the benchmark, which reads its own options.
 *
 * @module
 */
import type { ForwardedCommand } from "../command.js";

/** Measures a method on a problem whose posterior is known. */
export const bench: ForwardedCommand = {
  name: "bench",
  summary: "measure a method on a problem whose posterior is known",
  async forward(argv) {
    const { benchCommand } = await import("../../../benchmarks/command.js");
    return benchCommand(argv);
  },
};
