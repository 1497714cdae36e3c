/**
 * @param seams by name; each gives false when Medusa is not as it was read, and leaves it as it is
 * @returns the names of those
 */
export const notAsRead = (seams: Record<string, () => boolean>): string[] =>
  Object.entries(seams).flatMap(([name, take]) => (take() ? [] : [name]))
