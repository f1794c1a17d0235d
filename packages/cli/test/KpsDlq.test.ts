import { assert, describe, layer } from "@effect/vitest"
import { DeadLetters } from "@kps/server"
import * as JetStreamDeadLetters from "@kps/server/JetStreamDeadLetters"
import { Channel, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References, Stream } from "effect"
import * as KpsProcess from "./support/KpsProcess.ts"

class Kps extends Context.Service<Kps, Pick<KpsProcess.KpsProcess, "run" | "bytesOf">>()("test/Kps") {}

const kps = Layer.effect(
  Kps,
  Effect.gen(function*() {
    const { url } = yield* NatsServer.NatsServer
    const { bytesOf, run } = yield* KpsProcess.make({ NATS_BROKER: url, CONNECTOR_INSTANCE_ID: "c-1" })
    return Kps.of({ run: (...args) => run("dlq", ...args), bytesOf: (...args) => bytesOf("dlq", ...args) })
  })
)

const connected = Layer.unwrap(NatsServer.NatsServer.useSync(({ url }) => NatsTransport.layer({ servers: [url] })))

const all = Layer.mergeAll(kps, Layer.provideMerge(JetStreamDeadLetters.layer(), connected)).pipe(
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")),
  Layer.provide(NatsServer.layer({ jetstream: true }))
)

const letter = (n: number, over: Partial<DeadLetters.Letter> = {}): DeadLetters.Letter => ({
  instance: "c-1",
  stream: "line-1",
  channel: Channel.ChannelName.make("plant.line-1"),
  kind: "payload",
  bytes: new TextEncoder().encode(`payload ${n}`),
  timestampNanos: 7n,
  headers: [],
  key: `k-${n}`,
  tag: "Refused",
  cause: "the outside\u001b[2J refused it",
  attempts: 3,
  firstTriedMillis: 0,
  lastTriedMillis: 60_000,
  ...over
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("kps dlq"), () => {
  layer(all, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("lists, shows, replays and purges what a connector could not deliver", () =>
      Effect.gen(function*() {
        const { bytesOf, run } = yield* Kps
        const store = yield* DeadLetters.DeadLetters
        const transport = yield* Transport.Transport
        const binary = Uint8Array.from({ length: 1_000 }, (_, i) => 255 - i % 256)
        const none = yield* run("ls")
        yield* store.add([
          letter(1),
          letter(2, { stream: "line-2" }),
          letter(3, { kind: "frame", bytes: binary, tag: "MalformedFrame" })
        ])
        const list = yield* run("ls")
        const page = yield* run("ls", "--limit", "1", "-o", "json")
        const second = yield* run("ls", "--stream", "line-2", "-o", "json")
        const show = yield* run("show", "1")
        const json = yield* run("show", "3", "-o", "json")
        const raw = yield* bytesOf("show", "3", "--raw")

        assert.deepStrictEqual([none.code, none.err, none.out.split("\n").length], [0, "", 2])
        assert.deepStrictEqual([list.code, list.err], [0, ""])
        assert.match(
          list.out,
          /^ID +STREAM +KIND +BYTES +ATTEMPTS +LAST TRIED +REPLAYS +CAUSE\n1 +line-1 +payload +9 +3 +1970-01-01T00:01:00.000Z +0 +Refused: the outside\ufffd\[2J refused it\n/
        )
        assert.strictEqual(page.err, "there are more: --after 1\n")
        assert.deepStrictEqual(JSON.parse(page.out).map(({ id }: { id: string }) => id), ["1"])
        assert.deepStrictEqual(JSON.parse(second.out).map(({ id }: { id: string }) => id), ["2"])
        assert.include(show.out, "\ntext: \"payload 1\"\nhex: 7061796c6f61642031\n")
        const { preview } = JSON.parse(json.out)
        assert.deepStrictEqual(preview, { hex: Buffer.from(binary.subarray(0, 256)).toString("hex"), complete: false })
        assert.isTrue(raw.equals(Buffer.from(binary)))

        const nobody = yield* run("replay", "1")
        assert.strictEqual(nobody.code, 1)
        assert.include(nobody.err, "nobody listens on channel \"plant.line-1\": dead letter \"1\" was not replayed")
        const seen: Array<string> = []
        const messages = yield* transport.subscription(Channel.ChannelName.make("plant.line-1"))
        yield* messages.pipe(
          Stream.runForEach(({ payloads }) =>
            Effect.sync(() => void seen.push(...payloads.map((one) => new TextDecoder().decode(one))))
          ),
          Effect.forkScoped
        )
        const replayed = yield* run("replay", "--stream", "line-1", "-o", "json")
        const again = yield* run("replay", "1", "-o", "json")
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(JSON.parse(replayed.out), [
          { id: "1", outcome: "sent", replays: 1 },
          { id: "3", outcome: "sent", replays: 1 }
        ])
        assert.deepStrictEqual(JSON.parse(again.out), [{ id: "1", outcome: "before", replays: 1 }])
        assert.deepStrictEqual(seen, ["payload 1"])

        const purged = yield* run("purge", "--replayed")
        const rest = yield* run("ls", "-o", "json")
        const last = yield* run("purge", "--all")
        assert.deepStrictEqual([purged.code, purged.out], [0, "2 purged\n"])
        assert.deepStrictEqual(JSON.parse(rest.out).map(({ id }: { id: string }) => id), ["2"])
        assert.strictEqual(last.out, "1 purged\n")
      }).pipe(Effect.scoped), 60_000)

    it.effect("says what is wrong, with an exit code of its own", () =>
      Effect.gen(function*() {
        const { run } = yield* Kps
        const missing = yield* run("show", "4711")
        const nothing = yield* run("replay")
        const both = yield* run("purge", "--all", "7")
        const away = yield* run("ls", "--nats", "nats://u:secret@127.0.0.1:1")

        assert.strictEqual(missing.code, 1)
        assert.include(missing.err, "connector \"c-1\" has no dead letter \"4711\"")
        assert.include(missing.err, "kps dlq ls shows all that are kept")
        assert.strictEqual(nothing.code, 2)
        assert.include(nothing.err, "say which dead letters: ids, --stream ID or --all")
        assert.strictEqual(both.code, 2)
        assert.include(both.err, "want one of ids, --stream ID, --replayed or --all, got ids and --all")
        assert.strictEqual(away.code, 3)
        assert.include(away.err, "cannot list dead letters of connector \"c-1\"")
        assert.notInclude(away.err, "secret")
      }), 60_000)
  })
})
