/** What a stream is made with, and how one that is there differs from it. */
import type { StreamConfig } from "@nats-io/jetstream"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { ChannelName } from "../../Channel.ts"
import type { StreamOptions, StreamSettings } from "../../JetStream.ts"
import { InvalidOption, TransportError } from "../../TransportError.ts"
import * as names from "./names.ts"

/** In the server's units: nanoseconds, and -1 for no limit. */
export type Settings = Pick<
  StreamConfig,
  | "storage"
  | "num_replicas"
  | "retention"
  | "max_age"
  | "max_bytes"
  | "max_msgs"
  | "discard"
  | "duplicate_window"
  | "compression"
>

export interface Difference {
  readonly setting: string
  readonly want: string
  readonly got: string
}

export interface Wanted {
  readonly name: (channel: ChannelName) => string
  /** With every default. */
  readonly settings: Settings
  /** What was asked for in so many words: only these are compared with a stream that is there. */
  readonly given: ReadonlySet<keyof Settings>
  readonly grow: boolean
}

const nanosPerMilli = 1_000_000
const defaultMaxAgeMillis = 7 * 24 * 3_600_000
const defaultWindowMillis = 120_000
/** The server takes no shorter one. */
const minWindowMillis = 100

const invalid = (option: string, problem: string) =>
  Result.fail(new TransportError({ reason: new InvalidOption({ option, problem }) }))

const problemOf = (options: StreamOptions, ageMillis: number, windowMillis: number): [string, string] | undefined => {
  const { maxBytes, maxMessages, replicas = 1 } = options
  if (![1, 2, 3, 4, 5].includes(replicas)) return ["replicas", `it is ${replicas}, want 1 to 5`]
  if (!(ageMillis >= minWindowMillis)) return ["maxAge", `it is ${ageMillis} ms, want at least ${minWindowMillis} ms`]
  if (!(windowMillis >= minWindowMillis && windowMillis <= ageMillis)) {
    return ["duplicateWindow", `it is ${windowMillis} ms, want ${minWindowMillis} ms up to maxAge`]
  }
  for (const [option, value] of [["maxBytes", maxBytes], ["maxMessages", maxMessages]] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      return [option, `it is ${value}, want a whole number of at least 1`]
    }
  }
  return undefined
}

const keys = {
  storage: "storage",
  replicas: "num_replicas",
  retention: "retention",
  maxAge: "max_age",
  maxBytes: "max_bytes",
  maxMessages: "max_msgs",
  discard: "discard",
  duplicateWindow: "duplicate_window",
  compression: "compression"
} as const satisfies Partial<Record<keyof StreamOptions, keyof Settings>>

/** Options with their defaults, or what is wrong with them. */
export const make = (options: StreamOptions): Result.Result<Wanted, TransportError> => {
  const ageMillis = Duration.toMillis(options.maxAge ?? defaultMaxAgeMillis)
  const windowMillis = options.duplicateWindow === undefined
    ? Math.min(defaultWindowMillis, ageMillis)
    : Duration.toMillis(options.duplicateWindow)
  const problem = problemOf(options, ageMillis, windowMillis)
  if (problem !== undefined) return invalid(...problem)
  const prefix = options.prefix ?? "KPS_"
  const prefixProblem = prefix === "" ? undefined : names.problemOf(prefix)
  if (prefixProblem !== undefined || prefix.length > 50) {
    return invalid("prefix", prefixProblem ?? `it has ${prefix.length} characters, want at most 50`)
  }
  const given = Object.entries(keys).flatMap(([option, key]) =>
    options[option as keyof typeof keys] === undefined ? [] : [key] // its own keys
  )
  return Result.succeed({
    name: options.name ?? ((channel) => prefix + names.token(channel)),
    settings: {
      storage: options.storage ?? "file",
      num_replicas: options.replicas ?? 1,
      retention: options.retention ?? "limits",
      max_age: Number.isFinite(ageMillis) ? Math.round(ageMillis * nanosPerMilli) : 0,
      max_bytes: options.maxBytes ?? -1,
      max_msgs: options.maxMessages ?? -1,
      discard: options.discard ?? "old",
      duplicate_window: Math.round(windowMillis * nanosPerMilli),
      compression: options.compression ?? "none"
    },
    given: new Set(given),
    grow: options.onDifference === "grow"
  })
}

/** In our units; the server says 0 or -1 for no limit. */
export const of = (config: StreamConfig): StreamSettings => {
  const limit = (value: number) => value > 0 ? value : null
  const maxAge = limit(config.max_age)
  return {
    storage: config.storage,
    replicas: config.num_replicas,
    retention: config.retention,
    discard: config.discard,
    maxAgeMillis: maxAge === null ? null : maxAge / nanosPerMilli,
    maxBytes: limit(config.max_bytes),
    maxMessages: limit(config.max_msgs),
    duplicateWindowMillis: config.duplicate_window / nanosPerMilli
  }
}

const isTime = (key: keyof Settings): boolean => key === "max_age" || key === "duplicate_window"

const show = (key: keyof Settings, value: string | number | undefined): string => {
  if (typeof value !== "number") return `"${value ?? "none"}"`
  if (isTime(key)) return value === 0 ? "no limit" : `${value / nanosPerMilli} ms`
  return value === -1 ? "no limit" : `${value}`
}

const grown = (key: keyof Settings, want: string | number | undefined, got: string | number | undefined): boolean => {
  if (typeof want !== "number" || typeof got !== "number" || key === "num_replicas") return false
  const size = (value: number) => value === -1 || (key === "max_age" && value === 0) ? Infinity : value
  return size(want) > size(got)
}

/** How a stream that is there differs, and what of it may be changed without losing anything: limits that grow. */
export const compare = (
  { given, settings }: Wanted,
  got: StreamConfig
): { readonly differences: ReadonlyArray<Difference>; readonly growth: Partial<Settings> | undefined } => {
  const differing = [...given].filter((key) =>
    // servers before 2.10 know no compression
    settings[key] !== (key === "compression" ? got.compression ?? "none" : got[key])
  )
  return {
    differences: differing.map((key) => ({ setting: key, want: show(key, settings[key]), got: show(key, got[key]) })),
    growth: differing.every((key) => grown(key, settings[key], got[key]))
      ? Object.fromEntries(differing.map((key) => [key, settings[key]]))
      : undefined
  }
}
