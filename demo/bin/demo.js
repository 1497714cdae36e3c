const { prepare, buildDemo } = require("../../scripts/setup")

prepare()
  .then(buildDemo)
  .then(() => require("../run/demo.ts").main(process.argv.slice(2)))
