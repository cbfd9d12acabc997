/**
 * The form of a plan file.
 *
 * @module
 */
import type { Activation } from "../src/nets/activations.js";
import { defaultScores, scoreNames } from "./scores.js";

/** Most entries that a range such as `1-25` may stand for. */
const longestRange = 100_000;

/**
 * Reads whole numbers and ranges of them, such as `1-3,7`.
 *
 * @returns `undefined` if the text is something else.
 */
export function readRange(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    if (!match) return undefined;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (!(last >= first && last - first < longestRange && Number.isSafeInteger(last))) return undefined;
    for (let value = first; value <= last; value++) numbers.push(value);
  }
  return numbers;
}

/** The schemas of a whole plan file, of one of its blocks, filled in, and of a job's settings; loads zod. */
export async function planSchema() {
  const { z } = await import("zod");
  const distinct = <T>(list: readonly T[]) => new Set(list).size === list.length;
  const twice = "has an entry twice";
  const names = z.array(z.string().min(1)).min(1).refine(distinct, twice);
  const numbers = (least: number) =>
    z
      .union(
        [
          z.array(z.int().min(least)).min(1),
          z.string().transform((text, context) => {
            const range = readRange(text);
            if (range?.every((value) => value >= least)) return range;
            context.addIssue({ code: "custom", message: "no range" });
            return z.NEVER;
          }),
        ],
        { error: 'expected a list of whole numbers such as [1, 2, 3], or a text such as "1-3"' },
      )
      .refine(distinct, twice);
  const positive = z.int().positive();
  const activation = z.enum([
    "silu",
    "tanh",
    "softplus",
    "gelu",
    "elu",
    "relu",
    "selu",
  ] satisfies Activation[]);
  const training = z.strictObject({
    epochs: positive.optional(),
    batchSize: positive.optional(),
    learningRate: z.number().positive().optional(),
    schedule: z.enum(["one-cycle", "cosine", "constant"]).optional(),
    weightDecay: z.number().nonnegative().optional(),
    clipNorm: z.number().positive().optional(),
    averageDecay: z.number().min(0).lt(1).optional(),
    validationFraction: z.number().gt(0).lt(1).optional(),
    patience: positive.optional(),
    ensemble: positive.optional(),
    contrasts: positive.optional(),
    gamma: z.number().positive().optional(),
    balance: z.number().nonnegative().optional(),
    network: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("residual"), width: positive, blocks: positive, activation }),
        z.strictObject({ kind: z.literal("mlp"), hidden: z.array(positive).min(1), activation }),
      ])
      .optional(),
    engine: z.enum(["onnx", "wasm", "tfjs"]).optional(),
  });
  const fields = {
    problems: names,
    methods: names,
    simulations: numbers(1).default([10_000]),
    observations: numbers(0).default([1]),
    seeds: numbers(0).default([1]),
    scores: z
      .array(z.enum(scoreNames as [string, ...string[]]))
      .refine(distinct, twice)
      .default([...defaultScores]),
    draws: positive.default(10_000),
    marginals: z.boolean().optional(),
    training: training.optional(),
  };
  const block = z.strictObject(fields);
  const anything = z.unknown().optional();
  const loose = z.strictObject(
    Object.fromEntries(Object.keys(fields).map((field) => [field, anything])) as Record<
      keyof typeof fields,
      typeof anything
    >,
  );
  const plan = loose.extend({
    name: z.string().regex(/^[\w.+-]{1,100}$/, "expected letters, digits and _ . + -"),
    title: z.string().optional(),
    comparisons: z.array(loose).min(1).optional(),
  });
  const withFields = <T extends object>(schema: T, list: readonly string[]) =>
    Object.assign(schema, { fields: list });
  const settings = z.strictObject({
    scores: fields.scores.unwrap(),
    draws: positive,
    marginals: z.boolean().optional(),
    training: training.optional(),
  });
  return {
    settings,
    plan: withFields(plan, ["name", "title", ...Object.keys(fields), "comparisons"]),
    block: withFields(block, Object.keys(fields)),
  };
}
