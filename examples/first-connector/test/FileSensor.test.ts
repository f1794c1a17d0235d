import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Events } from "@kps/events"
import { StreamDirection } from "@kps/idl"
import { ConnectorServer } from "@kps/server"
import { Channel, Transport } from "@kps/transport"
import { Context, Effect, Fiber, FileSystem, Layer, PlatformError, Ref, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FileSensor from "../src/FileSensor.ts"

// What the double of the file system shows: undefined when there is no such file.
class Shown extends Context.Service<Shown, Ref.Ref<string | undefined>>()("first-connector/test/Shown") {
  static readonly layer = Layer.effect(Shown, Ref.make<string | undefined>("21.5"))
}

const files = Layer.unwrap(Effect.map(Shown, (shown) =>
  FileSystem.layerNoop({
    readFile: (path) =>
      Effect.flatMap(Ref.get(shown), (text) =>
        text === undefined
          ? Effect.fail(PlatformError.systemError({
            _tag: "NotFound",
            module: "FileSystem",
            method: "readFile",
            pathOrDescriptor: path
          }))
          : Effect.succeed(new TextEncoder().encode(text)))
  })))

// The connector as in main.ts, with its layers swapped for doubles: no socket, no file, no real time.
const connector = ConnectorServer.layerRoutes(FileSensor.FileSensor, { connectorId: "c-1" }).pipe(
  Layer.provide(FileSensor.layer),
  Layer.provide(files)
)
const client = Layer.unwrap(
  Effect.map(
    ConnectorServer.ConnectorRoutes,
    ({ routes }) => ConnectorClient.layerRoutes({ connectorId: "c-1", routes })
  )
)
const test = client.pipe(
  Layer.provide(connector),
  Layer.provideMerge(Layer.mergeAll(Transport.layerMemory, Events.layer, Shown.layer))
)

const channel = Channel.ChannelName.make("plant.temperature")
const stream = (metadata: Record<string, string | number>) => ({
  id: "boiler",
  direction: StreamDirection.INGRESS,
  transportChannel: channel,
  metadata
})
const wanted = stream({ path: "/sys/boiler", everyMillis: 1000 })

const text = ({ payloads }: Channel.Message) => payloads.map((payload) => new TextDecoder().decode(payload)).join()

describe("FileSensor", () => {
  it.effect("publishes what the file holds, every second", () =>
    Effect.gen(function*() {
      const { setStreams } = yield* ConnectorClient.ConnectorClient
      const shown = yield* Shown
      const pipeline = yield* Transport.Transport
      const readings = yield* Effect.forkChild(
        pipeline.subscribe(channel).pipe(Stream.map(text), Stream.take(2), Stream.runCollect),
        { startImmediately: true }
      )

      yield* setStreams([wanted])
      yield* Ref.set(shown, "22.0")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* Fiber.join(readings), ["21.5", "22.0"])
    }).pipe(Effect.provide(test)))

  it.effect("tells whoever asks for the stream that the file is not there, and recovers by itself", () =>
    Effect.gen(function*() {
      const { getStreams, setStreams } = yield* ConnectorClient.ConnectorClient
      const shown = yield* Shown

      yield* Ref.set(shown, undefined)
      const error = yield* Effect.flip(setStreams([wanted]))

      assert(error._tag === "StreamsFailed")
      assert.strictEqual(error.code, "UNAVAILABLE")
      assert.include(error.message, "cannot read \"/sys/boiler\"")
      assert.deepStrictEqual((yield* getStreams).map(({ subscribed }) => subscribed), [false])

      yield* Ref.set(shown, "23.1")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual((yield* getStreams).map(({ subscribed }) => subscribed), [true])
    }).pipe(Effect.provide(test)))

  it.effect("refuses bad parameters, all of them at once, each with its path", () =>
    Effect.gen(function*() {
      const { getStreams, setStreams } = yield* ConnectorClient.ConnectorClient
      const error = yield* Effect.flip(setStreams([stream({ path: "boiler", everyMillis: 1 })]))

      assert(error._tag === "InvalidRequest")
      assert.sameMembers(error.violations.map(({ field }) => field), [
        "payloads[0].stream.metadata.path",
        "payloads[0].stream.metadata.everyMillis"
      ])
      assert.deepStrictEqual(yield* getStreams, [])
    }).pipe(Effect.provide(test)))
})
