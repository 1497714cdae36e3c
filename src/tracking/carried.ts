/**
 * Values that asynchronous work carries along, all of them in one `AsyncLocalStorage`. Where node follows what is asynchronous by hooks (before 24; lib/async_hooks.js), every storage
 * that was ever used is copied to each promise, and a request makes ten thousand.
 */
import { AsyncLocalStorage } from "node:async_hooks"

/** By place. */
const all = new AsyncLocalStorage<readonly unknown[]>()
let places = 0

export class Carried<Value> {
  private readonly place = places++

  /** Undefined outside of what runs with one. */
  get value(): Value | undefined {
    return all.getStore()?.[this.place] as Value | undefined
  }

  /** Runs something that carries it, and what it begins. */
  run<Given>(value: Value, act: () => Given): Given {
    return all.run(this.with(value), act)
  }

  /** From here on, to the end of what is run within, be it with this or with another. */
  enter(value: Value): void {
    all.enterWith(this.with(value))
  }

  private with(value: Value): readonly unknown[] {
    const values = all.getStore()?.slice() ?? []
    values[this.place] = value
    return values
  }
}
