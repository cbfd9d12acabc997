/**
 * Colours and lettering that all figures share.
 *
 * The hues are those of Okabe and Ito (distinct under the common forms of colour blindness), moved to a middle
 * lightness so that each has a contrast of at least 3 both on white and on the dark background of the page.
 * Axes and text are `currentColor`, so they follow the page.
 *
 * @see Okabe & Ito (2008), "Color Universal Design", https://jfly.uni-koeln.de/color/
 * @module
 */

/** Blue, vermilion, green, purple, grey, gold, brown: used in this order for sets, chains and curves. */
export const palette: readonly string[] = [
  "#2b7bba",
  "#d55e00",
  "#0f9272",
  "#b8609f",
  "#808488",
  "#a58a00",
  "#8c6d4c",
];

/** The colour for set `i`; starts over after the last. */
export function setColor(i: number): string {
  return palette[i % palette.length];
}

/** Font stack of figures and page. */
export const fontFamily = "system-ui, sans-serif";

/** Lettering in figures, px at natural size. */
export const fontSize = 13;

/** Page backgrounds that the palette is held against. */
export const backgrounds = { light: "#ffffff", dark: "#15181c" } as const;
