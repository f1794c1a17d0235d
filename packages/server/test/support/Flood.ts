/**
 * A caller that means harm, as a process of its own: `node Flood.ts PORT resets 10000`, or `… idle 1000` and
 * `… busy 1000` for connections without a call and with one. Prints one line of JSON when it has done what it can, and
 * keeps what it holds until its standard input ends.
 */
/* oxlint-disable eslint/no-await-in-loop -- one connection after the other is the point */
import * as http2 from "node:http2"
import { limits } from "../../src/Http2Limits.ts"

const [port = "", kind = "", amount = ""] = process.argv.slice(2)
const wanted = Number(amount)
const address = `http://127.0.0.1:${port}`
const call = {
  ":method": "POST",
  ":path": kind === "busy" ? "/grpc.health.v1.Health/Watch" : "/connector.v1.ConnectorService/GetEvents",
  "content-type": "application/grpc",
  te: "trailers"
}

const connect = (): Promise<{ readonly session: http2.ClientHttp2Session; readonly closed: Promise<void> }> =>
  new Promise((resolve) => {
    const session = http2.connect(address)
    session.on("error", () => {})
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()))
    session.once("connect", () => resolve({ session, closed }))
    void closed.then(() => resolve({ session, closed }))
  })

let sent = 0
let connections = 0

const answered = (session: http2.ClientHttp2Session): Promise<void> =>
  new Promise((resolve) => {
    if (session.closed || session.destroyed || !session.ping(() => resolve())) resolve()
  })

/** One connection after the other, each as long as the server bears it. */
const resets = async () => {
  while (sent < wanted) {
    connections++
    const { closed, session } = await connect()
    while (!session.closed && !session.destroyed && sent < wanted) {
      for (let i = 0; i < 50 && sent < wanted && !session.closed; i++) {
        session.request(call).on("error", () => {}).close(http2.constants.NGHTTP2_CANCEL)
        sent++
      }
      // Not faster than the server reads, so that it has to deal with every one of them.
      await Promise.race([closed, answered(session)])
    }
    session.destroy()
    await closed
  }
}

/** A server that is slow has more of them for a while; one that bears more than it should is waited for no longer. */
const isTooMany = (open: number, late: number): boolean => open > limits.connections && Date.now() < late

const connectAll = async () => {
  const all = await Promise.all(Array.from({ length: wanted }, connect))
  connections = all.length
  if (kind === "busy") {
    for (const { session } of all) {
      if (session.destroyed || session.closed) continue
      // A request for the health of the server as a whole: five bytes that say that nothing follows.
      session.request(call).on("error", () => {}).resume().end(Buffer.alloc(5))
      sent++
    }
  }
  // Until the server has done what it does about it.
  const open = () => all.filter(({ session }) => !session.destroyed && !session.closed).length
  for (let before = -1, late = Date.now() + 15_000; before !== open() || isTooMany(before, late);) {
    before = open()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return open()
}

const held = kind === "resets" ? (await resets(), 0) : await connectAll()
process.stdout.write(`${JSON.stringify({ sent, connections, held })}\n`)
process.stdin.resume().once("end", () => process.exit(0))
