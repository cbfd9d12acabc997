import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { galton } from "./host.js";
import { models, trainedFolder } from "./trained.js";

const { path, write } = trainedFolder(); // simulations/ has 300 rows
const small = ["--epochs", "2", "--width", "8", "--blocks", "1", "--card-pairs", "20", "--json"];

describe("galton train on a folder", () => {
  it("reads it in windows where it has more rows than one, and whole otherwise", async () => {
    const runs: Record<string, Buffer> = {};
    for (const rows of ["120", "300", "200000"]) {
      const out = path(`windows-${rows}.safetensors`);
      const { status, stdout, stderr } = await galton(
        ...["train", path("simulations"), "--window-rows", rows, "--out", out, ...small],
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const told = JSON.parse(stdout);
      expect(told.logs[0]).toMatchObject({ trainingRows: 270, validationRows: 30 });
      expect(told.card.pairs).toBe(20);
      runs[rows] = readFileSync(out);
    }
    expect(runs["300"]).toEqual(runs["200000"]);
    expect(runs["120"]).not.toEqual(runs["300"]);
  });

  it("says in its help that it does, and refuses windows of what it reads whole", async () => {
    const { stdout } = await galton("train", "--help");
    expect(stdout.replace(/\s+/g, " ")).toMatch(/more than 200,000 rows .* read from disk in windows/);
    const table = write("table.csv", "mu,a\n1,2\n");
    const { status, stderr } = await galton(
      ...["train", table, "--theta", "mu", "--window-rows", "10", "--out", path("t.safetensors")],
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/--window-rows goes with a folder/);
  });
});

it("galton simulate says how many rows the folder has", async () => {
  const { status, stdout } = await galton(
    ...["simulate", models, "--n", "50", "--seed", "1", "--out", path("fifty"), "--workers", "2", "--json"],
  );
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ n: 50, rows: 50, dropped: 0 });
});
