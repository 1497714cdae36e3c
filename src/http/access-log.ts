/** What a hit leaves in the access log. */
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"

/** Lines as Medusa writes them in production (framework/dist/http/express-loader.js, 2.21.2), many at a time. */
export class AccessLog {
  private lines = ""
  private second = 0
  private time = ""
  private readonly texts = new Map<string, string>()

  hit(req: IncomingMessage, status: number): void {
    if (this.lines === "") setTimeout(() => this.flush(), flushAfter).unref()
    const { headers, method, url, socket } = req
    const client = headers["x-forwarded-for"] ?? socket.remoteAddress
    const { "x-request-id": given } = headers
    const id = given === undefined ? `"${randomUUID()}"` : this.text(given)
    const start = `{"level":"http","client_ip":${this.text(client)},"request_id":${id}`
    const asked = `"http_version":"${req.httpVersion}","method":"${method}","path":${this.text(url)},"status":${status}`
    const who = `"duration":0,"referrer":${this.text(headers.referer)},"user_agent":${this.text(headers["user-agent"])}`
    this.lines += `${start},${asked},${who},"cache":"hit","timestamp":"${this.now()}"}\n`
  }

  /** As JSON. The same addresses, browsers and clients come again and again. */
  private text(value: string | string[] = "-"): string {
    const plain = String(value)
    let found = this.texts.get(plain)
    if (found === undefined) {
      found = JSON.stringify(plain)
      if (this.texts.size >= mostTexts) this.texts.clear()
      this.texts.set(plain, found)
    }
    return found
  }

  private now(): string {
    const second = Math.floor(Date.now() / 1_000)
    if (second !== this.second) this.time = new Date(second * 1_000).toISOString()
    this.second = second
    return this.time
  }

  private flush(): void {
    process.stdout.write(this.lines)
    this.lines = ""
  }
}

/** Milliseconds. */
const flushAfter = 100
const mostTexts = 2_000
