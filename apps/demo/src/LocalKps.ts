/**
 * The platform: `kps up` of the documents in samples/nats, as a process of its own. In it are the platform's broker, the
 * NATS connector (a process too) and the data pipeline that echoes.
 */
import { Console, Deferred, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Child from "./Child.ts"
import type { Guard } from "./Guard.ts"
import type { Transport } from "./Options.ts"
import type { Signals } from "./Signals.ts"

export interface LocalKps {
  readonly pid: number
  /** Where its REST API is, and the token for it. */
  readonly url: string
  readonly token: string
  /** Where the platform's nats-server keeps its files, the one with its pid among them. */
  readonly brokerFolder: string
  /** Fails when the process has ended. */
  readonly watch: Effect.Effect<never, KpsEnded>
}

/** The platform is not there any more, and without it there is no demo. */
export class KpsEnded extends Schema.TaggedError<KpsEnded>("demo/LocalKps/KpsEnded")("KpsEnded", {
  how: Schema.String,
  logFile: Schema.String
}) {
  override get message(): string {
    return `kps ended ${this.how}, and the demo with it: see ${this.logFile}`
  }
}

const name = "kps"

const beside = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const programs = { kps: beside("packages/cli/dist/kps.js"), connector: beside("apps/nats-connector/dist/main.js") }
const samples = beside("samples/nats")

/** Where the samples have the outside broker. */
const sampleBroker = "nats://127.0.0.1:4222"

/** How the connector reads and writes outside, by the direction of a stream: over JetStream nothing is lost there either. */
const stored: Readonly<Record<string, unknown>> = { INGRESS: { read: "resumable" }, EGRESS: {} }

/** The samples, with the outside broker that there is. */
const documentsFor = (folder: string, outsideUrl: string, transport: Transport): string => {
  const documents = join(folder, "documents")
  cpSync(samples, documents, { recursive: true, dereference: true })
  for (const file of readdirSync(documents).filter((file) => file.startsWith("stream-"))) {
    const path = join(documents, file)
    const document = JSON.parse(readFileSync(path, "utf8").replaceAll(sampleBroker, outsideUrl))
    if (transport === "jetstream") document.stream.jetstream = stored[document.direction]
    writeFileSync(path, JSON.stringify(document, undefined, 2))
  }
  return documents
}

/** What the connector was asked for, and where its sources are, outlives it in JetStream; what it held is free soon. */
const environments: Readonly<Record<Transport, Readonly<Record<string, string>>>> = {
  core: { KPS_STATE: "memory" },
  jetstream: { KPS_STATE: "jetstream", KPS_LEASE_TTL: "2" }
}

const Contexts = Schema.fromJsonString(
  Schema.Struct({ contexts: Schema.Struct({ local: Schema.Struct({ url: Schema.String, token: Schema.String }) }) })
)
const decodeContexts = Schema.decodeUnknownOption(Contexts)

/** The context that it makes once it serves. */
const readContext = (home: string) => {
  const file = join(home, "contexts.json")
  const found = existsSync(file) ? decodeContexts(readFileSync(file, "utf8")) : undefined
  return found?._tag === "Some" ? found.value.contexts.local : undefined
}

/**
 * Starts it; succeeds when its REST API is served. It ends, with all that it has started, with the scope.
 */
export const start = Effect.fnUntraced(function*(
  options: { readonly folder: string; readonly outsideUrl: string; readonly transport: Transport }
): Effect.fn.Return<LocalKps, Child.CannotStart | KpsEnded, Scope.Scope | Guard | Signals> {
  const { folder, outsideUrl, transport } = options
  const missing = [...Object.values(programs), samples].find((path) => !existsSync(path))
  if (missing !== undefined) {
    return yield* new Child.CannotStart({ name, problem: `there is no ${missing}: build it first (npm start does)` })
  }
  const [logFile, home, data] = [join(folder, "kps.log"), join(folder, "home"), join(folder, "kps")]
  const documents = yield* Effect.sync(() => documentsFor(folder, outsideUrl, transport))
  const { ended, pid } = yield* Child.spawn({
    name,
    command: process.execPath,
    args: [
      programs.kps,
      "up",
      documents,
      "--plain",
      "--port",
      "0",
      "--data",
      data,
      "--transport",
      transport,
      "--context",
      "local",
      "--connector",
      `natsconnector=exec "${process.execPath}" "${programs.connector}"`
    ],
    env: { KPS_HOME: home, KPS_CONTEXT: undefined, KPS_URL: undefined, ...environments[transport] },
    logFile
  })
  const watch = Effect.flatMap(ended, (how) => Effect.fail(new KpsEnded({ how, logFile })))
  const context = yield* Deferred.make<{ readonly url: string; readonly token: string }>()
  yield* Effect.suspend(() => {
    const found = readContext(home)
    return found === undefined ? Effect.fail("not yet") : Deferred.succeed(context, found)
  }).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.orDie,
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () =>
        Effect.fail(new Child.CannotStart({ name, problem: `it was not ready in 60 seconds: see ${logFile}` }))
    }),
    Effect.raceFirst(watch)
  )
  const { token, url } = yield* Deferred.await(context)
  yield* Console.log(`${name}: pid ${pid}, port ${new URL(url).port}`)
  yield* Console.log(`look into it: KPS_HOME=${home} npm run kps -- top`)
  return { pid, url, token, watch, brokerFolder: join(data, "nats") }
})
