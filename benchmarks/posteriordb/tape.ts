/**
 * Reverse-mode derivatives for densities of benchmarks: a tape of nodes with at most two parents.
 *
 * @module
 */

/** Index of a node. */
export type Node = number;

/** Records a computation of inputs `0 ... dim - 1`; nodes are indices, so that nothing is allocated per operation. */
export class Tape {
  private value = new Float64Array(1024);
  private parents = new Int32Array(2048);
  private slopes = new Float64Array(2048);
  private adjoint = new Float64Array(1024);
  private size = 0;

  /** Starts afresh at the inputs. */
  start(inputs: ArrayLike<number>): Node[] {
    this.size = 0;
    return Array.from(inputs, (input) => this.constant(input));
  }

  at(a: Node): number {
    return this.value[a];
  }

  /** A node with given value and derivatives. */
  node(value: number, a: Node, da: number, b: Node = a, db = 0): Node {
    if (this.size === this.value.length) this.grow();
    const k = this.size++;
    this.value[k] = value;
    this.parents[2 * k] = a;
    this.parents[2 * k + 1] = b;
    this.slopes[2 * k] = da;
    this.slopes[2 * k + 1] = db;
    return k;
  }

  constant = (x: number) => this.node(x, this.size, 0);
  add = (a: Node, b: Node) => this.node(this.value[a] + this.value[b], a, 1, b, 1);
  sub = (a: Node, b: Node) => this.node(this.value[a] - this.value[b], a, 1, b, -1);
  mul = (a: Node, b: Node) => this.node(this.value[a] * this.value[b], a, this.value[b], b, this.value[a]);
  div = (a: Node, b: Node) => {
    const [x, y] = [this.value[a], this.value[b]];
    return this.node(x / y, a, 1 / y, b, -x / y ** 2);
  };
  /** `scale a + shift`. */
  affine = (a: Node, scale: number, shift = 0) => this.node(scale * this.value[a] + shift, a, scale);
  exp = (a: Node) => {
    const y = Math.exp(this.value[a]);
    return this.node(y, a, y);
  };
  log = (a: Node) => this.node(Math.log(this.value[a]), a, 1 / this.value[a]);
  sqrt = (a: Node) => {
    const y = Math.sqrt(this.value[a]);
    return this.node(y, a, 0.5 / y);
  };
  /** `log(1 / (1 + exp(-a)))`. */
  logSigmoid = (a: Node) => {
    const x = this.value[a];
    const y = x > 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x));
    return this.node(y, a, 1 - Math.exp(y));
  };
  logAddExp = (a: Node, b: Node) => {
    const [x, y] = [this.value[a], this.value[b]];
    const m = Math.max(x, y);
    const z = m + Math.log(Math.exp(x - m) + Math.exp(y - m));
    return this.node(z, a, Math.exp(x - z), b, Math.exp(y - z));
  };
  /** `log N(x | mean, exp(logSd))` for a number `x`. */
  normal = (x: number, mean: Node, logSd: Node) => {
    const sd = Math.exp(this.value[logSd]);
    const z = (x - this.value[mean]) / sd;
    return this.node(
      -0.5 * z * z - Math.log(sd) - 0.5 * Math.log(2 * Math.PI),
      mean,
      z / sd,
      logSd,
      z * z - 1,
    );
  };
  /** `log N(a | mean, sd)` for numbers `mean` and `sd`. */
  normalPrior = (a: Node, mean: number, sd: number) => {
    const z = (this.value[a] - mean) / sd;
    return this.node(-0.5 * z * z - Math.log(sd) - 0.5 * Math.log(2 * Math.PI), a, -z / sd);
  };
  /** `log Cauchy(a | 0, scale)`. */
  cauchyPrior = (a: Node, scale: number) => {
    const x = this.value[a];
    return this.node(
      -Math.log(Math.PI * scale * (1 + (x / scale) ** 2)),
      a,
      (-2 * x) / (scale ** 2 + x ** 2),
    );
  };
  sum = (...nodes: Node[]) => nodes.reduce((a, b) => this.add(a, b));

  /** Derivatives of `result` by the first `out.length` nodes. */
  gradient(result: Node, out: Float64Array): void {
    const { adjoint, parents, slopes } = this;
    adjoint.fill(0, 0, this.size);
    adjoint[result] = 1;
    for (let k = result; k >= out.length; k--) {
      const pull = adjoint[k];
      if (pull === 0) continue;
      adjoint[k] = 0;
      adjoint[parents[2 * k]] += pull * slopes[2 * k];
      adjoint[parents[2 * k + 1]] += pull * slopes[2 * k + 1];
    }
    out.set(adjoint.subarray(0, out.length));
  }

  private grow(): void {
    const larger = <T extends Float64Array | Int32Array>(from: T, to: T) => {
      to.set(from);
      return to;
    };
    this.value = larger(this.value, new Float64Array(2 * this.value.length));
    this.parents = larger(this.parents, new Int32Array(2 * this.parents.length));
    this.slopes = larger(this.slopes, new Float64Array(2 * this.slopes.length));
    this.adjoint = new Float64Array(2 * this.adjoint.length);
  }
}
