/** What each row asks the database, statement by statement, as Markdown. */

/** @param rows of the same flows, cache by cache */
function shapesOf(rows, caches, { date, command }) {
  const names = [...new Set(rows.map(({ row }) => row))]
  const sections = names.map((name) => {
    const counts = caches.map((cache) => counted(rows.find((one) => one.row === name && one.cache === cache)))
    const shapes = [...new Set(counts.flatMap((count) => [...count.keys()]))]
    const lines = shapes
      .map((shape) => ({ shape, times: counts.map((count) => count.get(shape) ?? 0) }))
      .sort((a, b) => b.times[0] - a.times[0] || b.times.at(-1) - a.times.at(-1))
      .map(({ shape, times }) => `| ${[shape, ...times].join(" | ")} |`)
    const sums = counts.map((count) => [...count.values()].reduce((sum, times) => sum + times, 0))
    const head = `| statement | ${caches.join(" | ")} |\n|---|${"---|".repeat(caches.length)}`
    return `## ${name}: ${sums.join(" → ")}\n\n${head}\n${lines.join("\n")}\n`
  })
  const about = `Of one shopper's flow on a warm store, traced at the PostgreSQL driver on ${date.slice(0, 10)} by \`${command}\`: how often each statement is sent.`
  return `# Statements of the cart path, row by row\n\n${about}\n\n${sections.join("\n")}`
}

/** Of the flow with the median number of statements. */
function counted({ statements }) {
  const flow = [...statements].sort((a, b) => a.length - b.length)[Math.floor(statements.length / 2)]
  const counts = new Map()
  for (const text of flow) {
    const shape = shapeOf(text)
    counts.set(shape, (counts.get(shape) ?? 0) + 1)
  }
  return counts
}

/** Its verb and first table: `select cart_line_item`. */
function shapeOf(text) {
  const [, verb] = /^\s*(\w+)/.exec(text) ?? []
  const [, table] = /\b(?:from|into|update)\s+(?:"public"\.)?"?(\w+)"?/i.exec(text) ?? []
  return [verb?.toLowerCase(), table].filter(Boolean).join(" ")
}

module.exports = { shapesOf }
