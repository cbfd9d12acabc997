/**
 * Sums over all pairs of rows: `sum exp(-scale |x - y|^2)`, and how many squared distances lie below and inside a
 * bracket. Rows are taken in tiles of 512 by 512 that stay in the cache; the loop inside a tile is WebAssembly
 * made for the number of columns, two pairs at a time.
 *
 * The exponential is `2^n 2^f`, `n` the nearest whole number and `f` in [-1/2, 1/2] by its Taylor series to degree
 * 12: relative error below 5e-16. Exponents below -1000 in base 2 count as -1000.
 *
 * @module
 */
import { type Matrix, row } from "../core/matrix.js";
import { allocate, assemble, type Code, op, type } from "./wasm.js";

const tile = 512;
/** Bytes of one column of a tile. */
const stride = 8 * tile;
const degree = 12;
/** Adding it leaves the nearest whole number, plus the bias of exponents, in the last bits. */
const roundingBias = 1.5 * 2 ** 52 + 1023;
const largestExponent = 1000;

// Memory, in bytes: constants, each twice; then the block, columns apart; then points, row by row; then what was kept.
const constants = [
  roundingBias,
  largestExponent,
  ...Array.from({ length: degree + 1 }, (_, k) => taylor(degree - k)),
];
const keptEndAt = 16 * constants.length;
const blockAt = 1024;

/** `ln(2)^k / k!`. */
function taylor(k: number): number {
  return k === 0 ? 1 : (taylor(k - 1) * Math.LN2) / k;
}

/** `sum exp(-scale |a_i - b_j|^2)` over all pairs, or, where `b` is left out, over pairs of distinct rows of `a`. */
export function sumKernel(a: Matrix, b: Matrix | undefined, scale: number): number {
  const root = Math.sqrt(scale * Math.LOG2E); // in these units the exponent is in base 2
  const origin = row(a, 0); // far from zero, scaled values would have lost digits that differences need
  const scaled = (m: Matrix): Matrix => ({
    ...m,
    data: m.data.map((value, i) => (value - origin[i % m.cols]) * root),
  });
  let sum = 0;
  eachTile(scaled(a), b && scaled(b), ({ sum: run }, ...range) => {
    sum += run(...range);
  });
  return sum;
}

/** What `bracketDistances` found. */
export interface Bracketed {
  /** Pairs whose squared distance is less than `low`. */
  readonly below: number;
  /** Squared distances from `low` to `high`, in no order. */
  readonly inside: Float64Array;
}

/** Counts the squared distances between distinct rows below a bracket, and collects those inside. */
export function bracketDistances(sample: Matrix, low: number, high: number): Bracketed {
  let below = 0;
  let inside = new Float64Array(1 << 16);
  let count = 0;
  eachTile(sample, undefined, (kernels, ...range) => {
    below += kernels.bracket(...range, low, high);
    const kept = kernels.kept();
    if (count + kept.length > inside.length) {
      const larger = new Float64Array(2 * (count + kept.length));
      larger.set(inside.subarray(0, count));
      inside = larger;
    }
    inside.set(kept, count);
    count += kept.length;
  });
  return { below, inside: inside.subarray(0, count) };
}

/** Addresses of the points and of the block's rows, each from and to. */
type Range = readonly [number, number, number, number];

interface Kernels {
  readonly sum: (...range: Range) => number;
  readonly bracket: (...numbers: [...Range, low: number, high: number]) => number;
  /** What the last `bracket` found inside, to be copied. */
  readonly kept: () => Float64Array;
}

/** Calls `visit` until every pair of rows of `a` and `b`, or of distinct rows of `a`, was seen once. */
function eachTile(
  a: Matrix,
  b: Matrix | undefined,
  visit: (kernels: Kernels, ...range: Range) => void,
): void {
  const { cols } = a;
  const target = b ?? a;
  const pointsAt = blockAt + cols * stride;
  const keptAt = pointsAt + cols * stride;
  const memory = allocate(keptAt + tile * stride);
  const values = new Float64Array(memory.buffer);
  constants.forEach((value, i) => {
    values.fill(value, 2 * i, 2 * i + 2);
  });
  const compiled = assemble({ sum: sumCode(cols), bracket: bracketCode(cols, keptAt) }, memory);
  const end = new Int32Array(memory.buffer, keptEndAt, 1);
  const kernels: Kernels = { ...compiled, kept: () => values.subarray(keptAt / 8, end[0] / 8) };
  const block = values.subarray(blockAt / 8, pointsAt / 8);
  const points = values.subarray(pointsAt / 8, keptAt / 8);

  for (let start = 0; start < target.rows; start += tile) {
    const size = Math.min(tile, target.rows - start);
    block.fill(Infinity, 0, tile); // rows that are not there are far from everything
    for (let j = 0; j < size; j++) {
      for (let c = 0; c < cols; c++) block[c * tile + j] = target.data[(start + j) * cols + c];
    }
    const blockEnd = blockAt + 8 * (size + (size & 1));
    for (let from = 0; from < (b === undefined ? start : a.rows); from += tile) {
      const to = Math.min(from + tile, a.rows);
      points.set(a.data.subarray(from * cols, to * cols));
      visit(kernels, pointsAt, pointsAt + 8 * (to - from) * cols, blockAt, blockEnd);
    }
    if (b !== undefined) continue;
    points.set(a.data.subarray(start * cols, (start + size) * cols));
    for (let i = 0; i + 1 < size; i++) {
      block[i] = Infinity; // seen, and not its own partner
      const point = pointsAt + 8 * i * cols;
      visit(kernels, point, point + 8 * cols, blockAt + 8 * ((i + 1) & ~1), blockEnd);
    }
  }
}

// Parameters of both functions: address of the point, end of the points, first and end of the block's rows.
const [point, lastPoint, first, last] = [0, 1, 2, 3];
const constant = (index: number): Code => [op.i32(0), op.load(16 * index)];

/** For each point, for each two rows of the block: `body`, with their squared distances on the stack. */
function eachPair(cols: number, at: number, coordinates: number, body: Code): Code {
  const columns = Array.from({ length: cols }, (_, c) => c);
  const difference = (c: number): Code => [
    [op.get(at), op.load(c * stride)],
    [op.get(coordinates + c), op.sub],
  ];
  const squared = (c: number): Code => [difference(c), difference(c), op.mul, c > 0 ? op.add : []];
  return op.loopWhile([
    columns.map((c) => [op.get(point), op.loadSplat(8 * c), op.set(coordinates + c)]),
    [op.get(first), op.set(at)],
    op.loopWhile([
      columns.map(squared),
      body,
      [op.get(at), op.i32(16), op.i32Add, op.tee(at), op.get(last), op.i32Less],
    ]),
    [op.get(point), op.i32(8 * cols), op.i32Add, op.tee(point), op.get(lastPoint), op.i32Less],
  ]);
}

/** `sum 2^-d^2`. */
function sumCode(cols: number) {
  const [at, total, exponent, rounded, coordinates] = [4, 5, 6, 7, 8];
  const { i32, f64, v128 } = type;
  const horner = Array.from(
    { length: degree },
    (_, k): Code => [
      [op.get(exponent), op.mul],
      [constant(3 + k), op.add],
    ],
  );
  return {
    parameters: [i32, i32, i32, i32],
    result: f64,
    locals: [i32, v128, v128, v128, ...Array<typeof v128>(cols).fill(v128)],
    body: [
      eachPair(cols, at, coordinates, [
        [constant(1), op.least, op.set(exponent)],
        [constant(0), op.get(exponent), op.sub, op.set(rounded)],
        [constant(0), op.get(rounded), op.sub, op.get(exponent), op.sub, op.set(exponent)], // f = n - d^2
        [constant(2), horner],
        [op.get(rounded), op.i32(52), op.i64Shl, op.mul], // 2^n
        [op.get(total), op.add, op.set(total)],
      ]),
      [op.get(total), op.f64Lane(0), op.get(total), op.f64Lane(1), op.f64Add],
    ],
  };
}

/** How many squared distances are less than `low`; those up to `high` are stored from `keptAt` on. */
function bracketCode(cols: number, keptAt: number) {
  const [lowest, highest, at, count, square, low, high, mask, out, coordinates] = [
    4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
  ];
  const { i32, f64, v128 } = type;
  const keep = (lane: number): Code => [
    [op.get(mask), op.i32(1 << lane), op.i32And],
    op.when([
      [op.get(out), op.get(square), op.storeLane(lane)],
      [op.get(out), op.i32(8), op.i32Add, op.set(out)],
    ]),
  ];
  return {
    parameters: [i32, i32, i32, i32, f64, f64],
    result: i32,
    locals: [i32, v128, v128, v128, v128, i32, i32, ...Array<typeof v128>(cols).fill(v128)],
    body: [
      [op.get(lowest), op.splat, op.set(low), op.get(highest), op.splat, op.set(high)],
      [op.i32(keptAt), op.set(out)],
      eachPair(cols, at, coordinates, [
        op.set(square),
        [op.get(count), op.get(square), op.get(low), op.less, op.i64Sub, op.set(count)], // true is -1
        [op.get(low), op.get(square), op.atMost, op.get(square), op.get(high), op.atMost, op.and],
        [op.bitmask, op.tee(mask)],
        op.when([keep(0), keep(1)]),
      ]),
      [op.i32(0), op.get(out), op.i32Store(keptEndAt)],
      [op.get(count), op.i64Lane(0), op.i32Wrap, op.get(count), op.i64Lane(1), op.i32Wrap, op.i32Add],
    ],
  };
}
