/** Loaded into a process before all else: at SIGUSR2 its event loop is blocked for so many milliseconds. */
process.on("SIGUSR2", () => {
  const end = Date.now() + Number(process.env.BLOCKED_FOR)
  while (Date.now() < end);
})
