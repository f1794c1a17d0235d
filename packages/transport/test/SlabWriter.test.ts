import { assert, describe, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import { Effect } from "effect"
import { maxWaitingBytes, slabBytes, SlabWriter } from "../src/internal/fast/SlabWriter.ts"
import { bytesOf, pick, type Random, randomOf } from "./wire.ts"

type Answer = (error?: Error | null) => void

/** A socket that keeps what it is given, as it is, until it is told to answer: as a kernel that is slow. */
const slowSocket = () => {
  const held: Array<{ readonly bytes: Uint8Array; readonly answer: Answer | undefined }> = []
  const sent: Array<Uint8Array> = []
  const memory = new Set<ArrayBufferLike>()
  const socket = {
    writable: true,
    write: (bytes: Uint8Array | string, answer?: unknown) => {
      held.push({ bytes: bytes as Uint8Array, answer: answer as Answer | undefined })
      memory.add((bytes as Uint8Array).buffer)
      return false
    }
  }
  const answer = (count: number, error?: Error) => {
    for (const { answer, bytes } of held.splice(0, count)) {
      sent.push(new Uint8Array(bytes))
      answer?.(error)
    }
  }
  return { socket, held, memory, answer, sent: () => bytesOf(...sent) }
}

const writerOn = (socket: ReturnType<typeof slowSocket>["socket"], onRoom = () => {}) => new SlabWriter(socket, onRoom)

const publish = (writer: SlabWriter, channel: string, nanos: bigint, payloads: ReadonlyArray<Uint8Array>) => {
  const bytes = TransportCodec.encode(nanos, payloads)
  writer.publish(channel, TransportCodec.halves(nanos), payloads, bytes.length)
  return bytesOf(`PUB ${Buffer.from(channel).toString("latin1")} ${bytes.length}\r\n`, bytes, "\r\n")
}

const payloadOf = (random: Random) =>
  new Uint8Array(pick(random, [0, 1, 9, 10, 24, 25, 100, 1000, 5000, 40_000, slabBytes, slabBytes * 2])).fill(
    random(256)
  )

describe("SlabWriter", () => {
  it("sends the frames that it was given, in order, however the socket answers and whatever else is sent", () => {
    let writes = 0
    let slabs = 0
    for (let seed = 1; seed <= 12; seed++) {
      const random = randomOf(seed)
      const slow = slowSocket()
      const writer = writerOn(slow.socket)
      const wanted: Array<Uint8Array> = []
      for (let step = 0; step < 300; step++) {
        const what = random(10)
        const channel = pick(random, ["a", "plant.line-1", "é.ü", "x".repeat(255)])
        if (what < 3) {
          const payloads = Array.from({ length: random(3) }, () => payloadOf(random))
          wanted.push(publish(writer, channel, BigInt(random(3)) * 1_795_392_000_123_456_789n, payloads))
        } else if (what < 5) {
          const body = payloadOf(random)
          const headers = `NATS/1.0\r\nKps-Position: ${pick(random, ["3", "ö", "x".repeat(5000)])}\r\n\r\n`
          const headerBytes = Buffer.byteLength(headers)
          const size = headerBytes + body.length
          const head = `HPUB ${channel} _INBOX.a.1 ${headerBytes} ${size}\r\n${headers}`
          wanted.push(bytesOf(Buffer.from(head), body, "\r\n"))
          assert.strictEqual(writer.publishHeaded(channel, "_INBOX.a.1", headers, body), size)
        } else if (what < 7) {
          wanted.push(bytesOf(Buffer.from(`PUB ${channel} 4\r\n+ACK\r\n`)))
          writer.publishText(channel, "+ACK")
        } else if (what === 7) {
          const other = bytesOf(pick(random, ["PING\r\n", "SUB a 1\r\n", "x".repeat(slabBytes)]))
          wanted.push(other)
          if (!writer.append(other)) {
            writer.flush()
            slow.socket.write(other)
          }
        } else if (what === 8) writer.flush()
        else slow.answer(random(slow.held.length + 1))
      }
      writer.flush()
      slow.answer(Infinity)
      writes++
      slabs += slow.memory.size

      assert.isTrue(Buffer.compare(slow.sent(), bytesOf(...wanted)) === 0, `seed ${seed}`)
    }
    assert.isAbove(slabs, writes)
  }, 30_000)

  it("hands over what was published in one turn in one write, at its end", async () => {
    const slow = slowSocket()
    const writer = writerOn(slow.socket)
    const first = publish(writer, "a", 1n, [])
    const second = await Promise.resolve().then(() => publish(writer, "a", 1n, []))
    const before = slow.held.length
    await new Promise(setImmediate)

    assert.strictEqual(before, 0)
    assert.strictEqual(slow.held.length, 1)
    assert.deepStrictEqual(Buffer.from(slow.held[0]!.bytes), Buffer.from(bytesOf(first, second)))
  })

  it("hands over a full slab at once, and uses it again when it was written", () => {
    const slow = slowSocket()
    const writer = writerOn(slow.socket)
    const payload = new Uint8Array(slabBytes / 2)
    for (let i = 0; i < 100; i++) {
      publish(writer, "a", 0n, [payload])
      slow.answer(Infinity)
    }
    assert.isAtMost(slow.memory.size, 2)

    // with nothing written they are all needed
    for (let i = 0; i < 100; i++) publish(writer, "a", 0n, [payload])
    assert.isAbove(slow.memory.size, 90)
    slow.answer(Infinity)
    const many = slow.memory.size
    // and few of them are kept
    for (let i = 0; i < 100; i++) publish(writer, "a", 0n, [payload])
    assert.isAbove(slow.memory.size - many, 80)
  })

  it("says that there is no room while a socket has much to write, and tells once when there is again", () => {
    const slow = slowSocket()
    let told = 0
    const writer = writerOn(slow.socket, () => told++)
    const payload = new Uint8Array(slabBytes - 100)
    let count = 0
    while (!writer.isFull && count < 1000) {
      publish(writer, "a", 0n, [payload])
      writer.flush()
      count++
    }
    assert.strictEqual(count, Math.ceil(maxWaitingBytes / (slabBytes - 100)))
    const half = Math.floor(maxWaitingBytes / 2 / slow.held[0]!.bytes.length)
    slow.answer(count - half - 1)
    assert.isTrue(writer.isFull)
    assert.strictEqual(told, 0)
    slow.answer(1)
    assert.isFalse(writer.isFull)
    slow.answer(Infinity)
    assert.strictEqual(told, 1)

    // a connection that broke has room too: whoever waits is told by the link
    for (let i = 0; i < count; i++) {
      publish(writer, "a", 0n, [payload])
      writer.flush()
    }
    slow.answer(Infinity, new Error("broken"))
    assert.isFalse(writer.isFull)
  })

  it("uses one slab for ever where little is published", () => {
    const slow = slowSocket()
    const writer = writerOn(slow.socket)
    for (let i = 0; i < 10_000; i++) {
      publish(writer, "a", 0n, [new Uint8Array(100)])
      writer.flush()
      slow.answer(Infinity)
    }
    assert.strictEqual(slow.memory.size, 1)
  })

  it("uses nothing again of a connection that broke, and writes nothing to one that is closed", () => {
    const slow = slowSocket()
    const writer = writerOn(slow.socket)
    publish(writer, "a", 0n, [new Uint8Array(10)])
    writer.flush()
    const seen = Buffer.from(slow.held[0]!.bytes)
    const before = Buffer.from(seen)
    slow.answer(Infinity, new Error("broken"))
    publish(writer, "b", 0n, [new Uint8Array(20)])
    assert.isTrue(seen.equals(before))

    slow.socket.writable = false
    writer.flush()
    assert.strictEqual(slow.held.length, 0)
    slow.socket.writable = true
    writer.close()
    publish(writer, "b", 0n, [new Uint8Array(20)])
    writer.flush()
    assert.strictEqual(slow.held.length, 0)
  })

  it.effect("forgets names of channels, so that they fill no memory", () =>
    Effect.sync(() => {
      const slow = slowSocket()
      const writer = writerOn(slow.socket)
      const wanted = Array.from({ length: 2500 }, (_, i) => publish(writer, `channel.${i % 1200}`, 0n, []))
      writer.flush()
      slow.answer(Infinity)

      assert.strictEqual(Buffer.compare(slow.sent(), bytesOf(...wanted)), 0)
    }))
})
