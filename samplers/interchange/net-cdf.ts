/**
 * Draws as netCDF-4, in the layout of ArviZ's InferenceData: groups `posterior` and `sample_stats`, dimensions
 * `chain`, `draw`, `theta_dim_0` ... with their coordinates. `arviz.from_netcdf`, xarray and R's ncdf4 read it.
 *
 * Dimensions are HDF5 dimension scales. `_Netcdf4Dimid` is left out: where it is written it must be unique in the
 * file, or the C library refuses it.
 *
 * @see https://python.arviz.org/en/v0.23.4/schema/schema.html
 * @module
 */
import type { Dataset, File, Group } from "h5wasm";
import { ConfigError } from "../../src/core/errors.js";
import { importOptional } from "../../src/core/optional.js";
import type { Draws } from "../draws.js";
import { plainNumbers } from "./run-record.js";
import { fromArvizStatistic, toArvizStatistic } from "./statistics.js";
import { elementNames, gatherVariables, isWholeNumber } from "./variables.js";

/** Options of `drawsToNetCdf`. */
export interface NetCdfOptions {
  /** The attribute `created_at`; the same date gives the same attributes. Default: now. */
  readonly createdAt?: Date;
  /** The attribute `inference_library_version`. Default: left out. */
  readonly version?: string;
}

/** Statistics that are counts, whole numbers in the file. */
const counts = new Set(["treeDepth", "numSteps", "numEvaluations"]);
const ownAttribute = "galton_draws";
let numFiles = 0;

/**
 * Writes draws, on the scale of `theta`. Parameters `theta[0]`, `theta[1]` are one variable `theta`; `diverging` is
 * boolean. `run`, `groups` and the order of the parameters are in the attribute `galton_draws` of `posterior`, `warmup` is left
 * out.
 *
 * @returns the file.
 * @throws {ConfigError} if h5wasm is not installed, or a parameter's name cannot be a variable.
 */
export async function drawsToNetCdf(draws: Draws, options: NetCdfOptions = {}): Promise<Uint8Array> {
  const { createdAt = new Date(), version } = options;
  const variables = gatherVariables(draws.names);
  checkNames(variables.flatMap(({ name, shape }) => [name, ...shape.map((_, k) => `${name}_dim_${k}`)]));
  const { h5, files } = await loadHdf5("drawsToNetCdf");
  const path = `draws-${numFiles++}.nc`;
  const file = new h5.File(path, "w", { track_order: true });
  try {
    const { names, groups, run, chains } = draws;
    const attributes = {
      created_at: createdAt.toISOString().replace("Z", "+00:00"),
      inference_library: "galton",
      ...(version !== undefined && { inference_library_version: version }),
    };
    const posterior = makeGroup(file, "posterior", draws, {
      ...attributes,
      [ownAttribute]: JSON.stringify({ version: 1, names, groups, run }, plainNumbers),
    });
    for (const { name, shape, labels, parameters } of variables) {
      const dimensions = labels.map((axis, k) => makeDimension(posterior, `${name}_dim_${k}`, axis));
      const size = parameters.length;
      const data = Float64Array.from({ length: chains * draws.draws * size }, (_, i) => {
        return draws.values[Math.floor(i / size) * names.length + parameters[i % size]];
      });
      makeVariable(posterior, name, data, draws, shape, dimensions);
    }
    const stats = makeGroup(file, "sample_stats", draws, attributes);
    for (const [name, data] of Object.entries(draws.stats)) {
      if (name === "diverging") {
        makeVariable(stats, name, Int8Array.from(data), draws).create_attribute("dtype", "bool");
      } else {
        const whole = counts.has(name) && data.every(Number.isSafeInteger);
        makeVariable(stats, toArvizStatistic(name), whole ? BigInt64Array.from(data, BigInt) : data, draws);
      }
    }
  } finally {
    file.close();
  }
  return files.take(path);
}

/**
 * Reads the groups `posterior` and `sample_stats` of InferenceData, ours or anybody's. Variables with dimensions become
 * one parameter per element, named by the coordinates: `theta[0]`, `school[Choate]`.
 *
 * @throws {ConfigError} if h5wasm is not installed, or the file is not netCDF-4, is damaged, or has other dimensions first than
 *   chain and draw.
 */
export async function drawsFromNetCdf(bytes: Uint8Array): Promise<Draws> {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw new ConfigError(
      "drawsFromNetCdf: expected netCDF-4, which begins as HDF5 does; this is none. ArviZ writes it by to_netcdf.",
    );
  }
  const { h5, module, files } = await loadHdf5("drawsFromNetCdf");
  const path = `draws-${numFiles++}.nc`;
  files.put(path, bytes);
  module.activate_throwing_error_handler(); // else damage is told on standard error, and not to us
  let file: File | undefined;
  try {
    file = new h5.File(path, "r");
    return readGroups(file);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    // HDF5 tells all its layers, the last of them why
    const why = (cause as Error).message
      .trim()
      .split("\n")
      .at(-1)
      ?.trim()
      .replace(/^(major|minor): /, "");
    throw new ConfigError(`drawsFromNetCdf: the file is damaged (${why}); copy or write it again.`, {
      cause,
    });
  } finally {
    file?.close();
    module.deactivate_throwing_error_handler();
    files.take(path);
  }
}

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** The library and its files in memory. */
async function loadHdf5(caller: string) {
  const { default: h5 } = await importOptional(caller, "h5wasm", () => import("h5wasm"));
  const module = await h5.ready;
  const { FS } = module;
  return {
    h5,
    module,
    files: {
      put: (path: string, bytes: Uint8Array) => FS.writeFile(path, bytes),
      take: (path: string): Uint8Array => {
        const bytes = FS.readFile(path);
        FS.unlink(path);
        return bytes;
      },
    },
  };
}

function checkNames(names: readonly string[]): void {
  const taken = new Set(["chain", "draw"]);
  for (const name of names) {
    if (taken.has(name) || name === "." || name.includes("/")) {
      throw new ConfigError(
        `drawsToNetCdf: "${name}" cannot be a variable beside chain and draw: it is taken, or holds a slash. Write .json instead.`,
      );
    }
    taken.add(name);
  }
}

function makeGroup(
  file: File,
  name: string,
  { chains, draws }: Draws,
  attributes: Readonly<Record<string, string>>,
): Group {
  const group = file.create_group(name, true);
  for (const [key, value] of Object.entries(attributes)) group.create_attribute(key, value);
  makeDimension(
    group,
    "chain",
    Array.from({ length: chains }, (_, c) => String(c)),
  );
  makeDimension(
    group,
    "draw",
    Array.from({ length: draws }, (_, t) => String(t)),
  );
  return group;
}

/** Writes a coordinate; whole numbers as int64, words as text. Returns its path. */
function makeDimension(group: Group, name: string, labels: readonly string[]): string {
  const data = labels.every(isWholeNumber) ? BigInt64Array.from(labels, BigInt) : [...labels];
  const scale = group.create_dataset({ name, data });
  scale.make_scale(name);
  return scale.path;
}

function makeVariable(
  group: Group,
  name: string,
  data: Float64Array | Int8Array | BigInt64Array,
  { chains, draws }: Draws,
  shape: readonly number[] = [],
  dimensions: readonly string[] = [],
): Dataset {
  const variable = group.create_dataset({ name, data, shape: [chains, draws, ...shape] });
  const paths = [`${group.path}/chain`, `${group.path}/draw`, ...dimensions];
  paths.forEach((path, k) => {
    variable.attach_scale(k, path);
  });
  return variable;
}

function readGroups(file: File): Draws {
  const posterior = file.keys().includes("posterior") ? (file.get("posterior") as Group) : undefined;
  if (!posterior) {
    throw new ConfigError(
      `drawsFromNetCdf: expected a group posterior, as ArviZ writes it; the file has ${file.keys().join(", ") || "none"}.`,
    );
  }
  const found = readVariables(posterior);
  if (found.length === 0) throw new ConfigError("drawsFromNetCdf: the group posterior has no variables.");
  const [chains, draws] = found[0].shape;
  const columns = new Map(
    found.flatMap(({ name, data, labels }) =>
      elementNames(name, labels).map((element, j, { length }) => [element, { data, j, length }] as const),
    ),
  );
  const text = posterior.attrs[ownAttribute]?.value;
  const own = typeof text === "string" ? (JSON.parse(text) as Partial<Draws>) : {};
  const sameNames = own.names?.length === columns.size && own.names.every((name) => columns.has(name));
  const names = sameNames ? own.names! : [...columns.keys()];
  const values = new Float64Array(chains * draws * names.length);
  names.forEach((name, k) => {
    const { data, j, length } = columns.get(name)!;
    for (let i = 0; i < chains * draws; i++) values[i * names.length + k] = data[i * length + j];
  });
  const stats = file.keys().includes("sample_stats") ? readVariables(file.get("sample_stats") as Group) : [];
  return {
    names,
    chains,
    ...(own.groups !== undefined && { groups: own.groups }),
    draws,
    values,
    stats: Object.fromEntries(
      stats
        .filter(({ shape }) => shape.length === 2 && shape[0] === chains && shape[1] === draws)
        .map(({ name, data }) => [fromArvizStatistic(name), data]),
    ),
    warmup: {},
    run: own.run ?? {},
  };
}

/** Variables of numbers with the dimensions chain, draw, ...; coordinates are left out. */
function readVariables(group: Group) {
  return group.keys().flatMap((name) => {
    const variable = group.get(name) as Dataset;
    const { shape, dtype } = variable;
    if (!shape || variable.get_scale_name() !== null || typeof dtype !== "string" || dtype === "S") return [];
    const scales = shape.map((_, k) => variable.get_attached_scales(k)[0]);
    const dimensions = scales.map((path, k) => path?.split("/").pop() ?? ["chain", "draw"][k]);
    if (shape.length < 2 || dimensions[0] !== "chain" || dimensions[1] !== "draw") {
      throw new ConfigError(
        `drawsFromNetCdf: ${group.path}/${name} has the dimensions (${dimensions.join(", ")}); expected chain and draw first.`,
      );
    }
    const labels = shape.slice(2).map((size, k) => readLabels(group, scales[k + 2], size));
    const data = Float64Array.from(variable.value as ArrayLike<number | bigint>, Number);
    return [{ name, shape, labels, data }];
  });
}

function readLabels(group: Group, path: string | undefined, size: number): string[] {
  const values = path === undefined ? undefined : (group.root.get(path) as Dataset | null)?.value;
  const labels = values ? Array.from(values as ArrayLike<unknown>, String) : [];
  return labels.length === size ? labels : Array.from({ length: size }, (_, i) => String(i));
}
