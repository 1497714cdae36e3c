/**
 * Loaded before Medusa in every process that we start of it, so that none outlives us.
 *
 * When the launcher is gone, however it went, its store goes too. And Medusa's telemetry, though switched off,
 * starts a detached process whenever a Medusa process exits (telemetry/dist/index.js, 2.21.2): not here.
 */
process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM")
  setTimeout(() => process.exit(1), 5_000).unref()
})

const { flush } = require("@medusajs/telemetry")
if (flush) process.off("exit", flush)
