/** For tests of caches and of code that uses them. */
export { type CacheContract, cacheContract } from "./cache-contract"
export { FakeClock } from "./fake-clock"
