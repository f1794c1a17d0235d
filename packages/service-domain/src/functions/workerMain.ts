/**
 * The runtime of JavaScript functions, within their thread.
 *
 * @since 0.1.0
 */

/** What the thread is given. */
export interface WorkerData {
  readonly params: Readonly<Record<string, string>>
  readonly inputs: ReadonlyArray<{ readonly topic: string; readonly selectors: Readonly<Record<string, string>> }>
  /** How many messages it has begun with, and how many bytes of records were not read yet. */
  readonly shared: SharedArrayBuffer
}

/**
 * Runs in the thread, once the code is loaded: `loaded` is what it exports.
 *
 * **Details**
 *
 * Its source is put into a module beside the code (see `WorkerRunner`), so it can use nothing from outside itself, Effect
 * neither. The kinds of records are those of `Records.kinds`.
 */
export const workerMain = (loaded: { readonly [name: string]: unknown }): void => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const { inputs, params, shared }: WorkerData = workerData
  const counters = new Int32Array(shared)
  const encoder = new TextEncoder()
  const sentKind = 0
  const doneKind = 1
  const failedKind = 2
  const misusedKind = 3
  const readyKind = 4
  const notLoadedKind = 5
  const flushBytes = 65_536
  const flushMillis = 20
  const mostUnread = 1_048_576

  let out = new Uint8Array(flushBytes)
  let size = 0
  let last = performance.now()

  const flush = () => {
    last = performance.now()
    if (size === 0) return
    const records = out.slice(0, size)
    const { byteLength } = records
    size = 0
    if (out.byteLength > 8 * flushBytes) out = new Uint8Array(flushBytes)
    Atomics.add(counters, 1, byteLength)
    parentPort?.postMessage(records, [records.buffer])
    // the function waits here while the service domain has no room for what it sent
    for (let unread = Atomics.load(counters, 1); unread > mostUnread; unread = Atomics.load(counters, 1)) {
      Atomics.wait(counters, 1, unread)
    }
  }
  const reserve = (more: number) => {
    if (size + more <= out.byteLength) return
    const larger = new Uint8Array(Math.max(2 * out.byteLength, size + more))
    larger.set(out.subarray(0, size))
    out = larger
  }
  const flushIfDue = () => {
    if (size > flushBytes || performance.now() - last > flushMillis) flush()
  }
  const bare = (kind: number) => {
    reserve(1)
    out[size++] = kind
  }
  const long = (kind: number, payload: Uint8Array) => {
    const { byteLength } = payload
    reserve(5 + byteLength)
    out[size] = kind
    out[size + 1] = byteLength & 255
    out[size + 2] = (byteLength >>> 8) & 255
    out[size + 3] = (byteLength >>> 16) & 255
    out[size + 4] = byteLength >>> 24
    out.set(payload, size + 5)
    size += 5 + byteLength
  }
  const trouble = (kind: number, message: string, context: string) => {
    long(kind, encoder.encode(JSON.stringify({ message, context })))
    flush()
  }
  const describe = (cause: unknown): readonly [message: string, context: string] =>
    cause instanceof Error ? [`${cause.name}: ${cause.message}`, cause.stack ?? ""] : [String(cause), ""]

  /** What `main` gets beside the message; the names are those of Python, and `config` is the original's of JavaScript. */
  class FunctionContext {
    readonly config = params
    isOver = false
    misuse: string | undefined
    private readonly input: number
    private readonly timestamp: bigint
    private readonly payload: Buffer
    constructor(input: number, timestamp: bigint, payload: Buffer) {
      this.input = input
      this.timestamp = timestamp
      this.payload = payload
    }
    get_config() {
      return params
    }
    get_topic() {
      return inputs[this.input]?.topic ?? ""
    }
    get_timestamp() {
      return this.timestamp
    }
    get_payload() {
      return this.payload
    }
    get_selector(category: string) {
      const selectors = inputs[this.input]?.selectors ?? {}
      return Object.hasOwn(selectors, category) ? selectors[category] : undefined
    }
    send(message: unknown) {
      if (this.isOver) {
        throw new Error("ctx.send was called when main was over: return a promise that ends after the last send")
      }
      // what was sent before: with this one goes the end of its message, where that is near
      flushIfDue()
      if (message instanceof Uint8Array) long(sentKind, message)
      else if (typeof message === "string") long(sentKind, encoder.encode(message))
      else {
        this.misuse = `ctx.send takes a Buffer, a Uint8Array or a string, got ${
          message === null ? "null" : typeof message
        }`
        throw new TypeError(this.misuse)
      }
    }
  }

  const fallback = loaded["default"]
  const main: unknown = loaded["main"] ??
    (typeof fallback === "object" && fallback !== null && "main" in fallback ? fallback.main : fallback)
  if (typeof main !== "function") {
    trouble(notLoadedKind, "the function has no main(ctx, msg): export it", "")
    return
  }

  const isThenable = (value: unknown): value is PromiseLike<unknown> =>
    typeof value === "object" && value !== null && "then" in value
  const run = async (batch: Uint8Array) => {
    const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
    let at = 4
    while (at < bytes.byteLength) {
      const end = at + 14 + bytes.readUInt32LE(at + 10)
      const payload = bytes.subarray(at + 14, end)
      const context = new FunctionContext(bytes.readUInt16LE(at), bytes.readBigInt64LE(at + 2), payload)
      at = end
      Atomics.add(counters, 0, 1)
      try {
        const result: unknown = main(context, payload)
        // messages are worked on one after the other
        // oxlint-disable-next-line no-await-in-loop
        if (isThenable(result)) await result
        context.isOver = true
        if (context.misuse !== undefined) trouble(misusedKind, context.misuse, "")
        bare(doneKind)
      } catch (cause) {
        context.isOver = true
        trouble(failedKind, ...describe(cause))
      }
      flushIfDue()
    }
    flush()
  }
  let turn = Promise.resolve()
  parentPort?.on("message", (batch: Uint8Array) => {
    turn = turn.then(() => run(batch))
  })
  bare(readyKind)
  flush()
}
