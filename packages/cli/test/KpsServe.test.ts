/** What `kps serve` says where it cannot serve: each time it ends at once, and names what is in the way. */
import { assert, describe, layer } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import * as KpsProcess from "./support/KpsProcess.ts"
import * as KpsServer from "./support/KpsServer.ts"

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess>()("test/Kps") {}

const kps = Layer.effect(Kps, KpsProcess.make({ NATS_SERVER_BIN: NatsServer.binary() ?? "" }))

const patience = 120_000

/** With that binary for a nats-server. */
const serveWith = (bin: string, ...args: ReadonlyArray<string>) =>
  Kps.use(({ env, runWith }) => runWith({ ...env, NATS_SERVER_BIN: bin })("serve", "--port", "0", ...args))

/** A file that may be run. */
const file = (name: string) => (text: string) =>
  Kps.useSync((kps) => {
    const at = kps.file(name, text)
    chmodSync(at, 0o755)
    return at
  })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("kps serve"), () => {
  layer(kps, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("needs a folder that can be made, and takes files", () =>
      Effect.gen(function*() {
        const { folder, run } = yield* Kps
        const at = yield* file("file")("")
        const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
          [at, at, /".*file" is a file/],
          [join(at, "in", "it"), join(at, "in", "it"), /".*file" is a file/],
          // where nothing can be made: Node's own recursive mkdir never ends there
          ...(process.platform === "linux"
            ? [["/proc/nope", "/proc/nope", /ENOENT/], ["/proc", "/proc", /ENOENT/]] as const
            : [])
        ]
        for (const [data, named, why] of cases) {
          const { code, err, out } = yield* run("serve", "--port", "0", "--data", data)
          assert.deepStrictEqual([code, out], [2, ""], data)
          assert.include(err, `kps: cannot keep data in ${JSON.stringify(named)}: `)
          assert.match(err, why)
          assert.match(err, /take another folder with --data/)
        }
        assert.strictEqual(readFileSync(join(folder, "file"), "utf8"), "")
      }), patience)

    it.effect.skipIf(process.getuid?.() === 0)(
      "does not serve from a folder that is for reading alone",
      () =>
        Effect.gen(function*() {
          const { folder, run } = yield* Kps
          const data = join(folder, "readonly")
          mkdirSync(data, { mode: 0o500 })
          const { code, err } = yield* run("serve", "--port", "0", "--data", data)

          assert.strictEqual(code, 2)
          assert.match(err, /^kps: cannot keep data in ".*readonly": EACCES/)
        }),
      patience
    )

    it.effect("names the nats-server that does not start, and what it wrote last", () =>
      Effect.gen(function*() {
        const none = yield* serveWith("/nope", "--data", "a")
        assert.deepStrictEqual([none.code, none.out], [1, ""])
        assert.match(
          none.err,
          /a\/nats: no nats-server: NATS_SERVER_BIN is "\/nope", which is not an executable file\n$/
        )

        const mute = yield* file("mute")("#!/bin/sh\nexit 3\n")
        const silent = yield* serveWith(mute, "--data", "a")
        assert.strictEqual(silent.code, 1)
        assert.include(silent.err, `${mute} ended with status 3: it wrote nothing`)

        const loud = yield* file("loud")("#!/bin/sh\nprintf 'no space left on device'\nexit 1\n")
        const told = yield* serveWith(loud, "--data", "a")
        assert.strictEqual(told.code, 1)
        assert.include(told.err, `${loud} ended with status 1: no space left on device`)
      }), patience)

    it.effect("names the port that somebody else has", () =>
      Effect.gen(function*() {
        const { run } = yield* Kps
        const port = yield* Effect.acquireRelease(
          Effect.callback<readonly [number, () => void]>((resume) => {
            const server = createServer()
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              const port = typeof address === "object" && address !== null ? address.port : 0
              resume(Effect.succeed([port, () => server.close()]))
            })
          }),
          ([, close]) => Effect.sync(close)
        )
        const { code, err } = yield* run("serve", "--port", String(port[0]), "--data", "b")

        assert.strictEqual(code, 2)
        assert.include(err, `kps: cannot listen on 127.0.0.1:${port[0]}: `)
        assert.match(err, /--port 0 takes a free port/)
      }), patience)

    it.effect("has its data folder alone, until it has ended or was killed", () =>
      Effect.gen(function*() {
        const kps = yield* Kps
        const args = ["serve", "--port", "0", "--data", "alone"]
        const first = yield* KpsServer.start(kps, args)
        yield* first.said(/context "local" leads to it/)
        const token = readFileSync(join(kps.folder, "alone", "token"), "utf8")
        const second = yield* kps.run(...args)
        assert.deepStrictEqual([second.code, second.out], [2, ""])
        assert.include(
          second.err,
          `kps: cannot keep data in ${
            JSON.stringify(join(kps.folder, "alone"))
          }: another service domain has it, process ${first.pid}\n`
        )
        assert.match(second.err, /take another folder with --data/)

        yield* first.end("SIGKILL")
        const third = yield* KpsServer.start(kps, args)
        yield* third.said(/context "local" leads to it/)
        assert.strictEqual(readFileSync(join(kps.folder, "alone", "token"), "utf8"), token)
        assert.strictEqual(statSync(join(kps.folder, "alone", "token")).mode & 0o777, 0o600)
      }), patience)

    it.effect("does not go on over documents that are damaged, until it is told to", () =>
      Effect.gen(function*() {
        const kps = yield* Kps
        const args = ["serve", "--port", "0", "--data", "damaged"]
        yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* KpsServer.start(kps, args)
          yield* server.said(/context "local" leads to it/)
          writeFileSync(join(kps.folder, "category.yaml"), "kind: category\nname: Data Type\nvalues: [nats]\n")
          const created = yield* kps.run("create", "-f", "category.yaml")
          assert.deepStrictEqual([created.code, created.err], [0, ""])
        }))
        const nats = join(kps.folder, "damaged", "nats")
        const blocks = readdirSync(nats, { recursive: true, encoding: "utf8" })
          .filter((name) => /KV_kps-documents.*\.blk$/.test(name))
        assert.isAbove(blocks.length, 0)
        for (const block of blocks) truncateSync(join(nats, block), 300)

        const refused = yield* kps.run(...args)
        assert.strictEqual(refused.code, 1)
        assert.include(
          refused.err,
          `kps: the documents in ${nats} are damaged: there were 2 documents up to change 2, and`
        )
        assert.include(refused.err, `remove ${join(nats, "documents.json")} to go on with what is left`)

        rmSync(join(nats, "documents.json"))
        const server = yield* KpsServer.start(kps, args)
        yield* server.said(/context "local" leads to it/)
      }), patience)
  })
})
