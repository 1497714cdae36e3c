/** Bare `node:http`, sending one body. Forked; takes the body in base64, gives the port. */
const http = require("node:http")

process.on("message", (text) => {
  const body = Buffer.from(text, "base64")
  const server = http.createServer((_request, response) => {
    response.setHeader("content-type", "application/json")
    response.setHeader("content-length", body.length)
    response.end(body)
  })
  server.listen(0, () => process.send(server.address().port))
})
