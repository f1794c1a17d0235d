/**
 * Looks whether a NATS server answers at an address.
 *
 * The client leaves the socket of a dial that timed out open, for as long as the other side keeps it: an address that
 * takes connections and says nothing would cost a socket with each try. So it is asked first, on a socket of our own.
 */
import * as Effect from "effect/Effect"
import * as Net from "node:net"

/** Succeeds when the other side greets as NATS servers do. */
export const probe = (host: string, port: number): Effect.Effect<void, Error> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ host, port })
    const end = (effect: Effect.Effect<void, Error>): void => {
      socket.removeAllListeners().on("error", () => {}).destroy()
      resume(effect)
    }
    let read = ""
    socket.on("data", (chunk: Buffer) => {
      read += chunk.toString("latin1")
      if (greeting.startsWith(read.slice(0, greeting.length).toUpperCase())) {
        if (read.length >= greeting.length) end(Effect.void)
      } else end(Effect.fail(new Error("what answers is no NATS server")))
    })
    socket.on("error", (cause) => end(Effect.fail(cause)))
    socket.on("close", () => end(Effect.fail(new Error("connection closed before a greeting"))))
    return Effect.sync(() => end(Effect.void))
  })

const greeting = "INFO "
