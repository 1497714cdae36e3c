/**
 * What the cache does, told on node:diagnostics_channel so that metrics and traces can listen. Each event has a
 * channel of its own, "pegasus:cache:<name>"; nobody listening costs one comparison.
 */
import { type Channel, channel } from "node:diagnostics_channel"

export interface CacheEvents {
  /** A value was answered from a tier. */
  hit: { prefix: string; key: string; tier: "memory" | "redis"; state: "fresh" | "stale" }
  miss: { prefix: string; key: string }
  /** A load ended. `duration` in milliseconds. */
  load: { prefix: string; key: string; duration: number; error?: unknown }
  store: { prefix: string; key: string; tags: number; bytes: number }
  /** A value was not stored: a tag of it moved since its fence, or Redis came or went meanwhile. */
  refuse: { prefix: string; key: string }
  invalidate: { prefix: string; tags: readonly string[] }
  /** Someone waited for the load of another process. `duration` in milliseconds. */
  wait: { prefix: string; key: string; duration: number }
  redis: { prefix: string; state: "joined" | "refusing" | "away"; cause?: unknown }
}

export type CacheEvent = keyof CacheEvents

const channels = new Map<CacheEvent, Channel>()

export function channelOf(name: CacheEvent): Channel {
  let found = channels.get(name)
  if (!found) {
    found = channel(`pegasus:cache:${name}`)
    channels.set(name, found)
  }
  return found
}

/** Listens to one kind of event. @returns to stop listening */
export function onCacheEvent<Name extends CacheEvent>(
  name: Name,
  listener: (event: CacheEvents[Name]) => void,
): () => void {
  const heard = (event: unknown) => listener(event as CacheEvents[Name])
  const source = channelOf(name)
  source.subscribe(heard)
  return () => source.unsubscribe(heard)
}
