/** Flame graphs of rows on a page that needs nothing else. Width is the processor's time; the callers are below. */
const { framed, markup } = require("../../src/page/index.ts")
const { packageOf } = require("./profile.js")

const width = 1056
const height = 15
/** Rows that show the catalogue are told of elsewhere. */
const ofCatalogue = /^GET \/store\/(?:products|product-categories|regions)/
/** What is narrower is not drawn; of the whole. */
const narrowest = 0.004

const colours = [
  [/^@mikro-orm|^knex/, "#c98b3c", "MikroORM and knex"],
  [/^pg|^@medusajs\/(utils|types|framework)/, "#6b93c4", "Medusa's framework and pg"],
  [/orchestration|workflow/, "#9b7bb8", "orchestration"],
  [/^@medusajs/, "#7a9bd1", "Medusa's modules, flows and routes"],
  [/medusa-pegasus/, "#0e8a7a", "Pegasus"],
  [/garbage/, "#b0441a", "garbage collection"],
]
const others = ["#9aa3ad", "Node.js and the rest"]

/** @param rows with their merged profiles */
function flames(rows, { date, command, machine }) {
  const flows = rows[0].durations.length
  const words = `${date.slice(0, 10)}, Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}, ${flows} flows: ${command}. Waiting is left out.`
  const body = markup`<h1>Where the time of the cart path goes</h1>
<p class="lead">${words}</p>
<p class="legend">${[...colours.map(([, colour, name]) => [colour, name]), others].map(
    ([colour, name]) => markup`<span><i class="swatch" style="background:${colour}"></i>${name}</span>`,
  )}</p>
${rows.filter(({ row }) => !ofCatalogue.test(row)).map((row) => section(row))}`
  return framed("Pegasus: where the time of the cart path goes", body)
}

function section({ row, cache, profile, durations }) {
  const perFlow = (time) => (time / durations.length).toFixed(1)
  const { boxes, depth } = drawn(profile, perFlow)
  return markup`<section><h2>${row}, ${cache}</h2>
<p class="soft">${perFlow(profile.busy)} ms of the processor a request</p>
<svg viewBox="0 0 ${width} ${(depth + 1) * height}">${boxes}</svg></section>`
}

function drawn({ root, busy }, perFlow) {
  const boxes = []
  let depth = 0
  const draw = (frame, x, level, caller) => {
    const time = timeOf(frame)
    if (time < busy * narrowest) return
    depth = Math.max(depth, level)
    const owner = packageOf(frame) ?? caller
    const [, colour] = colours.find(([pattern]) => pattern.test(owner)) ?? [undefined, others[0]]
    const w = (time / busy) * width
    const title = `${frame.name} (${owner}${frame.line > 0 ? `:${frame.line}` : ""}) ${perFlow(time)} ms`
    const label = w > 40 ? frame.name.slice(0, Math.floor(w / 6.5)) : ""
    boxes.push({ level, x, w, title, label, colour })
    let at = x
    for (const child of [...frame.children.values()].sort((a, b) => timeOf(b) - timeOf(a))) {
      draw(child, at, level + 1, owner)
      at += (timeOf(child) / busy) * width
    }
  }
  let at = 0
  for (const child of root.children.values()) {
    draw(child, at, 0, "node")
    at += (timeOf(child) / busy) * width
  }
  return { boxes: boxes.map((box) => rectangle(box, depth)), depth }
}

const rectangle = ({ level, x, w, title, label, colour }, depth) => {
  const y = (depth - level) * height
  return markup`<g><title>${title}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, w - 0.5).toFixed(1)}" height="${height - 1}" fill="${colour}"/>${label ? markup`<text class="small" x="${(x + 2).toFixed(1)}" y="${y + 11}">${label}</text>` : false}</g>`
}

const times = new WeakMap()

/** With all it called. */
function timeOf(frame) {
  if (!times.has(frame)) {
    let time = frame.own
    for (const child of frame.children.values()) time += timeOf(child)
    times.set(frame, time)
  }
  return times.get(frame)
}

module.exports = { flames }
