/**
 * Loaded before a store: Medusa as it may be one day. Each renaming of PEGASUS_TEST_RENAMES is done in the source of the files it names, as
 * they are loaded.
 */
const Module = require("node:module")

const renamings = JSON.parse(process.env.PEGASUS_TEST_RENAMES ?? "[]")
const { _compile: compile } = Module.prototype

Module.prototype._compile = function (content, filename) {
  let text = content
  for (const { files, from, to } of renamings) {
    if (new RegExp(files).test(filename)) text = text.replaceAll(new RegExp(from, "g"), to)
  }
  return compile.call(this, text, filename)
}
