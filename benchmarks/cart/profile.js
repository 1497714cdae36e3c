/** Profiles of V8, merged: a tree of frames with the processor's time. */

/** Waiting, and what the watching costs. */
const isApart = ({ functionName: name, url }) =>
  name === "(idle)" || name === "(program)" || url.endsWith("benchmarks/cart/watch.js")

class Profile {
  root = newFrame({ functionName: "", url: "" })
  /** Milliseconds the processor worked, all profiles together. */
  busy = 0

  /** @param profile of the inspector's `Profiler.stop` */
  add({ nodes, samples, timeDeltas }) {
    const byId = new Map(nodes.map((node) => [node.id, node]))
    const own = new Map()
    samples.forEach((id, i) => {
      own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[i]) / 1000)
    })
    const place = (node, frame) => {
      const time = own.get(node.id) ?? 0
      frame.own += time
      this.busy += time
      for (const id of node.children ?? []) {
        const child = byId.get(id)
        if (isApart(child.callFrame)) continue
        const key = keyOf(child.callFrame)
        if (!frame.children.has(key)) frame.children.set(key, newFrame(child.callFrame))
        place(child, frame.children.get(key))
      }
    }
    const root = nodes.find(({ callFrame }) => callFrame.functionName === "(root)")
    place(root, this.root)
  }

  /** The time of each package's functions, with that of what they call in Node.js and V8; most first. */
  byPackage() {
    const times = new Map()
    const count = (frame, caller) => {
      const owner = packageOf(frame) ?? caller
      if (frame.own) times.set(owner, (times.get(owner) ?? 0) + frame.own)
      for (const child of frame.children.values()) count(child, owner)
    }
    count(this.root, "node")
    return new Map([...times].sort(([, a], [, b]) => b - a))
  }
}

const newFrame = ({ functionName, url, lineNumber }) => ({
  ...{ name: functionName || "(anonymous)", url, line: lineNumber + 1 },
  ...{ own: 0, children: new Map() },
})

const keyOf = ({ functionName, url, lineNumber, columnNumber }) =>
  `${functionName} ${url}:${lineNumber}:${columnNumber}`

/** Medusa's packages by folder; what belongs to none has no name. */
function packageOf({ name, url }) {
  if (name === "(garbage collector)") return name
  const [, found, rest] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)/.exec(url) ?? []
  if (!found) return url.includes("/src/") || url.includes("/dist/") ? "medusa-pegasus" : undefined
  if (!found.startsWith("@medusajs/")) return found
  const [, folder] = /^dist\/([^/]+)\//.exec(rest) ?? []
  return folder ? `${found}/${folder}` : found
}

module.exports = { Profile, packageOf }
