import { defineMiddlewares } from "@medusajs/framework/http"
import { answerWithin } from "../medusa/http-cache"
import { ownWrites } from "../medusa/own-writes"

export default defineMiddlewares({
  routes: [
    { matcher: "/*", middlewares: [ownWrites] },
    { matcher: "/store/*", middlewares: [answerWithin] },
  ],
})
