/** What the tests of `simulate` share: folders, two worker threads, and simulators that they can import. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { threads } from "../../src/executor/threads.js";
import { simulatorModule } from "../../src/simulator-module.js";

/** Makes a scratch folder and two threads, which are removed after the tests of the file. */
export function scratchFolder() {
  const scratch = mkdtempSync(join(tmpdir(), "galton-simulate-"));
  const two = threads({ workers: 2 });
  afterAll(async () => {
    await two[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true });
  });
  let folders = 0;
  /** A folder in it that does not exist yet. */
  const newFolder = () => join(scratch, `run-${folders++}`);
  return { scratch, two, newFolder };
}

/** A simulator of `simulators.ts` as other threads find it. */
export const elsewhere = (name: string) => simulatorModule(new URL("./simulators.ts", import.meta.url), name);
