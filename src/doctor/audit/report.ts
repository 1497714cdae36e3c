import type { Loop } from "./audit"

export function renderLoops(loops: readonly Loop[]): string {
  if (loops.length === 0) return "No loop asks the database once an element."
  return [
    `${loops.length} ${loops.length === 1 ? "call" : "calls"} inside loops:`,
    ...loops.map(({ file, line, loop, loopLine, call, instead }) =>
      [`${file}:${line}  in ${loop} at line ${loopLine}`, `  ${call}`, `  ${instead}`].join("\n"),
    ),
  ].join("\n\n")
}
