/** A message as it came for a consumer: where it is acknowledged, its bytes, and its headers when they are asked for. */
import type { Msg } from "@nats-io/transport-node"

export type Headers = ReadonlyArray<readonly [name: string, value: string]>

export interface Incoming {
  readonly reply: string
  readonly data: Uint8Array
  readonly headers: Headers
  /** The same on memory of its own. */
  readonly copied: () => Incoming
}

/** One that the client has read. */
export class OfClient implements Incoming {
  private readonly message: Msg

  constructor(message: Msg) {
    this.message = message
  }

  get reply(): string {
    return this.message.reply ?? ""
  }

  get data(): Uint8Array {
    return this.message.data
  }

  get headers(): Headers {
    return Array.from(this.message.headers ?? []).flatMap(([name, values]) =>
      values.map((value) => [name, value] as const)
    )
  }

  copied(): Incoming {
    return apart(this.reply, this.data, this.headers)
  }
}

/** One that is kept apart from what it was read in. */
const apart = (reply: string, data: Uint8Array, headers: Headers): Incoming => {
  const copy: Incoming = { reply, data: new Uint8Array(data), headers, copied: () => copy }
  return copy
}

const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()

/** One that stands in a chunk. */
export class OfChunk implements Incoming {
  readonly reply: string
  readonly data: Uint8Array
  private readonly bytes: Uint8Array
  private readonly start: number
  private readonly body: number

  constructor(bytes: Uint8Array, reply: number, replyEnd: number, headers: number, body: number, end: number) {
    this.bytes = bytes
    this.start = headers
    this.body = body
    this.reply = textOf(bytes, reply, replyEnd)
    this.data = bytes.subarray(body, end)
  }

  get headers(): Headers {
    // the first line has the version
    const [, ...lines] = textOf(this.bytes, this.start, this.body).split("\r\n")
    return lines.flatMap((line) => {
      const colon = line.indexOf(":")
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const]
    })
  }

  copied(): Incoming {
    return apart(this.reply, this.data, this.headers)
  }
}
