/** The proxy. See proxy.ts for the story. */
export { wroteHeader } from "./forwarder"
export { proxyOf, type StoreDescription, type StoreProxy } from "./serve"
