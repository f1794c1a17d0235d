/**
 * The NATS connector as a process of its own, as an operator would run it.
 */
import { Console, Deferred, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Child from "./Child.ts"
import type { Guard } from "./Guard.ts"
import type { Transport } from "./Options.ts"
import type { Signals } from "./Signals.ts"

export const connectorId = "demo-nats-connector"

export interface ConnectorProcess {
  /** Its process; undefined while it does not run. */
  readonly pid: () => number | undefined
  readonly port: number
  /** Fails when the process has ended for good. */
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

/** The port in a log, from a byte on. */
const readPort = (logFile: string, from: number): number | undefined => {
  if (!existsSync(logFile)) return undefined
  for (const line of readFileSync(logFile).subarray(from).toString("utf8").split("\n")) {
    const ready = decodeReady(line)
    if (ready._tag === "Some") return ready.value.annotations.port
  }
  return undefined
}

interface Options {
  readonly folder: string
  readonly brokerUrl: string
  readonly transport: Transport
}

interface Life {
  readonly pid: number
  readonly port: number
  readonly ended: Effect.Effect<string>
}

/** How long a dead connector stays away, where it is started again. */
const restartAfter = "1 second"

/** What it was asked for, and where its sources are, outlives it in JetStream; what it held is free soon. */
const environments: Readonly<Record<Transport, Readonly<Record<string, string>>>> = {
  core: { KPS_TRANSPORT: "core", KPS_STATE: "memory" },
  jetstream: { KPS_TRANSPORT: "jetstream", KPS_STATE: "jetstream", KPS_LEASE_TTL: "2" }
}

/** One process on this port, 0 for a free one; succeeds when it serves its contract. */
const live = Effect.fnUntraced(function*(
  { brokerUrl, folder, transport }: Options,
  wantedPort: number
): Effect.fn.Return<Life, Child.CannotStart | ConnectorEnded, Scope.Scope | Guard | Signals> {
  const logFile = join(folder, `${name}.log`)
  const from = existsSync(logFile) ? statSync(logFile).size : 0
  const { ended, pid } = yield* Child.spawn({
    name,
    command: process.execPath,
    args: [main, "--host", "127.0.0.1", "--port", `${wantedPort}`],
    env: {
      CONNECTOR_INSTANCE_ID: connectorId,
      NATS_BROKER: brokerUrl,
      NATS_NAME: connectorId,
      // credentials for some other broker
      NATS_TOKEN: undefined,
      NATS_USER: undefined,
      NATS_PASSWORD: undefined,
      ...environments[transport]
    },
    logFile
  })
  const port = yield* Effect.sync(() => readPort(logFile, from)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (port) => port !== undefined }),
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () =>
        Effect.fail(new Child.CannotStart({ name, problem: `it was not ready in 20 seconds: see ${logFile}` }))
    }),
    Effect.raceFirst(Effect.flatMap(ended, (how) => Effect.fail(new ConnectorEnded({ how, logFile }))))
  )
  yield* Console.log(`${name}: pid ${pid}, port ${port}`)
  // `until` has seen to it
  return { pid, port: port!, ended }
})

const tellPromises = (port: number) =>
  Console.log(
    `what its streams promise: npm run kps -- explain guarantees --endpoint 127.0.0.1:${port} --connector-id ${connectorId}`
  )

/**
 * Starts the connector on a free port of the loopback interface; succeeds when it serves its contract. It ends with the
 * scope.
 *
 * **Details**
 *
 * Over core NATS its death is the end of the demo: it had what was under way, and what it was asked for, in its memory.
 * Over JetStream it is started again on its port.
 */
export const start = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<ConnectorProcess, Child.CannotStart | ConnectorEnded, Scope.Scope | Guard | Signals> {
  if (!existsSync(main)) {
    return yield* new Child.CannotStart({ name, problem: `there is no ${main}: build it first (npm start does)` })
  }
  const logFile = join(options.folder, `${name}.log`)
  if (options.transport === "core") {
    const { ended, pid, port } = yield* live(options, 0)
    yield* tellPromises(port)
    const watch = Effect.flatMap(ended, (how) => Effect.fail(new ConnectorEnded({ how, logFile })))
    return { pid: () => pid, port, watch }
  }
  const ready = yield* Deferred.make<number, Child.CannotStart | ConnectorEnded>()
  let port = 0
  let pid: number | undefined
  const life = Effect.gen(function*() {
    const lived = yield* live(options, port)
    port = lived.port
    pid = lived.pid
    yield* Deferred.succeed(ready, port)
    const how = yield* lived.ended
    pid = undefined
    yield* Console.log(`${name}: ended ${how}, started again in ${restartAfter}`)
  }).pipe(Effect.scoped)
  yield* life.pipe(
    // before it was ready for the first time this ends the start; later it is as good as another death
    Effect.catch((error) =>
      Effect.flatMap(Deferred.fail(ready, error), (first) => first ? Effect.interrupt : Console.log(error.message))
    ),
    Effect.andThen(Effect.sleep(restartAfter)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* tellPromises(yield* Deferred.await(ready))
  return { port, pid: () => pid, watch: Effect.never }
})
