/**
 * All commands, in the order of a project.
 *
 * @module
 */
import type { Command } from "./command.js";
import { bench } from "./commands/bench.js";
import { diagnose } from "./commands/diagnose.js";
import { doctor } from "./commands/doctor.js";
import { report } from "./commands/report.js";
import { sample } from "./commands/sample.js";
import { simulate } from "./commands/simulate.js";
import { train } from "./commands/train.js";
import { worker } from "./commands/worker.js";

/** The commands of `galton`. */
export const commands: readonly Command[] = [
  simulate,
  train,
  sample,
  diagnose,
  report,
  bench,
  worker,
  doctor,
];
