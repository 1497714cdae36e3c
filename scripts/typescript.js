/** Lets node run the project's TypeScript; loaded before every test file. */
require("ts-node").register({ cwd: require("node:path").resolve(__dirname, ".."), swc: true })
