/** What our pages share: safe templates, one look and one frame. */
export { framed } from "./frame"
export { Markup, markup } from "./markup"
