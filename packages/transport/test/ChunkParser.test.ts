/** The fast data path's parser against the client's: what one says of any bytes, cut anywhere, the other says. */
import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { ChunkParser } from "../src/internal/fast/ChunkParser.ts"
import { broken, bytesOf, chunksOf, pick, randomOf, readByClient, readByOurs, traffic } from "./wire.ts"

const read = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")

/** The client tells of a message when one byte after it is here, we when its whole end is: after this both have. */
const end = "PING\r\nPING\r\n"

/** Compares in one go; what differs is shown with what was read. */
const assertSame = (seed: number, chunks: ReadonlyArray<Uint8Array>, got: ReadonlyArray<string>, want: typeof got) => {
  if (got.join("|") === want.join("|")) return
  const shown = JSON.stringify(chunks.map(read)).slice(0, 2000)
  assert.deepStrictEqual(got, want, `seed ${seed}: ${shown}`)
}

describe("ChunkParser", () => {
  it("says of frames what the client says, wherever they are cut", () => {
    let byOurs = 0
    for (let seed = 1; seed <= 400; seed++) {
      const random = randomOf(seed)
      const sizes = pick(random, [[1], [1, 2, 3], [7, 64, 100], [1000, 4096], [100_000]])
      const chunks = chunksOf(bytesOf(traffic(random, 1 + random(30)), end), () => pick(random, sizes))
      const { events, failed, own } = readByOurs(chunks)
      const wanted = readByClient(chunks)

      assert.isFalse(wanted.failed)
      assertSame(seed, chunks, events, wanted.events)
      assert.strictEqual(failed, wanted.failed)
      byOurs += own
    }
    // a good part of all frames are plain messages of ours
    assert.isAbove(byOurs, 800)
  }, 30_000)

  it("says of what is no NATS what the client says, up to where it fails, and fails where it fails", () => {
    let failures = 0
    for (let seed = 1; seed <= 500; seed++) {
      const random = randomOf(seed)
      const sizes = pick(random, [[1], [1, 2, 3], [7, 64, 100], [100_000]])
      const chunks = chunksOf(broken(random, 12), () => pick(random, sizes))
      const got = readByOurs(chunks)
      // the client itself reads a carriage return within a line differently when it is the last byte of a chunk
      const inChunks = readByClient(chunks)
      const wanted = inChunks.failed === got.failed ? inChunks : readByClient([bytesOf(...chunks)])

      assert.strictEqual(got.failed, wanted.failed, `seed ${seed}`)
      // nothing comes after the last one: see `end`
      const short = wanted.failed ? 0 : wanted.events.length - got.events.length
      assert.isTrue(short === 0 || short === 1, `seed ${seed}`)
      assertSame(seed, chunks, got.events, wanted.events.slice(0, wanted.events.length - short))
      if (wanted.failed) failures++
    }
    // the generator is worth something
    assert.isAbove(failures, 150)
    assert.isBelow(failures, 470)
  }, 30_000)

  it("reads messages of 1 MiB over many chunks, with one copy or none", () => {
    const body = new Uint8Array(1_048_576).map((_, index) => index * 31)
    const frame = bytesOf(`MSG a 12 ${body.length}\r\n`, body, "\r\n")
    const bytes = bytesOf("PING\r\n", frame, frame, "PONG\r\n")
    for (const size of [65_536, 65_537, 16_000, bytes.length]) {
      const chunks = chunksOf(bytes, () => size)
      const { events, own } = readByOurs(chunks)

      assert.deepStrictEqual(events, readByClient(chunks).events)
      assert.strictEqual(own, 2)
    }
  })

  it("gives a subscription back to the client when it is stopped", () => {
    const taken: Array<string> = []
    const toClient: Array<string> = []
    const counts = { inMsgs: 0, inBytes: 0 }
    const parser = new ChunkParser({ parse: (bytes) => toClient.push(read(bytes)), state: 0 }, counts)
    const chunk = bytesOf("MSG a 12 2\r\nhi\r\n")
    parser.feed(12, { acceptRange: (bytes, start, end) => taken.push(read(bytes.subarray(start, end))) })
    parser.parse(chunk)
    parser.stop(12)
    parser.parse(chunk)

    assert.deepStrictEqual(taken, ["hi"])
    assert.deepStrictEqual(counts, { inMsgs: 1, inBytes: 2 })
    assert.deepStrictEqual(toClient, ["MSG a 12 2\r\nhi\r\n"])
  })
})

/** Everything that a server sends to a client that speaks these lines, up to `PONG`s for all its `PING`s. */
const recorded = (port: number, lines: ReadonlyArray<string>) =>
  Effect.callback<Uint8Array>((resume) => {
    const chunks: Array<Uint8Array> = []
    const socket: Socket = connect(port, "127.0.0.1", () => socket.write(lines.join("\r\n") + "\r\n"))
    socket.on("data", (chunk) => {
      chunks.push(chunk)
      if (Buffer.concat(chunks).toString("latin1").endsWith("PONG\r\n")) socket.destroy()
    })
    socket.on("close", () => resume(Effect.succeed(bytesOf(...chunks))))
    socket.on("error", (error) => resume(Effect.die(error)))
  })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("ChunkParser, recorded"), () => {
  it.live("says of what a server sent what the client says, cut at every offset", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({
        config: "authorization { default_permissions: { publish: { deny: \"closed\" } }, "
          + "users: [{ user: u, password: p }] }, no_auth_user: u"
      })
      const bytes = yield* recorded(server.port, [
        "CONNECT {\"verbose\":true,\"headers\":true,\"no_responders\":true}",
        "SUB a 12",
        "SUB b.> 3",
        "SUB c 1",
        "PUB a 5\r\nhe\r\no",
        "PUB a 0\r\n",
        "PUB a reply.to 2\r\nhi",
        "PUB c 3\r\nfor",
        "HPUB b.1 reply.to 12 14\r\nNATS/1.0\r\n\r\nhi",
        "HPUB c 24 29\r\nNATS/1.0\r\nKps-Pos: 1\r\n\r\n\nMSG ",
        "PUB closed 1\r\nx",
        "PUB b.2 8\r\nPONG\r\nx.",
        "PING"
      ])
      const wanted = readByClient([bytes])
      const kinds = ["INFO", "+OK", "MSG a 12 5", "HMSG b.1 3 reply.to 12 14", "-ERR", "PONG"]

      for (const kind of kinds) assert.include(read(bytes), kind)
      assert.isFalse(wanted.failed)
      assert.isAbove(readByOurs([bytes]).own, 2)
      for (let cut = 0; cut <= bytes.length; cut++) {
        const chunks = [bytes.slice(0, cut), bytes.slice(cut)]
        assert.deepStrictEqual(readByOurs(chunks).events, wanted.events, `cut at ${cut}`)
      }
      for (const size of [1, 2, 3, 5, 8, 13]) {
        assert.deepStrictEqual(readByOurs(chunksOf(bytes, () => size)).events, wanted.events, `in chunks of ${size}`)
      }
    }))
})
