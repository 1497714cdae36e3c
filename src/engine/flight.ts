/** One load a key in this process: who comes while it is under way waits for it. */
export class Flights<T> {
  private readonly underWay = new Map<string, Promise<T>>()

  /** Joins the flight of this key, or starts it. */
  run(key: string, start: () => Promise<T>): Promise<T> {
    let flight = this.underWay.get(key)
    if (!flight) {
      flight = start().finally(() => this.underWay.delete(key))
      this.underWay.set(key, flight)
    }
    return flight
  }

  has(key: string): boolean {
    return this.underWay.has(key)
  }
}
