/** JSON text that does not depend on the order in which an object's properties were written. */
export function stableText(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, node: unknown) => {
    if (typeof node !== "object" || node === null || Array.isArray(node)) return node
    const sorted: Record<string, unknown> = Object.create(null)
    for (const name of Object.keys(node).sort()) sorted[name] = (node as Record<string, unknown>)[name]
    return sorted
  })
}
