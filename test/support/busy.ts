/** Keeps this process from reading anything. @param duration in milliseconds */
export function busy(duration: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, duration)
}
