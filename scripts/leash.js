/**
 * Loaded before every program of a store that we start, so that none outlives us.
 *
 * When the launcher is gone, however it went, its store goes too. And Medusa's telemetry, though switched off,
 * starts a detached process whenever a Medusa process exits (telemetry/dist/index.js, 2.21.2): not here.
 */
process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM")
  setTimeout(() => process.exit(1), 5_000).unref()
})

if (/[\\/]@medusajs[\\/]/.test(process.argv[1])) {
  const { flush } = require("@medusajs/telemetry")
  if (flush) process.off("exit", flush)
}
