/** Loaded before Medusa: when the launcher is gone, however it went, the store goes too. */
process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM")
  setTimeout(() => process.exit(1), 5_000).unref()
})
