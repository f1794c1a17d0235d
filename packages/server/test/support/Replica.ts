import { create, type JsonObject } from "@bufbuild/protobuf"
import { Events } from "@kps/events"
import {
  GetEventsRequestSchema,
  GetPayloadRequestSchema,
  type Payload,
  PayloadKind,
  PayloadSchema,
  SetPayloadRequestSchema,
  State,
  StreamDirection
} from "@kps/idl"
import { Transport } from "@kps/transport"
import { Context, Effect, Layer, References } from "effect"
import * as Bucket from "../../src/Bucket.ts"
import * as ConnectorService from "../../src/ConnectorService.ts"
import * as Health from "../../src/Health.ts"
import * as Options from "../../src/Options.ts"
import * as RunningStreams from "../../src/RunningStreams.ts"
import * as SharedState from "../../src/SharedState.ts"
import { Fake, type Hooks, implementation } from "../streams.ts"
import { Place } from "./Place.ts"
import { Plug } from "./Plug.ts"
import * as StoredChannels from "./StoredChannels.ts"

export const timeToLive = 600

export const stream = (
  id: string,
  direction: "INGRESS" | "EGRESS" = "INGRESS",
  metadata: JsonObject = { name: "a", tags: [] }
): Payload =>
  create(PayloadSchema, {
    object: {
      case: "stream",
      value: { id, direction: StreamDirection[direction], transportChannel: `ch.${id}`, metadata }
    }
  })

/** One replica of a connector instance, as a process has it: all but the listener. */
export const replica = Effect.fnUntraced(function*(
  instance: string,
  hooks: Hooks,
  options: Partial<Options.Options> & { readonly stored?: boolean } = {}
) {
  const plug = new Plug(yield* Place.use(({ process }) => process))
  const { stored = false, ...given } = options
  const asked: Options.Options = { connectorId: instance, startTimeout: "3 seconds", ...given }
  const context = yield* Layer.build(
    RunningStreams.layer(Fake, asked).pipe(
      Layer.provideMerge([
        implementation(hooks),
        Events.layer,
        Layer.provideMerge(stored ? StoredChannels.layer : Layer.empty, Transport.layerMemory)
      ]),
      Layer.provideMerge(SharedState.layerBuckets({ connectorId: instance, timeToLive })),
      Layer.provide(Layer.succeed(Bucket.Buckets, plug.buckets)),
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
    )
  )
  const service = yield* ConnectorService.make(Fake, Options.resolve(asked), yield* Health.make).pipe(
    Effect.provideContext(context)
  )
  const streams = Effect.map(
    service.getPayload(create(GetPayloadRequestSchema, { connectorId: instance, kind: PayloadKind.STREAM })),
    (payloads) => payloads.flatMap(({ object }) => object.case === "stream" ? [object.value] : [])
  )
  return {
    plug,
    service,
    set: (...payloads: ReadonlyArray<Payload>) =>
      service.setPayload(create(SetPayloadRequestSchema, { connectorId: instance, payloads: [...payloads] })),
    /** Ids of the streams that it says run, here or elsewhere. */
    running: Effect.map(streams, (all) => all.flatMap(({ id, subscribed }) => subscribed ? [id] : [])),
    /** Ids and states of what this process itself does. */
    here: Effect.map(
      Context.get(context, RunningStreams.RunningStreams).list,
      (all) => all.map(({ spec, state }) => `${spec.id} ${state._tag}`)
    ),
    events: Effect.map(
      service.getEvents(create(GetEventsRequestSchema, { connectorId: instance })),
      (all) =>
        all.flatMap(({ object }) =>
          object.case === undefined || (object.case === "alert" && object.value.state === State.HEALTHY)
            ? []
            : [`${object.value.id} of ${object.value.streamId}`]
        ).toSorted()
    )
  }
})

/** Polls in real time, bounded; the last value where it never came. */
export const eventually = <A, E, R>(
  what: Effect.Effect<A, E, R>,
  isSo: (value: A) => boolean,
  within = "10 seconds" as const
) => {
  let last: A | undefined
  return what.pipe(
    Effect.flatMap((value) => {
      last = value
      return isSo(value)
        ? Effect.succeed(value)
        : Effect.andThen(Effect.sleep("10 millis"), Effect.fail("not yet" as const))
    }),
    Effect.retry({ while: (error) => error === "not yet" }),
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => Effect.die(new Error(`still ${JSON.stringify(last)}`))
    })
  )
}
