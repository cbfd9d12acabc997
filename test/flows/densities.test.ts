/** Every conditional density: it integrates to one, its samples follow it, its spec rebuilds it. */
import { beforeAll, describe, expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import type { Engine } from "../../src/engine/types.js";
import { conditionalDensity } from "../../src/flows/from-spec.js";
import { type MixtureDensity, mixtureDensity } from "../../src/flows/mixture-density.js";
import { nsf } from "../../src/flows/nsf.js";
import { tensor64, tf64, values64 } from "./float64-tf.js";
import { CONTEXT, logProb64, numbers, specs, unpack64, wild } from "./small.js";

let engines: Engine[];
beforeAll(async () => {
  const found = await describeEngines();
  engines = await Promise.all(found.filter(({ available }) => available).map(({ name }) => openEngine(name)));
});

const context = numbers("context", 1, CONTEXT);

/** `f` of a density at one context, on the first engine. */
async function atContext(
  { density, packed }: ReturnType<typeof wild>,
  f: "logProb" | "sample",
  input: Float64Array,
): Promise<Float32Array> {
  const columns = f === "sample" ? density.noise.length : density.valueDim;
  const rows = input.length / columns;
  await using compiled = await engines[0].compile(
    (tf, { flat, at, context }) => ({
      out: density[f](tf, unpack(tf, flat, density.parameters), at, tf.tile(context, [rows, 1])),
    }),
    { flat: { shape: [packed.length] }, at: { shape: [rows, columns] }, context: { shape: [1, CONTEXT] } },
  );
  const { out } = await compiled.run({ flat: packed, at: input, context });
  return out.slice() as Float32Array;
}

/** 2,000 samples at one context. */
const samples = (made: ReturnType<typeof wild>) =>
  atContext(made, "sample", numbers("noise", 2000, made.density.noise.length, made.density.noise));

/** A grid of `n` points over a column of samples, with half their range around them. */
function axisOver(samples: Float32Array, n: number) {
  const [low, high] = [Math.min(...samples), Math.max(...samples)];
  const width = (2 * (high - low)) / (n - 1);
  return { width, point: (i: number) => low - (high - low) / 2 + i * width };
}

const moderate = 0.6; // gain of the weights: densities that a grid resolves

describe.each(specs)("%s", (name, spec) => {
  it("integrates to one over a line", async () => {
    const made = wild(spec, 1, "line", moderate);
    const n = 4001;
    const axis = axisOver(await samples(made), n);
    const logProb = await atContext(
      made,
      "logProb",
      Float64Array.from({ length: n }, (_, i) => axis.point(i)),
    );
    // the trapezium rule errs by the square of a step of a thousandth of the width, and by float32
    expect(Math.abs(axis.width * logProb.reduce((sum, l) => sum + Math.exp(l), 0) - 1)).toBeLessThan(1e-3);
  });

  it("integrates to one over a plane, whose moments its samples have", async () => {
    const made = wild(spec, 2, "plane", moderate);
    const n = 161;
    const draws = await samples(made);
    const axes = [0, 1].map((j) =>
      axisOver(
        draws.filter((_, i) => i % 2 === j),
        n,
      ),
    );
    const value = Float64Array.from({ length: 2 * n * n }, (_, i) => {
      const cell = Math.floor(i / 2);
      return axes[i % 2].point(i % 2 === 0 ? Math.floor(cell / n) : cell % n);
    });
    const logProb = await atContext(made, "logProb", value);
    const mass = Float64Array.from(logProb, (l) => Math.exp(l) * axes[0].width * axes[1].width);
    expect(Math.abs(mass.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(0.01);

    const meanOf = (f: (x: number, y: number) => number) =>
      mass.reduce((sum, m, i) => sum + m * f(value[2 * i], value[2 * i + 1]), 0);
    for (const f of [
      (x: number) => x,
      (_x: number, y: number) => y,
      (x: number) => x * x,
      (_x: number, y: number) => y * y,
      (x: number, y: number) => x * y,
    ]) {
      const seen = Array.from({ length: 2000 }, (_, i) => f(draws[2 * i], draws[2 * i + 1]));
      const mean = seen.reduce((a, b) => a + b, 0) / 2000;
      const mcse = Math.sqrt(seen.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / 2000;
      const error = 0.01 * meanOf((x, y) => Math.abs(f(x, y))); // of the grid
      expect(Math.abs(mean - meanOf(f)), name).toBeLessThan(4 * mcse + error);
    }
  });

  // the slower engines run one case of everything
  const chosen = (all: readonly Engine[]) =>
    name === "NSF" || name === "mixture density" ? all : all.slice(0, 1);

  it("gives the same answers on every engine", async () => {
    const { density, packed } = wild(spec, 3, "engines", moderate);
    const rows = 5;
    const feeds = {
      value: numbers("value", rows, 3),
      noise: numbers("noise", rows, density.noise.length, density.noise),
      context: numbers("contexts", rows, CONTEXT),
    };
    const exact = logProb64(density, packed, feeds.value, feeds.context);
    const tensors = unpack64(packed, density.parameters);
    const context64 = tensor64(feeds.context, [rows, CONTEXT]);
    const drawn = density.sample(
      tf64,
      tensors,
      tensor64(feeds.noise, [rows, density.noise.length]),
      context64,
    );
    const values = values64(drawn);
    if (density.noiseOf) {
      const rebuilt = values64(density.noiseOf(tf64, tensors, drawn, context64));
      rebuilt.forEach((value, i) => {
        expect(Math.abs(value - feeds.noise[i])).toBeLessThan(1e-8); // sixteen digits, and slopes that cost half
      });
    }
    for (const engine of chosen(engines)) {
      await using compiled = await engine.compile(
        (tf, { packed: flat, value, noise, context }) => {
          const parameters = unpack(tf, flat, density.parameters);
          return {
            logProb: density.logProb(tf, parameters, value, context),
            values: density.sample(tf, parameters, noise, context),
          };
        },
        {
          packed: { shape: [packed.length] },
          value: { shape: [rows, 3] },
          noise: { shape: [rows, density.noise.length] },
          context: { shape: [rows, CONTEXT] },
        },
        { constants: { packed } },
      );
      const out = await compiled.run(feeds);
      // float32 has seven digits; slopes of up to a hundred cost two, and columns that hand on errors another
      out.logProb.forEach((l, i) => {
        expect(Math.abs(l - exact[i]), engine.name).toBeLessThan(1e-4 * (1 + Math.abs(exact[i])));
      });
      out.values.forEach((v, i) => {
        expect(Math.abs(v - values[i]), engine.name).toBeLessThan(1e-4 * (1 + Math.abs(values[i])));
      });
    }
  });

  it("is rebuilt by its spec to the same bits", () => {
    const { density } = wild(spec, 2, "spec");
    const again = conditionalDensity(JSON.parse(JSON.stringify(density.spec)), 2, CONTEXT);
    expect(again.spec).toEqual(density.spec);
    expect(again.parameters).toEqual(density.parameters);
    const start = density.initialise(key("start"));
    expect(again.initialise(key("start"))).toEqual(start);
    const value = numbers("value", 4, 2);
    const contexts = numbers("contexts", 4, CONTEXT);
    expect(logProb64(again, Float64Array.from(start), value, contexts)).toEqual(
      logProb64(density, Float64Array.from(start), value, contexts),
    );
  });
});

describe("flows", () => {
  it("start near the standard normal distribution", () => {
    for (const [name, spec] of specs.slice(0, 5)) {
      const density = conditionalDensity(spec, 2, CONTEXT);
      const value = numbers("value", 50, 2);
      const logProb = logProb64(
        density,
        Float64Array.from(density.initialise(key("start"))),
        value,
        numbers("contexts", 50, CONTEXT),
      );
      const normal = (i: number) => -(value[2 * i] ** 2 + value[2 * i + 1] ** 2) / 2 - Math.log(2 * Math.PI);
      const mean = logProb.reduce((sum, l, i) => sum + Math.abs(l - normal(i)), 0) / 50;
      expect(mean, name).toBeLessThan(0.3);
    }
  });

  it("take values in their own units", () => {
    const standardise = { center: [10, -20], scale: [3, 0.5] };
    const [, spec] = specs[2];
    const plain = wild(spec, 2, "units");
    const scaled = conditionalDensity({ ...spec, standardise }, 2, CONTEXT);
    const value = numbers("value", 6, 2);
    const contexts = numbers("contexts", 6, CONTEXT);
    const inUnits = value.map((v, i) => standardise.center[i % 2] + standardise.scale[i % 2] * v);
    const logProb = logProb64(plain.density, plain.packed, value, contexts);
    logProb64(scaled, plain.packed, inUnits, contexts).forEach((l, i) => {
      expect(l).toBeCloseTo(logProb[i] - Math.log(3 * 0.5), 9);
    });
  });
});

describe("mixture densities", () => {
  it("tell their components", () => {
    const density: MixtureDensity = mixtureDensity({ components: 3, hidden: [6] }, 2, CONTEXT);
    const { packed } = wild(density.spec, 2, "components");
    const value = numbers("value", 1, 2);
    const { logWeights, means, precisions, factors } = density.components(
      tf64,
      unpack64(packed, density.parameters),
      tensor64(context, [1, CONTEXT]),
    );
    const [w, m, p, a] = [logWeights, means, precisions, factors].map(values64);
    expect(w.reduce((sum, l) => sum + Math.exp(l), 0)).toBeCloseTo(1, 12);
    let sum = 0;
    for (let k = 0; k < 3; k++) {
      const [p00, p01, p10, p11] = p.subarray(4 * k, 4 * k + 4);
      expect(a[4 * k + 2]).toBe(0); // upper triangular
      expect(p01).toBeCloseTo(p10, 12);
      const [x, y] = [value[0] - m[2 * k], value[1] - m[2 * k + 1]];
      const square = p00 * x * x + 2 * p01 * x * y + p11 * y * y;
      sum += Math.exp(w[k] + Math.log(p00 * p11 - p01 * p10) / 2 - square / 2) / (2 * Math.PI);
    }
    expect(logProb64(density, packed, value, context)[0]).toBeCloseTo(Math.log(sum), 10);
  });
});

it.each([
  ["kinds that do not exist", { kind: "naf" }, /kind "naf" is unknown; expected .*maf, .*nsf/],
  ["options that do not exist", { kind: "nsf", bin: 8 }, /no option "bin"; did you mean bins/],
  ["half a unit", { kind: "maf", own: 0.5 }, /own must be a whole number of units, got 0.5/],
  ["sizes of zero", { kind: "maf", width: 0 }, /positive whole transforms, width and blocks, got 5, 0, 2/],
  ["mixings that do not exist", { kind: "realNvp", mixing: "swap" }, /mixing "swap" is unknown/],
  ["forms that do not exist", { kind: "nsf", form: "both" }, /form "both" is unknown/],
  ["one bin", { kind: "nsf", bins: 1 }, /expected 2 to 999 bins/],
  [
    "the network of one column for several",
    { kind: "categoricalDensity", values: [0, 1], network: { kind: "mlp", hidden: [8], activation: "silu" } },
    /several columns take a positive whole width and blocks and no network, got 50, 1 and a network/,
  ],
  ["no components", { kind: "mixtureDensity", components: 0 }, /components must be a positive integer/],
  [
    "a standardiser of other columns",
    { kind: "maf", standardise: { center: [0], scale: [1] } },
    /standardise has 1 columns, expected valueDim = 2/,
  ],
])("refuses %s", (_title, spec, message) => {
  expect(() => conditionalDensity(spec, 2, CONTEXT)).toThrow(message);
});

it("refuses values or contexts without columns", () => {
  expect(() => nsf({}, 2, 0)).toThrow(/positive whole number of value and of context columns, got 2 and 0/);
});

it.each([
  [true, true],
  [false, false],
])("nsf, whiten %s: values far beyond the splines follow the context: %s", (whiten, follow) => {
  const { density, packed } = wild({ kind: "nsf", transforms: 2, width: 6, blocks: 1, whiten }, 1, "far");
  const [here, there] = [0, 1].map(
    (x) => logProb64(density, packed, Float64Array.of(40), Float64Array.of(x, -x))[0],
  );
  expect(Math.abs(here - there) > 1e-9).toBe(follow);
  expect(nsf({}, 2, CONTEXT).spec).toMatchObject({ whiten: true, bins: 5 });
});
