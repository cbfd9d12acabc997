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
