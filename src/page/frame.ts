import { type Markup, markup } from "./markup"
import { style } from "./style"

/** A page that needs nothing else: light, dark and on paper. */
export function framed(title: string, body: Markup, more?: Markup): string {
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}${more}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
  return page.text
}
