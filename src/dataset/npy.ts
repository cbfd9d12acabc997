/**
 * NumPy's `.npy` format: a magic string, a header that is a Python dictionary, then the raw array.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";

/** An array of any shape, row-major. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

const readers: Readonly<Record<string, [bytes: number, read: (view: DataView, offset: number) => number]>> = {
  "<f8": [8, (view, offset) => view.getFloat64(offset, true)],
  "<f4": [4, (view, offset) => view.getFloat32(offset, true)],
  "<i8": [8, (view, offset) => exactNumber(view.getBigInt64(offset, true))],
  "<i4": [4, (view, offset) => view.getInt32(offset, true)],
};

/**
 * Decodes a `.npy` file of float64, float32, int64 or int32. Fortran order becomes row-major order.
 *
 * @param where - the file's name, for error messages.
 * @throws {ConfigError} if the bytes are not such a file, are cut short, or hold integers beyond 2^53.
 */
export function decodeNpy(bytes: Uint8Array, where: string): NpyArray {
  const fail = (reason: string) => new ConfigError(`readDataset: ${where} ${reason}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== "\x93NUMPY") {
    throw fail("is not an NPY file: it does not begin with the NumPy magic string");
  }
  const [version] = bytes.subarray(6, 8);
  if (version < 1 || version > 3) throw fail(`has NPY version ${version}; expected 1, 2 or 3`);
  const start = version === 1 ? 10 : 12;
  const offset = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = offset <= bytes.length ? new TextDecoder().decode(bytes.subarray(start, offset)) : "";
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const sizes = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || sizes === undefined) {
    throw fail("has a header that cannot be read: expected 'descr', 'fortran_order' and 'shape'");
  }
  if (!Object.hasOwn(readers, descr)) {
    const known = Object.keys(readers).join(", ");
    throw fail(`holds "${descr}"; expected one of ${known}. Convert it with x.astype("<f8")`);
  }
  const shape = sizes
    .split(",")
    .filter((size) => size.trim() !== "")
    .map(Number);
  const length = shape.reduce((product, size) => product * size, 1);
  const [width, read] = readers[descr];
  if (bytes.length - offset !== length * width) {
    throw fail(`is damaged: shape (${shape}) needs ${length * width} bytes, got ${bytes.length - offset}`);
  }
  const values = new Float64Array(length);
  try {
    for (let i = 0; i < length; i++) values[i] = read(view, offset + i * width);
  } catch (cause) {
    if (cause instanceof RangeError) throw fail(cause.message);
    throw cause;
  }
  return { shape, values: order === "True" ? rowMajor(values, shape) : values };
}

/**
 * Encodes a row-major array as a `.npy` file of float64.
 *
 * @throws {ShapeError} if `values` does not hold `product(shape)` numbers.
 */
export function encodeNpy({ shape, values }: NpyArray): Uint8Array {
  const length = shape.reduce((product, size) => product * size, 1);
  if (length !== values.length) {
    throw new ShapeError(`encodeNpy: shape (${shape}) needs ${length} numbers, got ${values.length}.`);
  }
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '<f8', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = Math.ceil((10 + dictionary.length + 1) / 64) * 64; // the data begin at a multiple of 64
  const out = new Uint8Array(padded + 8 * length);
  const view = new DataView(out.buffer);
  const header = `${dictionary.padEnd(padded - 11)}\n`;
  out.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  view.setUint16(8, header.length, true);
  out.set(new TextEncoder().encode(header), 10);
  for (let i = 0; i < length; i++) view.setFloat64(padded + 8 * i, values[i], true);
  return out;
}

function rowMajor(values: Float64Array, shape: readonly number[]): Float64Array {
  const out = new Float64Array(values.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < values.length; i++) {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) at = at * shape[axis] + index[axis];
    out[at] = values[i];
    for (let axis = 0; axis < shape.length && ++index[axis] === shape[axis]; axis++) index[axis] = 0;
  }
  return out;
}

function exactNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`holds the integer ${value}, beyond 2^53`);
  return number;
}
