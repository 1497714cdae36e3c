/**
 * @param seams by name; each gives false, or throws, when Medusa is not as it was read, and leaves it as it is
 * @returns the names of those
 */
export const notAsRead = (seams: Record<string, () => boolean>): string[] =>
  Object.entries(seams).flatMap(([name, take]) => (isTaken(take) ? [] : [name]))

function isTaken(take: () => boolean): boolean {
  try {
    return take()
  } catch {
    return false
  }
}
