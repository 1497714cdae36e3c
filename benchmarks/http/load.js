/**
 * A closed loop on raw connections, as light as it can be: whoever is measured is the bottleneck, not this. Forked; takes
 * `{ port, path, headers, connections, seconds }`, gives `{ rate, mean, p50, p99, bad }`, times in milliseconds.
 */
const net = require("node:net")

process.on("message", async (order) => process.send(await load(order)))

function load({ port, path, headers = {}, connections, seconds }) {
  const lines = Object.entries({ host: `localhost:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`)
  const times = []
  const sockets = []
  let [bad, over] = [0, false]
  const began = performance.now()
  const open = () => {
    const socket = net.connect(port, "127.0.0.1").setNoDelay(true)
    let [needed, got, started] = [0, 0, 0]
    const ask = () => {
      needed = 0
      got = 0
      started = performance.now()
      socket.write(request)
    }
    socket.on("connect", ask)
    socket.on("error", () => bad++)
    socket.on("data", (bytes) => {
      if (needed === 0) {
        const head = bytes.latin1Slice(0, Math.min(bytes.length, 4_096))
        const end = head.indexOf("\r\n\r\n")
        const length = /content-length: (\d+)/i.exec(head)
        if (end < 0 || !length || !head.startsWith("HTTP/1.1 200")) {
          bad++
          socket.destroy()
          return
        }
        needed = end + 4 + Number(length[1])
      }
      got += bytes.length
      if (got < needed) return
      times.push(performance.now() - started)
      if (!over) ask()
    })
    sockets.push(socket)
  }
  for (let count = 0; count < connections; count++) open()
  return new Promise((resolve) =>
    setTimeout(() => {
      over = true
      const passed = (performance.now() - began) / 1_000
      for (const socket of sockets) socket.destroy()
      times.sort((a, b) => a - b)
      const at = (share) => times[Math.floor(share * (times.length - 1))]
      const mean = times.reduce((sum, time) => sum + time, 0) / times.length
      resolve({ rate: times.length / passed, mean, p50: at(0.5), p99: at(0.99), bad })
    }, seconds * 1_000),
  )
}
