/**
 * The NATS connector as a process of its own, as an operator would run it.
 */
import { Console, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Child from "./Child.ts"
import type { Guard } from "./Guard.ts"
import type { Signals } from "./Signals.ts"

export const connectorId = "demo-nats-connector"

export interface ConnectorProcess {
  readonly pid: number
  readonly port: number
  /** Fails when the process has ended. */
  readonly watch: Effect.Effect<never, ConnectorEnded>
}

/** The connector is not there any more, and without it there is no demo. */
export class ConnectorEnded extends Schema.TaggedError<ConnectorEnded>("demo/ConnectorProcess/ConnectorEnded")(
  "ConnectorEnded",
  { how: Schema.String, logFile: Schema.String }
) {
  override get message(): string {
    return `the connector ended ${this.how}, and the demo with it: see ${this.logFile}`
  }
}

const name = "connector"

/** The bundle beside the one of this app. */
const main = fileURLToPath(new URL("../../nats-connector/dist/main.js", import.meta.url))

// its log on a file is JSON, a line each
const Ready = Schema.fromJsonString(
  Schema.Struct({
    message: Schema.Literal("connector is ready"),
    annotations: Schema.Struct({ port: Schema.Int })
  })
)
const decodeReady = Schema.decodeUnknownOption(Ready)

const readPort = (logFile: string): number | undefined => {
  if (!existsSync(logFile)) return undefined
  for (const line of readFileSync(logFile, "utf8").split("\n")) {
    const ready = decodeReady(line)
    if (ready._tag === "Some") return ready.value.annotations.port
  }
  return undefined
}

/**
 * Starts the connector on a free port of the loopback interface; succeeds when it serves its contract. It ends with the
 * scope.
 */
export const start = Effect.fnUntraced(function*(
  options: { readonly folder: string; readonly brokerUrl: string }
): Effect.fn.Return<ConnectorProcess, Child.CannotStart | ConnectorEnded, Scope.Scope | Guard | Signals> {
  if (!existsSync(main)) {
    return yield* new Child.CannotStart({ name, problem: `there is no ${main}: build it first (npm start does)` })
  }
  const logFile = join(options.folder, `${name}.log`)
  const child = yield* Child.spawn({
    name,
    command: process.execPath,
    args: [main, "--host", "127.0.0.1", "--port", "0"],
    env: {
      CONNECTOR_INSTANCE_ID: connectorId,
      NATS_BROKER: options.brokerUrl,
      NATS_NAME: connectorId,
      // credentials for some other broker
      NATS_TOKEN: undefined,
      NATS_USER: undefined,
      NATS_PASSWORD: undefined
    },
    logFile
  })
  const watch = Effect.flatMap(child.ended, (how) => Effect.fail(new ConnectorEnded({ how, logFile })))
  const port = yield* Effect.sync(() => readPort(logFile)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (port) => port !== undefined }),
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () =>
        Effect.fail(new Child.CannotStart({ name, problem: `it was not ready in 20 seconds: see ${logFile}` }))
    }),
    Effect.raceFirst(watch)
  )
  yield* Console.log(`${name}: pid ${child.pid}, port ${port}`)
  yield* Console.log(
    `what its streams promise: npm run kps -- explain guarantees --endpoint 127.0.0.1:${port} --connector-id ${connectorId}`
  )
  // `until` has seen to it
  return { pid: child.pid, port: port!, watch }
})
