/** Several processes, each with 200 concurrent reads of one cold key: how many of them load. */
const assert = require("node:assert/strict")
const { fork } = require("node:child_process")
const { median, startRedis } = require("../lib")

const title = "cold key, 200 concurrent reads in each process"
const rounds = 5

async function run({ large }) {
  const processes = large ? 8 : 4
  const redis = await startRedis()
  try {
    const rows = []
    for (const kind of ["pegasus", "caching-redis"]) {
      const workers = Array.from({ length: processes }, () =>
        fork(require.resolve("../worker"), [kind, redis.url]),
      )
      try {
        await Promise.all(workers.map(answer))
        const loads = []
        const times = []
        for (let round = 0; round < rounds; round++) {
          const answers = workers.map(answer)
          const start = performance.now()
          for (const worker of workers) worker.send({ key: `cold:${round}` })
          const results = await Promise.all(answers)
          times.push(performance.now() - start)
          loads.push(results.reduce((sum, result) => sum + result.loads, 0))
          for (const { values } of results) assert.deepEqual(values, [`value of cold:${round}`])
        }
        const exact = kind === "pegasus" ? { target: "1", met: loads.every((count) => count === 1) } : {}
        const name = `${kind}, ${processes} processes`
        rows.push({
          name: `${name}: loads of 50 ms`,
          unit: "loads",
          median: median(loads),
          samples: loads,
          ...exact,
        })
        rows.push({
          name: `${name}: until all have answered`,
          unit: "ms",
          median: median(times),
          samples: times,
        })
      } finally {
        for (const worker of workers) worker.kill()
      }
    }
    return rows
  } finally {
    await redis.stop()
  }
}

const answer = (worker) =>
  new Promise((resolve, reject) => {
    worker.once("message", resolve)
    worker.once("exit", (code) => reject(new Error(`A worker ended with ${code}`)))
  })

module.exports = { title, run }
