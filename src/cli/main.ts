#!/usr/bin/env node
/** The program `galton`. */
import { status } from "./failure.js";
import { runCli } from "./run.js";

// `galton ... | head` closes the pipe: that is no failure
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(status.ok);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt(stop) {
    let first: number | undefined;
    const listener = () => {
      first ??= performance.now();
      // a second Ctrl-C does not wait; one at once is the same one, passed on by a parent process
      if (performance.now() - first > 500) process.exit(status.interrupted);
      stop();
    };
    process.on("SIGINT", listener);
    return () => process.off("SIGINT", listener);
  },
});
if (process.exitCode === status.interrupted) process.exit();
