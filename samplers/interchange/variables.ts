/**
 * Parameters as variables with dimensions: `theta[0]`, `theta[1]`, ... are one `theta` of one dimension.
 *
 * @module
 */

/** One variable. */
export interface Variable {
  readonly name: string;
  /** Empty for a parameter that stands alone. */
  readonly shape: readonly number[];
  /** Labels along each dimension, such as `["0", "1", "2"]`. */
  readonly labels: readonly (readonly string[])[];
  /** Which parameter each element is, row-major, `[product of shape]`. */
  readonly parameters: readonly number[];
}

/**
 * Gathers parameters. Those whose indices do not fill a box, or whose base is a name of its own, stay alone.
 *
 * @param names - such as `["mu", "theta[0]", "theta[1]", "L[1,1]", ...]`.
 */
export function gatherVariables(names: readonly string[]): Variable[] {
  const members = new Map<string, { readonly parameter: number; readonly indices: readonly string[] }[]>();
  names.forEach((name, parameter) => {
    const [, base = name, index] = /^(.+)\[([^[\]]+)\]$/.exec(name) ?? [];
    const found = members.get(base) ?? [];
    members.set(base, [...found, { parameter, indices: index?.split(",") ?? [] }]);
  });
  return [...members].flatMap(([base, elements]): Variable[] => {
    const rank = elements[0].indices.length;
    const labels = Array.from({ length: rank }, (_, axis) =>
      sortLabels([...new Set(elements.map(({ indices }) => indices[axis]))]),
    );
    const shape = labels.map(({ length }) => length);
    const slots = new Map(
      elements.map(({ parameter, indices }) => [
        indices.reduce((slot, label, axis) => slot * shape[axis] + (labels[axis]?.indexOf(label) ?? 0), 0),
        parameter,
      ]),
    );
    const size = shape.reduce((product, length) => product * length, 1);
    const isBox = elements.every(({ indices }) => indices.length === rank) && slots.size === size;
    if (isBox && elements.length === size) {
      return [
        { name: base, shape, labels, parameters: Array.from({ length: size }, (_, i) => slots.get(i)!) },
      ];
    }
    return elements.map(({ parameter }) => ({
      name: names[parameter],
      shape: [],
      labels: [],
      parameters: [parameter],
    }));
  });
}

/** Names of the elements of a variable, row-major: `theta[0]`, `L[1,2]`; its own name without dimensions. */
export function elementNames(name: string, labels: readonly (readonly string[])[]): string[] {
  const indices = labels.reduce<string[][]>(
    (prefixes, axis) => prefixes.flatMap((prefix) => axis.map((label) => [...prefix, label])),
    [[]],
  );
  return indices.map((index) => (index.length === 0 ? name : `${name}[${index.join(",")}]`));
}

/** Whether a label is a whole number as it is written. */
export function isWholeNumber(label: string): boolean {
  return /^(0|[1-9]\d{0,14})$/.test(label);
}

/** Whole numbers by size; words as they came. */
function sortLabels(labels: string[]): string[] {
  return labels.every(isWholeNumber) ? labels.sort((a, b) => Number(a) - Number(b)) : labels;
}
