/** Disks small enough to fill: file systems in memory, which only root may mount. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A folder with room for `kilobytes`, gone after the tests of the file; `undefined` where this process may not mount one. */
export function tinyDisk(kilobytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "galton-tiny-"));
  try {
    const options = ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder];
    execFileSync("mount", options, { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  afterAll(() => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Gives a tiny disk more room. */
export function growDisk(folder: string, kilobytes: number): void {
  execFileSync("mount", ["-o", `remount,size=${kilobytes}k`, folder]);
}
