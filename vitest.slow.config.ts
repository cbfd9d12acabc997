import { defineConfig } from "vitest/config";

/** Long statistical checks: minutes each, run by `npm run test:slow`. */
export default defineConfig({
  test: {
    include: ["test/slow/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
  },
});
