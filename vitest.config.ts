import { defineConfig } from "vitest/config";

/** Files that count what is loaded, what is held in memory, or replace a module: each in a process of its own. */
const alone = ["test/engine/**/*.test.ts", "test/executor/**/*.test.ts"];

const shared = { pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 } as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: "alone", include: alone } },
      {
        // one process for many files: the modules of the product are loaded and compiled once, a third of the time
        test: {
          ...shared,
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: ["test/slow/**", ...alone],
          isolate: false,
        },
      },
    ],
  },
});
