/**
 * The nats-server of a service domain: one of its own, or one that is given.
 *
 * @since 0.1.0
 */
import * as binaries from "@kps/transport/testing/NatsServer"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import * as PrivateFile from "../files/PrivateFile.ts"
import { FunctionLog } from "../functions/FunctionLog.ts"
import * as LocalProcess from "../reconciler/LocalProcess.ts"
import type { ProcessGuard } from "../reconciler/ProcessGuard.ts"

/**
 * The service domain's own nats-server does not start.
 *
 * @category errors
 * @since 0.1.0
 */
export class BrokerFailed extends Schema.TaggedError<BrokerFailed>("@kps/service-domain/NatsBroker/BrokerFailed")(
  "BrokerFailed",
  { folder: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `cannot start a nats-server that keeps its files in ${this.folder}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where it keeps its files: documents, events and channels are among them. Made when it is not there. */
  readonly folder: string
  /** Port on 127.0.0.1; 0 takes one that is free. Default: 0. */
  readonly port?: number | undefined
}

/**
 * @category services
 * @since 0.1.0
 */
export class NatsBroker extends Context.Service<NatsBroker, {
  /** Where it is reached, as `nats://host:port`; of several servers all, with commas between. Without credentials. */
  readonly url: string
  /** Whether it is the service domain's own: it takes connections of this machine alone, and asks nobody who they are. */
  readonly isOwn: boolean
}>()("@kps/service-domain/NatsBroker") {}

/** As the platform's own, it takes larger messages than NATS does by default. */
const maxPayload = "8MB"

const startTimeout = "20 seconds"
const grace = "5 seconds"

/** One whose service domain was killed is being ended by its guard. */
const predecessorTimeout = "10 seconds"

const restartAfter = "500 millis"

/** The process that has the folder, if one has: two on one folder would ruin it. */
const holderOf = (folder: string): number | undefined => {
  const pid = Result.getOrElse(Result.try(() => Number(readFileSync(join(folder, "nats.pid"), "utf8"))), () => 0)
  if (!(pid > 0) || Result.isFailure(Result.try(() => process.kill(pid, 0)))) return undefined
  // The pid may be somebody else's by now; where that cannot be seen it is taken for the holder.
  const command = Result.try(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
  return Result.isSuccess(command) && !command.success.includes(folder) ? undefined : pid
}

/** How long a claim is good: longer than a server takes to start. */
const claimMillis = 30_000

/**
 * Whether the folder is free, and claimed for a server that is started now: of several that look at the same moment, one
 * is told so. The claim of a process that was killed is none.
 */
const isClaimed = (folder: string, claim: string, nowMillis: number): boolean => {
  if (Result.isFailure(Result.try(() => writeFileSync(claim, String(process.pid), { flag: "wx" })))) {
    const pid = Result.getOrElse(Result.try(() => Number(readFileSync(claim, "utf8"))), () => 0)
    const since = Result.getOrElse(Result.try(() => statSync(claim).mtimeMs), () => nowMillis)
    const isDead = pid > 0 && Result.isFailure(Result.try(() => process.kill(pid, 0)))
    if (isDead || nowMillis - since > claimMillis) rmSync(claim, { force: true })
    return false
  }
  if (holderOf(folder) === undefined) return true
  rmSync(claim, { force: true })
  return false
}

const answers = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect({ host: "127.0.0.1", port })
    socket.once("data", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  })

/**
 * Starts a nats-server with JetStream on the loopback interface, and again on its port whenever it dies, until the scope is
 * closed. Succeeds when it takes connections.
 *
 * **Details**
 *
 * The server is `NATS_SERVER_BIN`, or the `nats-server` that is found on PATH and in the usual places. A folder has one
 * server at a time, also of those that are started at the same moment: another one is waited for, for ten seconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<NatsBroker["Service"], BrokerFailed, ProcessGuard | Scope.Scope> {
  const folder = resolve(options.folder)
  const fail = (problem: string) => new BrokerFailed({ folder, problem })
  const binary = binaries.binary()
  if (binary === undefined) return yield* fail(binaries.missing())
  const config = join(folder, "nats.conf")
  const store = JSON.stringify(join(folder, "jetstream"))
  yield* PrivateFile.makeFolder(folder).pipe(
    Effect.andThen(PrivateFile.write(config, `max_payload: ${maxPayload}\njetstream { store_dir: ${store} }\n`)),
    Effect.mapError(({ message }) => fail(message))
  )
  const clock = yield* Clock.Clock
  const claim = join(folder, "nats.starting")
  yield* Effect.sync(() => isClaimed(folder, claim, clock.currentTimeMillisUnsafe())).pipe(
    Effect.repeat({ until: (isClaimed: boolean) => isClaimed, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({
      duration: predecessorTimeout,
      orElse: () =>
        Effect.fail(fail(
          `another service domain keeps its files there (its nats-server is process ${
            holderOf(folder) ?? "unknown"
          }): ` +
            "end that service domain first, or take another folder for this one"
        ))
    })
  )

  const log = new FunctionLog(() => clock.currentTimeMillisUnsafe())
  const said = () => {
    log.end("nats-server")
    const lines = log.read(0, undefined).slice(-3).map(({ text }) => text)
    return lines.length === 0 ? "it wrote nothing" : lines.join("; ")
  }
  const ready = yield* Deferred.make<number, BrokerFailed>()
  let port = options.port === 0 ? undefined : options.port

  const life = Effect.gen(function*() {
    const child = yield* LocalProcess.start({
      command: `exec "$KPS_NATS_SERVER" -a 127.0.0.1 -p "$KPS_LISTEN_PORT" -c "$KPS_NATS_CONFIG" -P "$KPS_NATS_PID"`,
      env: { KPS_NATS_SERVER: binary, KPS_NATS_CONFIG: config, KPS_NATS_PID: join(folder, "nats.pid") },
      port,
      grace,
      onOutput: (source, text) => log.text("nats-server", source, text)
    }).pipe(Effect.mapError(({ message }) => fail(message)))
    const its = Number(child.endpoint.split(":")[1])
    const isReady = Effect.repeat(answers(its), {
      until: (yes: boolean) => yes,
      schedule: Schedule.spaced("20 millis")
    })
    yield* isReady.pipe(
      Effect.timeoutOrElse({
        duration: startTimeout,
        orElse: () => Effect.fail(fail(`${binary} was not ready within ${startTimeout}: ${said()}`))
      }),
      Effect.raceFirst(Effect.flatMap(child.ended, (how) => Effect.fail(fail(`${binary} ended ${how}: ${said()}`))))
    )
    port = its
    yield* Deferred.succeed(ready, its)
    const how = yield* child.ended
    yield* Effect.logWarning("the nats-server has ended and is started again").pipe(Effect.annotateLogs({ how, port }))
  }).pipe(Effect.scoped)

  yield* life.pipe(
    // The first one that does not start fails the caller; later ones are tried again.
    Effect.catch((error) =>
      Deferred.doneUnsafe(ready, Exit.fail(error)) ? Effect.interrupt : Effect.logWarning(error.message)
    ),
    Effect.andThen(Effect.sleep(restartAfter)),
    Effect.forever,
    Effect.forkScoped
  )
  // from here on its pid tells whose the folder is
  const unclaim = Effect.sync(() => rmSync(claim, { force: true }))
  return { url: `nats://127.0.0.1:${yield* Effect.ensuring(Deferred.await(ready), unclaim)}`, isOwn: true }
})

/**
 * Layer with a server of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<NatsBroker, BrokerFailed, ProcessGuard> =>
  Layer.effect(NatsBroker, make(options))

/**
 * Layer with servers that are given.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServers = (servers: ReadonlyArray<string>): Layer.Layer<NatsBroker> =>
  Layer.succeed(NatsBroker, {
    // Who is shown it need not know by whom it is used.
    url: servers.map((server) => server.replace(/\/\/[^/@]*@/, "//")).join(","),
    isOwn: false
  })
