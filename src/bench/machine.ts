import os from "node:os"

/** Where the numbers come from. */
export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  node: string
  platform: string
}

export function thisMachine(): Machine {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 1024 ** 3),
    node: process.versions.node,
    platform: `${os.type()} ${os.release()} ${os.arch()}`,
  }
}
