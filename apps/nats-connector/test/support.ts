/** What the tests with real servers share: two brokers, a platform, an outside world, the connector as a process. */
import { assert } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { StreamDirection, TransportCodec } from "@kps/idl"
import * as Watchdog from "@kps/transport/testing/Watchdog"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Layer, Result, Schedule, type Schema, Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Waits, for at most 15 seconds, until the effect gives true. */
export const until = <E, R>(
  what: string,
  condition: Effect.Effect<boolean, E, R>
): Effect.Effect<void, E, R> =>
  condition.pipe(
    Effect.repeat({ until: (met: boolean) => met, schedule: Schedule.spaced("25 millis") }),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error(`not in 15 s: ${what}`)) }),
    Effect.asVoid
  )

/** A client of a broker, as any application is. */
export const natsClient = (url: string, options: object = {}): Effect.Effect<NatsConnection, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url.replace("nats://", ""), reconnect: false, ...options })),
    (nc) => Effect.promise(() => nc.close())
  )

/** Names of the connections that a broker has now. */
export const connectionNames = (monitorUrl: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const response = await fetch(`${monitorUrl}/connz`)
    // one cast: the server's documented answer
    const { connections } = (await response.json()) as {
      readonly connections: ReadonlyArray<{ readonly name?: string }>
    }
    return connections.flatMap(({ name }) => name === undefined ? [] : [name])
  })

/** How many messages a broker was given since it started. */
export const messagesIn = (monitorUrl: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const response = await fetch(`${monitorUrl}/varz`)
    // one cast: the server's documented answer
    return ((await response.json()) as { readonly in_msgs: number }).in_msgs
  })

/** What has come on a subject, as text. */
export const collect = Effect.fnUntraced(function*(nc: NatsConnection, subject: string) {
  const seen: Array<string> = []
  nc.subscribe(subject, { callback: (_, message) => void seen.push(message.string()) })
  yield* Effect.promise(() => nc.flush())
  return seen
})

/** What has come on a channel of the platform, payload by payload, as text. */
export const collectChannel = Effect.fnUntraced(function*(nc: NatsConnection, channel: string) {
  const seen: Array<string> = []
  nc.subscribe(channel, {
    callback: (_, message) => {
      const { payloads } = Result.getOrThrow(TransportCodec.decode(message.data))
      for (const payload of payloads) seen.push(new TextDecoder().decode(payload))
    }
  })
  yield* Effect.promise(() => nc.flush())
  return seen
})

/** A message of the platform with one payload. */
export const frame = (text: string): Uint8Array => TransportCodec.encode(1n, [new TextEncoder().encode(text)])

/** A stream as SetPayload wants it. */
export const stream = (
  id: string,
  direction: keyof typeof StreamDirection,
  metadata: Readonly<Record<string, Schema.MutableJson>>
) => ({ id, direction: StreamDirection[direction], transportChannel: `ch.${id}`, metadata: { ...metadata } })

const events = Effect.orDie(ConnectorClient.ConnectorClient.use((client) => client.getEvents))

/** The status in force of a stream, by its id on the wire. */
export const statusOf = (streamId: string) =>
  Effect.map(
    events,
    (events) =>
      events.flatMap(({ object }) =>
        object.case === "status" && object.value.streamId === streamId ? [object.value.id] : []
      ).at(-1)
  )

/** Alerts in force, whole. */
export const alerts = Effect.map(
  events,
  (events) => events.flatMap(({ object }) => object.case === "alert" ? [object.value] : [])
)

/** Whether GetPayload says that the stream is subscribed. */
export const subscribed = (streamId: string) =>
  Effect.map(
    Effect.orDie(ConnectorClient.ConnectorClient.use((client) => client.getStreams)),
    (streams) => streams.find(({ id }) => id === streamId)?.subscribed
  )

const folder = fileURLToPath(new URL("..", import.meta.url))

/** An empty folder that goes with the scope. */
export const emptyFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "nats-connector-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Bundles the connector, by the build script that ships it, into a folder of its own: the path of the bundle. */
export const bundle: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function*() {
  const out = yield* emptyFolder
  const file = join(out, "main.mjs")
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const built = spawnSync("sh", ["-c", scripts.build.replace("--outfile=dist/main.js", `--outfile='${file}'`)], {
    cwd: folder,
    env: { ...process.env, PATH: [join(folder, "node_modules/.bin"), process.env["PATH"]].join(delimiter) },
    encoding: "utf8"
  })
  assert.strictEqual(built.status, 0, built.stderr)
  return file
})

/** A line that the connector logged. */
export interface LogLine {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A connector that runs as a process, or has ended. */
export interface ConnectorProcess {
  readonly child: ChildProcess
  /** Everything on stderr. */
  readonly stderr: () => string
  readonly stdout: () => string
  /** What is logged so far: every line is JSON. */
  readonly lines: () => ReadonlyArray<LogLine>
  /** Its exit code, or the signal that ended it. */
  readonly exited: Effect.Effect<number | NodeJS.Signals>
}

/** Starts the bundle; it is killed with the scope. */
export const start = Effect.fnUntraced(function*(
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
): Effect.fn.Return<ConnectorProcess, never, Scope.Scope> {
  let stderr = ""
  let stdout = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [file, ...args], { env: { ...env }, stdio: ["ignore", "pipe", "pipe"] })),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  Watchdog.watch(child)
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
  const exit = new Promise<number | NodeJS.Signals>((done) =>
    child.once("close", (code, signal) => done(code ?? signal ?? -1))
  )
  return {
    child,
    stderr: () => stderr,
    stdout: () => stdout,
    lines: () => stderr.split("\n").slice(0, -1).map((line) => JSON.parse(line)),
    exited: Effect.promise(() => exit).pipe(
      Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error(`no exit: ${stderr}`)) })
    )
  }
})

/** Waits for the ready line: its port. */
export const ready = Effect.fnUntraced(function*(connector: ConnectorProcess) {
  const line = () => connector.lines().find(({ message }) => message === "connector is ready")
  yield* until(
    "ready line",
    Effect.suspend(() =>
      connector.child.exitCode === null
        ? Effect.sync(() => line() !== undefined)
        : Effect.die(new Error(`ended: ${connector.stderr()}`))
    )
  )
  const port = line()?.annotations["port"]
  assert(typeof port === "number")
  return port
})

/** Calls the connector at a port of this machine. */
export const clientAt = (port: number, connectorId: string): Layer.Layer<ConnectorClient.ConnectorClient> =>
  Layer.orDie(ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId }))
