/** The stream of a channel: made from the options, or checked against them. */
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream"
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import type { StreamSettings } from "../../JetStream.ts"
import { SettingsDiffer, TransportError } from "../../TransportError.ts"
import * as Session from "./Session.ts"
import * as settings from "./settings.ts"

/** A stream as it is now. */
export interface StreamState {
  readonly name: string
  /** Changes when the stream is made anew. */
  readonly created: string
  /** 0 before the first message. */
  readonly lastSequence: number
  readonly firstSequence: number
  /** With "limits" a message stays when it was handled. */
  readonly retention: StreamInfo["config"]["retention"]
  /** Of a message with its headers. Default: no other limit than the server's. */
  readonly maxMessageBytes: number
}

const stateOf = ({ config, created, state }: StreamInfo): StreamState => ({
  name: config.name,
  created,
  lastSequence: state.last_seq,
  firstSequence: state.first_seq,
  retention: config.retention,
  maxMessageBytes: config.max_msg_size > 0 ? config.max_msg_size : Infinity
})

type Failure = TransportError | Session.SessionOver

/** The first server with the compression of streams. */
const compressing = [2, 10] as const

const knowsCompression = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > compressing[0] || (major === compressing[0] && minor >= compressing[1])
}

/** Whose the channel's messages are instead, said with the server's refusal. */
const owned = (channel: ChannelName, api: JetStreamManager, error: TransportError): Effect.Effect<TransportError> =>
  Effect.match(Effect.tryPromise(() => api.streams.find(channel)), {
    onFailure: () => error,
    onSuccess: (stream) =>
      error.reason._tag === "JetStreamRefused"
        ? Session.refused(
          channel,
          error.reason.operation,
          error.reason.code,
          `${error.reason.problem}: its messages go to stream "${stream}"`
        )
        : error
  })

/** Looks for the stream; makes it when it is not there. */
export const ensure = Effect.fnUntraced(function*(
  wanted: settings.Wanted,
  session: Session.Session,
  channel: ChannelName
): Effect.fn.Return<StreamState, Failure> {
  const name = wanted.name(channel)
  const what = `stream "${name}"`
  const found = yield* session.call(channel, `look up ${what}`, (api) => api.streams.info(name)).pipe(
    Effect.catchIf(
      (error) => error instanceof Session.ApiError && error.code === Session.streamNotFound,
      () => Effect.undefined
    ),
    Session.told
  )
  if (found === undefined) return yield* make(wanted, session, channel, name)
  return yield* check(wanted, session, channel, found)
})

/** The settings that it has now, whatever is wanted; made when it is not there. */
export const settingsNow = Effect.fnUntraced(function*(
  wanted: settings.Wanted,
  session: Session.Session,
  channel: ChannelName
): Effect.fn.Return<StreamSettings, Failure> {
  const name = wanted.name(channel)
  const look = session.call(channel, `look up stream "${name}"`, (api) => api.streams.info(name))
  const info = yield* look.pipe(
    Effect.catchIf(
      (error) => error instanceof Session.ApiError && error.code === Session.streamNotFound,
      () => Effect.andThen(ensure(wanted, session, channel), look)
    ),
    Session.told
  )
  return settings.of(info.config)
})

/** What its messages may have at most now; nothing is made or changed. */
export const maxMessageBytesNow = (
  session: Session.Session,
  channel: ChannelName,
  name: string
): Effect.Effect<number, Failure> =>
  Effect.map(
    Session.told(session.call(channel, `look up stream "${name}"`, (api) => api.streams.info(name))),
    (info) => stateOf(info).maxMessageBytes
  )

const make = Effect.fnUntraced(function*(
  { settings: { compression, ...common }, given }: settings.Wanted,
  session: Session.Session,
  channel: ChannelName,
  name: string
): Effect.fn.Return<StreamState, Failure> {
  const operation = `make stream "${name}"`
  const version = session.client.info?.version ?? ""
  if (given.has("compression") && compression !== "none" && !knowsCompression(version)) {
    return yield* Session.refused(channel, operation, 0, `compression wants nats-server 2.10, got ${version}`)
  }
  const config = {
    name,
    subjects: [channel],
    ...common,
    ...(knowsCompression(version) && compression !== undefined ? { compression } : {})
  }
  const info = yield* session.call(channel, operation, (api) => api.streams.add(config)).pipe(
    Effect.catchTag("ApiError", ({ code, error }) => {
      // somebody else was quicker
      if (code === Session.streamExists) return session.call(channel, operation, (api) => api.streams.info(name))
      return code === Session.subjectsOverlap
        ? Effect.flatMap(owned(channel, session.api, error), Effect.fail)
        : Effect.fail(error)
    }),
    Session.told
  )
  yield* Effect.annotateLogs(Effect.logInfo("made a stream"), { channel, stream: name })
  return stateOf(info)
})

const check = Effect.fnUntraced(function*(
  wanted: settings.Wanted,
  session: Session.Session,
  channel: ChannelName,
  found: StreamInfo
): Effect.fn.Return<StreamState, Failure> {
  const { config } = found
  const { differences, growth } = settings.compare(wanted, config)
  const subject = `stream "${config.name}"`
  const subjects = config.subjects ?? []
  const alone = subjects.length === 1 && subjects[0] === channel
  const all = alone
    ? differences
    : [{ setting: "subjects", want: `["${channel}"]`, got: JSON.stringify(subjects) }, ...differences]
  if (all.length === 0) return stateOf(found)
  if (!wanted.grow || growth === undefined || !alone) {
    return yield* new TransportError({ reason: new SettingsDiffer({ channel, subject, differences: all }) })
  }
  const updated = yield* Session.told(
    session.call(channel, `change ${subject}`, (api) => api.streams.update(config.name, { ...config, ...growth }))
  )
  yield* Effect.annotateLogs(Effect.logInfo("changed a stream"), {
    channel,
    stream: config.name,
    changes: all.map(({ got, setting, want }) => `${setting}: ${got} to ${want}`).join("; ")
  })
  return stateOf(updated)
})
