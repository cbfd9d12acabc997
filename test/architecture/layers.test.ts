/** The house has layers: a file imports only from its own layer or a lower one. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Folder prefixes from most to least specific, with layer and, for layer 2, the room. */
const rooms: readonly (readonly [prefix: string, layer: number, room: string])[] = [
  ["src/core/", 1, "core"],
  ["samplers/", 2, "samplers"],
  ["src/engine/", 2, "engine"],
  ["src/executor/", 2, "executor"],
  ["src/index.ts", 5, "front"],
  ["src/cli/", 5, "cli"],
  ["src/", 3, "src"],
  ["benchmarks/", 4, "benchmarks"],
  ["examples/", 5, "examples"],
];

/** Packages that the front doors may load at once; everything else is loaded by the function that needs it. */
const lightPackages = new Set(["jstat", "seedrandom"]);

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly dynamic: boolean;
  readonly typeOnly: boolean;
}

function sources(): string[] {
  return ["src", "samplers", "benchmarks", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`),
  );
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?[^;]*?from\s+"([^"]+)"/gm)) {
    found.push({ file, specifier: match[2], dynamic: false, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\("([^"]+)"\)/g)) {
    found.push({ file, specifier: match[1], dynamic: true, typeOnly: false });
  }
  return found;
}

const roomOf = (file: string) => rooms.find(([prefix]) => file.startsWith(prefix));
const resolved = (file: string, specifier: string) =>
  relative(root, resolve(root, dirname(file), specifier)).replaceAll("\\", "/");

describe("the layers of the house", () => {
  const imports = sources().flatMap(importsOf);
  const local = imports.filter(({ specifier }) => specifier.startsWith("."));

  it("finds the imports it judges", () => {
    expect(local.length).toBeGreaterThan(100);
  });

  it("import only from their own layer or a lower one", () => {
    const upward = local.flatMap(({ file, specifier }) => {
      const target = resolved(file, specifier);
      const from = roomOf(file);
      const to = roomOf(target);
      if (!from || !to) return [`${file} imports ${target}, which is in no layer`];
      if (to[1] > from[1]) return [`${file} (layer ${from[1]}) imports ${target} (layer ${to[1]})`];
      if (to[1] === 2 && from[1] === 2 && to[2] !== from[2])
        return [`${file} imports its neighbour ${target}`];
      return [];
    });
    expect(upward).toEqual([]);
  });

  it("load heavy packages only when they are needed", () => {
    const doors = ["src/index.ts", "samplers/index.ts", "benchmarks/index.ts", "src/cli/main.ts"];
    const loaded = new Set(doors);
    for (const file of loaded) {
      for (const { specifier, dynamic, typeOnly } of local.filter((found) => found.file === file)) {
        if (!dynamic && !typeOnly) loaded.add(resolved(file, specifier).replace(/\.js$/, ".ts"));
      }
    }
    const heavy = imports.filter(
      ({ file, specifier, dynamic, typeOnly }) =>
        loaded.has(file) &&
        !dynamic &&
        !typeOnly &&
        !/^(\.|node:)/.test(specifier) &&
        !lightPackages.has(specifier),
    );
    expect(loaded.size).toBeGreaterThan(50);
    expect(heavy.map(({ file, specifier }) => `${file}: ${specifier}`)).toEqual([]);
  });

  it("keep the core free of packages other than jstat and seedrandom", () => {
    const foreign = imports.filter(
      ({ file, specifier }) =>
        file.startsWith("src/core/") && !/^(\.|node:)/.test(specifier) && !lightPackages.has(specifier),
    );
    expect(foreign).toEqual([]);
  });

  it("keep every file short enough to hold in mind", () => {
    const long = sources().filter((file) => readFileSync(join(root, file), "utf8").split("\n").length > 400);
    expect(long).toEqual([]);
  });
});
