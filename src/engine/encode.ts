/**
 * Turns a finished graph into the bytes of an ONNX model: drops what no output needs, merges bias additions
 * into matrix products, and writes the protocol buffer.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 * @module
 */
import type { Attribute, ElementType, Graph, Node, Value } from "./graph.js";
import { bytesOf } from "./graph.js";
import { type MessageWriter, messageWriter } from "./protobuf.js";

const IR_VERSION = 9;
const OPSET = 18; // the first in which the axes of every reduction are an input
const elementCodes: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

/** Domain of each operator that is not in the standard set. */
const domains: Readonly<Record<string, string>> = { FusedMatMul: "com.microsoft" };

/** Encodes a graph as a model, with texts beside it. */
export function encodeModel(graph: Graph, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const model = messageWriter();
  model.integer(1, IR_VERSION);
  model.text(2, "galton");
  model.message(7, (inner) => writeGraph(inner, graph, "main"));
  const opsets: [string, number][] = [["", OPSET]];
  if (usesExtension(graph)) opsets.push(["com.microsoft", 1]); // others than onnxruntime do not know it
  for (const [domain, version] of opsets) {
    model.message(8, (opset) => {
      opset.text(1, domain);
      opset.integer(2, version);
    });
  }
  for (const [key, value] of Object.entries(metadata)) {
    model.message(14, (entry) => {
      entry.text(1, key);
      entry.text(2, value);
    });
  }
  return model.finish();
}

function usesExtension(graph: Graph): boolean {
  return liveNodes(graph).some(
    ({ type, attributes }) =>
      type in domains ||
      Object.values(attributes).some((attribute) => isGraph(attribute) && usesExtension(attribute.graph)),
  );
}

/** Number of nodes that remain in a model, loop bodies included. */
export function countNodes(graph: Graph): number {
  let count = 0;
  for (const node of fuseBias(graph, liveNodes(graph))) {
    count++;
    for (const attribute of Object.values(node.attributes)) {
      if (isGraph(attribute)) count += countNodes(attribute.graph);
    }
  }
  return count;
}

function writeGraph(out: MessageWriter, graph: Graph, name: string): void {
  const nodes = fuseBias(graph, liveNodes(graph));
  for (const [i, node] of nodes.entries()) out.message(1, (inner) => writeNode(inner, node, `n${i}`));
  out.text(2, name);
  const written = new Set<string>();
  for (const value of nodes.flatMap((node) => node.inputs)) {
    if (value.data === undefined || written.has(value.name)) continue;
    written.add(value.name);
    out.message(5, (inner) => writeConstant(inner, value));
  }
  for (const { value, axes } of graph.inputs) out.message(11, (inner) => writeInfo(inner, value, axes));
  for (const { value, axes } of graph.outputs) out.message(12, (inner) => writeInfo(inner, value, axes));
}

function writeNode(out: MessageWriter, node: Node, name: string): void {
  for (const value of node.inputs) out.text(1, value.name);
  for (const value of node.outputs) out.text(2, value.name);
  out.text(3, name);
  out.text(4, node.type);
  for (const [key, value] of Object.entries(node.attributes)) {
    out.message(5, (inner) => writeAttribute(inner, key, value));
  }
  if (node.type in domains) out.text(7, domains[node.type]);
}

function writeAttribute(out: MessageWriter, name: string, value: Attribute): void {
  out.text(1, name);
  if (typeof value === "number") {
    out.integer(3, value);
    out.integer(20, 2);
  } else if (typeof value === "string") {
    out.text(4, value);
    out.integer(20, 3);
  } else if (isGraph(value)) {
    out.message(6, (inner) => writeGraph(inner, value.graph, name));
    out.integer(20, 5);
  } else if ("float" in value) {
    out.float(2, value.float);
    out.integer(20, 1);
  } else {
    for (const entry of value) out.integer(8, entry);
    out.integer(20, 7);
  }
}

function writeConstant(out: MessageWriter, value: Value): void {
  for (const dimension of value.shape) out.integer(1, dimension);
  out.integer(2, elementCodes[value.dtype]);
  out.text(8, value.name);
  out.bytes(9, bytesOf(value.data!));
}

function writeInfo(out: MessageWriter, value: Value, axes: readonly (number | string)[]): void {
  out.text(1, value.name);
  out.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, elementCodes[value.dtype]);
      tensor.message(2, (shape) => {
        for (const axis of axes) {
          shape.message(1, (dimension) => {
            if (typeof axis === "number") dimension.integer(1, axis);
            else dimension.text(2, axis);
          });
        }
      });
    }),
  );
}

function isGraph(value: Attribute): value is { readonly graph: Graph } {
  return typeof value === "object" && "graph" in value;
}

/** The nodes that some output needs, in their order; what a loop body takes from outside counts as needed. */
function liveNodes(graph: Graph): readonly Node[] {
  const needed = new Set<string>(graph.outputs.map(({ value }) => value.name));
  const live: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((value) => needed.has(value.name))) continue;
    live.push(node);
    for (const value of node.inputs) needed.add(value.name);
    for (const attribute of Object.values(node.attributes)) {
      if (!isGraph(attribute)) continue;
      for (const inner of liveNodes(attribute.graph)) {
        for (const value of inner.inputs) needed.add(value.name);
      }
    }
  }
  return live.reverse();
}

/** `Add(Gemm(a, b), bias)` as one `Gemm(a, b, bias)` where nothing else uses the product. */
function fuseBias(graph: Graph, nodes: readonly Node[]): readonly Node[] {
  const uses = new Map<Value, number>();
  const count = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of nodes) node.inputs.forEach(count);
  for (const { value } of graph.outputs) count(value);
  const merged = new Set<Node>();
  const fused = nodes.map((node) => {
    if (node.type !== "Add") return node;
    for (const [product, bias] of [node.inputs, node.inputs.toReversed()]) {
      const gemm = graph.producer(product);
      if (gemm?.type !== "Gemm" || gemm.inputs.length !== 2 || uses.get(product) !== 1) continue;
      if (merged.has(gemm) || !spreadsOver(bias.shape, product.shape)) continue;
      merged.add(gemm);
      return { ...gemm, inputs: [...gemm.inputs, bias], outputs: node.outputs };
    }
    return node;
  });
  return fused.filter((node) => !merged.has(node));
}

/** Whether `shape` broadcasts to the rank-2 shape `target` without enlarging it. */
function spreadsOver(shape: readonly number[], target: readonly number[]): boolean {
  if (shape.length > 2) return false;
  return shape.every((n, i) => n === 1 || n === target[i + 2 - shape.length]);
}
