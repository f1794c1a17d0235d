/** A service domain as a process: options as JSON, and a line of JSON when it serves. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RestServer from "../../src/rest/RestServer.ts"
import * as ServiceDomain from "../../src/ServiceDomain.ts"

const { token, ...options } = JSON.parse(process.argv[2] ?? "{}")

const ready = Layer.effectDiscard(
  RestServer.RestServer.use(({ url }) => Effect.sync(() => process.stdout.write(`${JSON.stringify({ url })}\n`)))
)

NodeRuntime.runMain(Layer.launch(
  Layer.provide(ready, ServiceDomain.layer({ ...options, access: { token: Redacted.make(token) }, rest: { port: 0 } }))
))
