/** `kps serve --nats`: with a broker that asks who one is, and that comes and goes. */
import { assert, describe, layer } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import * as KpsProcess from "./support/KpsProcess.ts"
import * as KpsServer from "./support/KpsServer.ts"

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess>()("test/Kps") {}

const kps = Layer.effect(Kps, KpsProcess.make())

const patience = 120_000

/** How often a text says something. */
const count = (text: string, what: RegExp) => text.split("\n").filter((line) => what.test(line)).length

const broker = NatsServer.layer({
  jetstream: true,
  config: "authorization { user: ann, password: \"right-pass\" }\n"
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("kps serve --nats"), () => {
  layer(Layer.merge(kps, broker), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect(
      "is who NATS_USER says, and tells once that the broker is away, and for how long it was",
      () =>
        Effect.gen(function*() {
          const kps = yield* Kps
          const nats = yield* NatsServer.NatsServer
          const address = nats.url.replace("nats://", "")
          yield* nats.kill()
          const args = ["serve", "--port", "0", "--data", "right", "--nats", nats.url]
          const server = yield* KpsServer.start(kps, args, { NATS_USER: "ann", NATS_PASSWORD: "right-pass" })
          yield* server.said(new RegExp(`not connected to the broker.*cannot connect to ${address}`))
          // longer than the store is asked for one answer
          yield* Effect.sleep("7 seconds")
          const text = server.text()
          assert.strictEqual(count(text, /level=WARN/), 1, text)

          yield* nats.restart
          yield* server.said(/context "local" leads to it/)
          const back = new RegExp(`"connected to the broker" server=${address} .*awayMillis=(\\d+)`)
          assert.isAtLeast(Number(back.exec(server.text())?.[1]), 6_000)
          const { code, err } = yield* kps.run("get", "svcdomain")
          assert.deepStrictEqual([code, err], [0, ""])
          assert.notInclude(server.text(), "right-pass")
        }),
      patience
    )

    it.effect(
      "names the broker and the user that are not for one another, never the password",
      () =>
        Effect.gen(function*() {
          const nats = yield* NatsServer.NatsServer
          const address = nats.url.replace("nats://", "")
          const server = yield* KpsServer.start(
            yield* Kps,
            ["serve", "--port", "0", "--data", "wrong", "--nats", nats.url],
            { NATS_USER: "ann", NATS_PASSWORD: "wrong-pass" }
          )
          const text = yield* server.said(new RegExp(`credentials refused by ${address} for user \\\\?"ann`))

          assert.notInclude(text, "leads to it")
          assert.notInclude(text, "wrong-pass")
        }),
      patience
    )
  })
})
