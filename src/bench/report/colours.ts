/**
 * The colour of each store by its place: the first is grey, the last, if there are others, is the star.
 * @returns a CSS value
 */
export function colourOf(index: number, count: number): string {
  if (index === 0) return "var(--baseline)"
  return index === count - 1 ? "var(--star)" : `var(--between-${(index - 1) % 3})`
}
