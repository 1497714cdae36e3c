import { defineMiddlewares } from "@medusajs/framework/http"
import { ownWrites } from "../medusa/own-writes"

export default defineMiddlewares({ routes: [{ matcher: "/*", middlewares: [ownWrites] }] })
