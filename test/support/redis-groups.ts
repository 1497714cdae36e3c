/** Several Redis servers that belong together: a cluster, and a master with its replica and sentinel. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import Redis from "ioredis"
import { freePort } from "../../demo/run/ports"
import { type RedisServer, startRedis } from "../../demo/run/redis"
import { until } from "./until"

const slots = 16_384
const host = "127.0.0.1"

export interface RedisGroup {
  url: string
  servers: RedisServer[]
  stop(): Promise<void>
}

/** One command to one server, on a connection of its own. */
export async function tell(server: { url: string }, ...command: string[]): Promise<unknown> {
  const redis = new Redis(server.url)
  try {
    return await redis.call(...(command as [string]))
  } finally {
    redis.disconnect()
  }
}

/** Three masters, and a replica of each. */
export async function startCluster(): Promise<RedisGroup & { replicas: RedisServer[] }> {
  const folder = mkdtempSync(join(tmpdir(), "redis-cluster-"))
  const start = async () => {
    const [port, busPort] = [await freePort(), await freePort()]
    const file = join(folder, `nodes-${port}.conf`)
    const options = [
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      `${busPort}`,
      "--cluster-config-file",
      file,
    ]
    return { ...(await startRedis(port, [...options, "--cluster-node-timeout", "1000"])), busPort }
  }
  const servers = [await start(), await start(), await start()]
  const replicas = [await start(), await start(), await start()]
  const all = [...servers, ...replicas]
  for (const [index, server] of servers.entries()) {
    const first = Math.ceil((slots / 3) * index)
    const last = Math.ceil((slots / 3) * (index + 1)) - 1
    await tell(server, "CLUSTER", "ADDSLOTSRANGE", `${first}`, `${last}`)
  }
  for (const { port, busPort } of all.slice(1)) {
    await tell(servers[0]!, "CLUSTER", "MEET", host, `${port}`, `${busPort}`)
  }
  const ids = await Promise.all(servers.map((server) => tell(server, "CLUSTER", "MYID")))
  const sees = async (server: RedisServer, text: RegExp) =>
    text.test(String(await tell(server, "CLUSTER", "INFO")))
  for (const server of all) await until("all are met", () => sees(server, /cluster_known_nodes:6/))
  for (const [index, replica] of replicas.entries()) {
    await tell(replica, "CLUSTER", "REPLICATE", String(ids[index]))
  }
  for (const server of all) await until("the cluster is whole", () => sees(server, /cluster_state:ok/))
  for (const replica of replicas) await untilReplicates(replica)
  return {
    url: `redis+cluster://${servers.map(({ port }) => `${host}:${port}`).join(",")}`,
    servers,
    replicas,
    stop: async () => {
      await Promise.all(all.map((server) => server.stop()))
      rmSync(folder, { recursive: true })
    },
  }
}

/** A master, a replica, and a sentinel that promotes the replica half a second after the master went silent. */
export async function startSentinel(): Promise<RedisGroup> {
  const folder = mkdtempSync(join(tmpdir(), "redis-sentinel-"))
  const master = await startRedis()
  const replica = await startRedis(undefined, ["--replicaof", `${host} ${master.port}`])
  await untilReplicates(replica)
  const file = join(folder, "sentinel.conf")
  writeFileSync(
    file,
    `sentinel monitor main ${host} ${master.port} 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 2000
`,
  )
  const sentinel = await startRedis(undefined, [file, "--sentinel"])
  await until("the sentinel knows the replica", async () =>
    String(await tell(sentinel, "SENTINEL", "REPLICAS", "main")).includes(`${replica.port}`),
  )
  const servers = [master, replica, sentinel]
  return {
    url: `redis+sentinel://${host}:${sentinel.port}/main`,
    servers,
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()))
      rmSync(folder, { recursive: true })
    },
  }
}

const untilReplicates = (replica: RedisServer) =>
  until("the replica has all of its master", async () =>
    /master_link_status:up/.test(String(await tell(replica, "INFO", "replication"))),
  )
