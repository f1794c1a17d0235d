/**
 * A nats-server that is kept running: one that dies is started again on its port.
 */
import { binary } from "@kps/transport/testing/NatsServer"
import { Deferred, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Child from "./Child.ts"
import type { Guard } from "./Guard.ts"
import type { Signals } from "./Signals.ts"

export interface NatsServer {
  /** What it is called in messages: "platform nats-server". */
  readonly name: string
  readonly port: number
  readonly url: string
  /** Its process; undefined while it does not run. */
  readonly pid: () => number | undefined
}

/** How long a dead server stays away. */
const restartAfter = "2 seconds"

/** Path of a nats-server: `NATS_SERVER_BIN`, which `npm start` sets, or the first one where they usually are. */
export const findBinary: Effect.Effect<string, Child.CannotStart> = Effect.suspend(() => {
  const file = binary()
  if (file !== undefined) return Effect.succeed(file)
  const given = process.env["NATS_SERVER_BIN"]
  const problem = given === undefined || given === ""
    ? "there is none: put one on PATH (Debian: apt-get install nats-server) or set NATS_SERVER_BIN"
    : `NATS_SERVER_BIN is "${given}", which is not an executable file`
  return new Child.CannotStart({ name: "nats-server", problem })
})

const Ports = Schema.fromJsonString(Schema.Struct({ nats: Schema.NonEmptyArray(Schema.String) }))

/** The port that the server wrote to a file in its folder; waits until it has. */
const readPort = (name: string, folder: string, logFile: string, child: Child.Child) =>
  Effect.suspend(() => {
    const file = readdirSync(folder).find((entry) => entry.endsWith(`_${child.pid}.ports`))
    return Schema.decodeEffect(Ports)(file === undefined ? "" : readFileSync(join(folder, file), "utf8"))
  }).pipe(
    Effect.map((ports) => Number(new URL(ports.nats[0]).port)),
    // tried for ever: what is left are bugs
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.orDie,
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(new Child.CannotStart({ name, problem: "it wrote no port within 10 seconds" }))
    }),
    Effect.raceFirst(
      Effect.flatMap(child.ended, (how) =>
        Effect.fail(new Child.CannotStart({ name, problem: `it ended ${how}: see ${logFile}` })))
    )
  )

/**
 * Starts a nats-server on a free port of the loopback interface, and again on the same port whenever it dies. It ends
 * with the scope.
 */
export const start = Effect.fnUntraced(function*(
  options: {
    readonly name: string
    /** Where its log goes, and the file with its port. */
    readonly folder: string
    /** Path of the nats-server. */
    readonly command: string
    /** Turns JetStream on, with its store in a folder of its own: it outlives the process. Default: off. */
    readonly jetstream?: boolean
    /** Called with each birth and death, as a line of text. */
    readonly tell: (line: string) => Effect.Effect<void>
  }
): Effect.fn.Return<NatsServer, Child.CannotStart, Scope.Scope | Guard | Signals> {
  const { command, folder, jetstream = false, name, tell } = options
  const file = name.replaceAll(" ", "-")
  const ready = yield* Deferred.make<number, Child.CannotStart>()
  const logFile = join(folder, `${file}.log`)
  const store = jetstream ? ["-js", "-sd", join(folder, `${file}-store`)] : []
  let port = -1
  let pid: number | undefined

  const life = Effect.gen(function*() {
    const child = yield* Child.spawn({
      name,
      command,
      args: ["-a", "127.0.0.1", "-p", `${port}`, "--ports_file_dir", folder, ...store],
      logFile
    })
    if (port === -1) port = yield* readPort(name, folder, logFile, child)
    pid = child.pid
    yield* tell(`${name}: pid ${child.pid}, port ${port}`)
    yield* Deferred.succeed(ready, port)
    const how = yield* child.ended
    pid = undefined
    yield* tell(`${name}: ended ${how}, started again in 2 seconds`)
  }).pipe(Effect.scoped)

  yield* life.pipe(
    // before it was ready for the first time this ends the start; later it is as good as another death
    Effect.catch((error) =>
      Effect.flatMap(Deferred.fail(ready, error), (first) => first ? Effect.interrupt : tell(error.message))
    ),
    Effect.andThen(Effect.sleep(restartAfter)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Deferred.await(ready)
  return { name, port, url: `nats://127.0.0.1:${port}`, pid: () => pid }
})
