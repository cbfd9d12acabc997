/**
 * Text made safe for HTML and SVG.
 *
 * @module
 */

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for element content and for quoted attributes; control characters that XML forbids are dropped. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character])
    .replace(/\p{Cc}/gu, (character) => (/[\t\n\r]/.test(character) ? character : ""));
}

/** A letter alone with an index of one to three characters or in braces: `M_Z`, `A_FB`, `x_{max}`. */
const index = String.raw`(?<=(?<![\p{L}\p{N}_])\p{L})_(?:\{[^{}]+\}|[\p{L}\p{N}]{1,3}(?![\p{L}\p{N}_]))`;

/** A power: `10^5`, `G_F^0`, `e^{-x}`. */
const power = String.raw`(?<=[\p{L}\p{N})}])\^(?:\{[^{}]+\}|[-+−]?\p{N}{1,3}(?!\p{N}))`;

const scripts = new RegExp(`(${index}|${power})`, "u");

interface Piece {
  readonly kind: "plain" | "sub" | "sup";
  readonly text: string;
}

/** Pieces of text: plain ones, and indices and powers without their signs. */
function pieces(text: string): Piece[] {
  return text.split(scripts).flatMap((piece, i): Piece[] => {
    if (piece === "") return [];
    if (i % 2 === 0) return [{ kind: "plain", text: piece }];
    return [{ kind: piece.startsWith("_") ? "sub" : "sup", text: piece.slice(1).replace(/^\{|\}$/g, "") }];
  });
}

/**
 * Escapes text for HTML content and sets its indices and powers. A single letter takes an index (`M_Z`, `A_FB`,
 * `x_{max}`); names of several letters (`log_sigma`, `run_1`) stay as they are.
 */
export function richHtml(text: string): string {
  return pieces(text)
    .map(({ kind, text }) => (kind === "plain" ? escapeHtml(text) : `<${kind}>${escapeHtml(text)}</${kind}>`))
    .join("");
}

/** As `richHtml`, for the content of an SVG `text` element. */
export function richSvg(text: string): string {
  let baseline = 0;
  return pieces(text)
    .map(({ kind, text }) => {
      const target = { plain: 0, sub: 0.22, sup: -0.36 }[kind];
      const size = kind === "plain" ? 1 : 0.75;
      const shift = (target - baseline) / size; // em of the span itself
      baseline = target;
      if (kind === "plain" && shift === 0) return escapeHtml(text);
      return `<tspan${size === 1 ? "" : ' font-size="75%"'} dy="${shift.toFixed(2)}em">${escapeHtml(text)}</tspan>`;
    })
    .join("");
}

/** The text that `escapeHtml` was given. */
export function unescapeHtml(escaped: string): string {
  const characters = Object.fromEntries(
    Object.entries(entities).map(([character, entity]) => [entity, character]),
  );
  return escaped.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => characters[entity]);
}
