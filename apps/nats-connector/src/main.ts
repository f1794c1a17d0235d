/**
 * The connector as a process. Exit codes: 0 told to stop, 1 cannot serve, 2 started wrongly.
 *
 * Effect's modules are imported one by one here and in all of `src`: the bundle then holds what is used, and starts
 * faster.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { ConnectorServer, SharedState } from "@kps/server"
import * as Observability from "@kps/server/Observability"
import { PlatformTransport } from "@kps/transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as App from "./App.ts"
import * as LogLevels from "./LogLevels.ts"
import { NatsConnector } from "./NatsConnector.ts"
import * as Settings from "./Settings.ts"

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

const serve = (settings: Settings.Settings) => {
  const ready = Layer.effectDiscard(
    ConnectorServer.ConnectorServer.use(({ host, port }) =>
      Effect.logInfo("connector is ready").pipe(
        Effect.annotateLogs({ host, port, connectorId: settings.connectorId, class: NatsConnector.name })
      )
    )
  )
  const { connectorId, metrics, pushGateway, state, telemetry } = settings
  // Loads what is asked for, and nothing else.
  const observability = Layer.unwrap(
    LogLevels.LogLevels.useSync(({ limited }) =>
      Observability.layer(NatsConnector, { connectorId, metrics, pushGateway, telemetry, logs: limited })
    )
  )
  return ready.pipe(
    Layer.provide(App.layer(settings)),
    Layer.provide(SharedState.layer({ connectorId, ...state })),
    Layer.provide(PlatformTransport.layerEnv),
    Layer.provide(observability),
    Layer.launch,
    Effect.onInterrupt(() => Effect.logInfo("connector has stopped"))
  )
}

const main = Effect.gen(function*() {
  const command = yield* Effect.fromResult(Settings.parse(process.argv.slice(2), process.env))
  if (command._tag === "Help") return yield* write(Settings.help)
  if (command._tag === "Version") return yield* write(`${NatsConnector.name} ${NatsConnector.definition.version}\n`)
  return yield* serve(command.settings)
})

const startedWrongly: ReadonlySet<unknown> = new Set([
  "UsageError",
  "TlsUnusable",
  "ConfigError",
  "InvalidPushGateway",
  "TransportError"
])

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  const error = Cause.squash(exit.cause)
  return Predicate.hasProperty(error, "_tag") && startedWrongly.has(error._tag) ? 2 : 1
}

const pretty = process.stderr.isTTY

// `runMain` takes its own listeners away just before it exits: a signal that is sent twice would then kill
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {})

main.pipe(
  // an error of ours says it all in its message; whatever else ends the process is shown whole
  Effect.tapCause((cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    const error = Cause.findErrorOption(cause)
    return error._tag === "Some"
      ? Effect.logError(error.value.message)
      : Effect.logError("the connector has failed", cause)
  }),
  Effect.provide(LogLevels.layer(LogLevels.stderrLogger({ pretty }))),
  Effect.provideService(References.LogToStderr, true),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exitCode(exit))
  })
)
