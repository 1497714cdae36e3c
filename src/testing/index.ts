/** For tests of caches and of code that uses them. */
export { type BusContract, busContract } from "./bus-contract"
export { type CacheContract, cacheContract } from "./cache-contract"
export { type Chaos, chaos } from "./chaos"
export { FakeClock } from "./fake-clock"
export { tierContract } from "./tier-contract"
