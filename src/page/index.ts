/** What our pages share: safe templates and one look. */
export { Markup, markup } from "./markup"
export { style } from "./style"
