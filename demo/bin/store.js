const { prepare, buildDemo } = require("../../scripts/setup")

prepare()
  .then(buildDemo)
  .then(() => require("../run/store.ts").main(process.argv.slice(2)))
