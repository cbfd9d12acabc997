/**
 * Which known word the user may have meant.
 *
 * @module
 */

/** The known word nearest to `word`: one that begins so, or needs few changes; `undefined` if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const bare = (each: string) => each.replace(/^-+/, "").toLowerCase();
  const wanted = bare(word);
  if (wanted === "") return undefined;
  const scored = known.map((each) => {
    const target = bare(each);
    const prefix = target.startsWith(wanted) || wanted.startsWith(target);
    return { each, distance: prefix ? Math.min(1, distance(wanted, target)) : distance(wanted, target) };
  });
  const [best] = scored.sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, Math.floor(wanted.length / 3))
    ? best.each
    : undefined;
}

/** Letters to insert, delete, replace or swap with their neighbour (Damerau-Levenshtein, restricted). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.length][b.length];
}
