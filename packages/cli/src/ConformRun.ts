/**
 * What `kps conform` does with its flags.
 *
 * @since 0.1.0
 */
import {
  Conformance,
  Description,
  type Level,
  Report as Shown,
  ReportHtml,
  ReportJson,
  ReportText,
  type Result,
  WireSubject
} from "@kps/testing"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { parseDocument } from "yaml"
import { NotConforming, UnknownCase, UnreadableFile, UnwritableFile } from "./CommandError.ts"
import * as Connection from "./Connection.ts"

type Tls = Parameters<typeof Connection.tlsOf>[0]

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Tls {
  readonly endpoint: string
  readonly nats: string
  readonly connector: string
  readonly level: Option.Option<Level>
  readonly cases: ReadonlyArray<string>
  readonly format: "text" | "json" | "junit"
  readonly html: Option.Option<string>
  readonly command: Option.Option<string>
  readonly seed: Option.Option<number>
}

const read = Effect.fnUntraced(function*(file: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(files.readFileString(file), (cause) => new UnreadableFile({ file, cause }))
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message }) => message.trimEnd())
    return yield* new Description.InvalidDescription({ file, problems })
  }
  return yield* Description.decode(file, document.toJS())
})

/** As a shell reads it. */
const quoted = (text: string): string => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

const again = (options: Options, seed: number) => (id: string): string => {
  const { command, connector, endpoint, nats, tls, tlsCa, tlsCert, tlsKey, tlsServerName } = options
  const files = [["ca", tlsCa], ["cert", tlsCert], ["key", tlsKey], ["server-name", tlsServerName]] as const
  return [
    "kps conform",
    ...[["--endpoint", endpoint], ["--nats", nats], ["--connector", connector]].map(([flag, value = ""]) =>
      `${flag} ${quoted(value)}`
    ),
    ...(tls ? ["--tls"] : []),
    ...files.flatMap(([name, value]) => Option.toArray(value).map((text) => `--tls-${name} ${quoted(text)}`)),
    ...Option.toArray(command).map((text) => `--command ${quoted(text)}`),
    `--case ${id} --seed ${seed}`
  ].join(" ")
}

/** For everything but the last clean-up and the report, which have ten seconds more. */
const mostMillis = 110_000

const credentials = Config.all({
  token: Config.option(Config.Redacted("NATS_TOKEN")),
  user: Config.option(Config.String("NATS_USER")),
  password: Config.option(Config.Redacted("NATS_PASSWORD"))
})

/**
 * Runs the cases, prints the report, and fails when the connector does not keep what it has to.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(
  function*(options: Options) {
    const { cases, connector, endpoint, format, html, nats } = options
    const unknown = cases.filter((id) => Conformance.select({ only: [id] }).length === 0)
    if (unknown.length > 0) {
      return yield* new UnknownCase({ ids: unknown, known: Conformance.select({}).map(({ id }) => id) })
    }
    const description = yield* read(connector)
    const { password, token, user } = yield* credentials
    const startedMillis = yield* Clock.currentTimeMillis
    const subject = yield* WireSubject.make({
      endpoint,
      tls: Connection.tlsOf(options),
      nats: nats.split(",").map((server) => server.trim()),
      description,
      command: Option.getOrUndefined(options.command),
      token: Option.getOrUndefined(token),
      user: Option.getOrUndefined(user),
      password: Option.getOrUndefined(password)
    })
    const { results, seed } = yield* Conformance.run(subject, {
      level: Option.getOrUndefined(options.level),
      only: cases.length === 0 ? undefined : cases,
      seed: Option.getOrUndefined(options.seed),
      // what it took until here is of the two minutes too
      within: Math.max(0, mostMillis - ((yield* Clock.currentTimeMillis) - startedMillis)),
      onResult: (result: Result) => format === "text" ? Console.log(ReportText.line(result)) : Effect.void
    })
    const report: Shown.Report = {
      place: endpoint,
      connectorId: description.id,
      description: connector,
      seed,
      startedMillis,
      millis: (yield* Clock.currentTimeMillis) - startedMillis,
      results,
      again: again(options, seed)
    }
    yield* Console.log(
      format === "text"
        ? ReportText.summary(report)
        : format === "json"
        ? ReportJson.json(report)
        : ReportJson.junit(report)
    )
    if (Option.isSome(html)) {
      const files = yield* FileSystem.FileSystem
      yield* Effect.mapError(
        files.writeFileString(html.value, ReportHtml.html(report)),
        (cause) => new UnwritableFile({ file: html.value, cause })
      )
    }
    const level = Option.getOrElse(options.level, () => "core" as const)
    if (!Shown.keeps(results, level)) return yield* new NotConforming({ conclusion: Shown.conclusion(results) })
    // what the suite's own connections have to say is no part of the report
  },
  Effect.scoped,
  Effect.provideService(References.MinimumLogLevel, "None")
)
