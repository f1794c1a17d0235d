/**
 * What `kps up` does: a service domain, the documents of a folder on it, and what flows. Loaded when it is asked for.
 *
 * @since 0.1.0
 */
import type { OperatorViews } from "@kps/service-domain"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stdio from "effect/Stdio"
import * as Output from "../Output.ts"
import * as Report from "../Report.ts"
import * as DocumentsRun from "./DocumentsRun.ts"
import { Domain, layerAt } from "./Domain.ts"
import * as Manifest from "./Manifest.ts"
import * as Serving from "./Serving.ts"
import * as TopView from "./TopView.ts"

/** Applies the files as they are. */
const applied = Effect.fnUntraced(function*(at: string) {
  const filed = yield* Manifest.read(at)
  yield* DocumentsRun.writeFiled("apply", filed, { output: "table", dryRun: false, sayUnchanged: false })
})

/** The files that documents and functions come from. Fails with what is wrong in a file. */
const sources = Effect.fnUntraced(function*(at: string) {
  const filed = yield* Manifest.read(at)
  const code = yield* Effect.forEach(filed, ({ document, file }) =>
    document.kind === "function"
      ? Effect.asSome(Manifest.codeFile(file, document.value.sourceCodePath))
      : Effect.succeedNone)
  return [...new Set([at, ...filed.map(({ file }) => file), ...code.flatMap(Option.toArray)])]
})

/** Changes when one of the files does, when one comes or goes. */
const fingerprint = Effect.fnUntraced(function*(files: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const of = (file: string) =>
    fs.stat(file).pipe(
      Effect.map(({ mtime, size }) => `${file} ${Option.match(mtime, { onNone: () => 0, onSome: Number })} ${size}`),
      Effect.orElseSucceed(() => `${file} gone`)
    )
  return (yield* Effect.forEach(files, of)).join("\n")
})

const lookEvery = "500 millis"

interface Seen {
  readonly files: ReadonlyArray<string>
  readonly print: string
}

/**
 * What the files are at this moment. To be taken before they are applied: what changes meanwhile is found to have changed.
 *
 * @category running
 * @since 0.1.0
 */
export const seen = Effect.fnUntraced(function*(at: string) {
  const files = yield* sources(at)
  return { files, print: yield* fingerprint(files) }
})

/**
 * Applies the files again when one has changed since they were seen, for ever. What is wrong then is told, and nothing of
 * it done.
 *
 * @category running
 * @since 0.1.0
 */
export const reload = Effect.fnUntraced(function*(at: string, first: Seen) {
  let last: Seen = first
  return yield* Effect.gen(function*() {
    yield* Effect.sleep(lookEvery)
    const print = yield* fingerprint(last.files)
    if (print === last.print) return
    last = { files: last.files, print }
    yield* Effect.gen(function*() {
      // also when they are refused then: what is to be mended may be in a file that was not among them
      last = yield* seen(at)
      yield* applied(at)
    }).pipe(Effect.catch((error) => Console.error(Report.text(error))))
  }).pipe(Effect.forever)
})

const isWell = ({ instances, pipelines }: OperatorViews.Overview) =>
  instances.every(({ status, streams }) =>
    status === "RUNNING" && streams.every(({ subscribed }) => subscribed === true)
  ) && pipelines.every(({ status }) => status === "RUNNING")

/** What is not as it should be, a line each. */
const troubles = ({ broker, instances, pipelines }: OperatorViews.Overview): ReadonlyArray<string> => [
  ...(broker.connected
    ? []
    : [`the broker ${broker.url} is away${broker.cause === undefined ? "" : `: ${broker.cause}`}`]),
  ...instances.flatMap(({ cause, name, status, streams }) =>
    status === "RUNNING"
      ? streams.flatMap((stream) =>
        stream.subscribed === true
          ? []
          : [`stream ${stream.name} does not run${stream.cause === undefined ? "" : `: ${stream.cause}`}`]
      )
      : [`connector ${name} is ${status}${cause === undefined ? "" : `: ${cause}`}`]
  ),
  ...pipelines.flatMap(({ cause, name, status }) =>
    status === "RUNNING" ? [] : [`pipeline ${name} is ${status}${cause === undefined ? "" : `: ${cause}`}`]
  )
]

const every = 2_000

const rates = (before: OperatorViews.Overview, now: OperatorViews.Overview): string => {
  const seconds = Math.max(0.001, (now.atMillis - before.atMillis) / 1_000)
  const parts = now.pipelines.map(({ counters, id, name }) => {
    const last = before.pipelines.find((pipeline) => pipeline.id === id)?.counters
    const rate = (key: "published" | "received") =>
      (Math.max(0, counters[key] - (last?.[key] ?? 0)) / seconds).toFixed(1)
    return `${name}: ${rate("received")}/s in, ${rate("published")}/s out, ${counters.published} so far`
  })
  return parts.length === 0 ? "no pipeline runs" : parts.join("; ")
}

/** What runs now; an answer that does not come is told, and asked for again: the service domain goes on without it. */
const looking = (figures: "true" | "false") =>
  Effect.map(Domain, ({ operate }) =>
    operate((client) => client.overview({ query: { figures } })).pipe(
      Effect.tapError((error) => Console.error(Report.text(error))),
      Effect.retry(Schedule.spaced(every))
    ))

/** Lines: what goes wrong and is well again when it does, and rates every two seconds. */
const showLines = Effect.gen(function*() {
  const look = yield* looking("false")
  let before = yield* look
  let told: ReadonlyArray<string> = []
  let wasWell = false
  for (let round = 0;; round++) {
    const now = yield* look
    const found = troubles(now)
    yield* Effect.forEach(found.filter((line) => !told.includes(line)), (line) => Console.log(Output.printable(line)))
    if (isWell(now) && !wasWell) {
      const streams = now.instances.reduce((count, instance) => count + instance.streams.length, 0)
      yield* Console.log(
        `all runs: ${now.instances.length} connectors, ${streams} streams, ${now.pipelines.length} pipelines`
      )
    }
    told = found
    wasWell = isWell(now)
    if (round % 4 === 3) {
      yield* Console.log(Output.printable(rates(before, now)))
      before = now
    }
    yield* Effect.sleep(every / 4)
  }
})

// clears the terminal and goes to its upper left corner
const clear = "\u001b[2J\u001b[H"

const showTables = Effect.gen(function*() {
  const look = yield* looking("true")
  return yield* Effect.forever(Effect.gen(function*() {
    const now = yield* look
    yield* Console.log(`${clear}${TopView.text(now)}\n\nCtrl-C ends it`)
    yield* Effect.sleep(every)
  }))
})

/**
 * Runs a service domain with the documents of a file or folder until interrupted, and shows what flows.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(
  function*(at: string, options: Serving.Options, { plain }: { readonly plain: boolean }) {
    // before anything is started: what is wrong in a file is told at once
    yield* sources(at)
    const stdio = yield* Stdio.Stdio
    const isLive = !plain && (yield* stdio.stdoutIsTerminal)
    // a developer looks at it
    const where = yield* Serving.start(options, { scrapeInterval: "1 second" })
    return yield* Effect.gen(function*() {
      const first = yield* seen(at)
      yield* applied(at)
      return yield* Effect.raceFirst(isLive ? showTables : showLines, reload(at, first))
    }).pipe(Effect.provide(layerAt(where)))
  },
  Effect.scoped
)
