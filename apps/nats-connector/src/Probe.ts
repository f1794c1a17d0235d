/**
 * Looks whether a NATS server answers at an address.
 *
 * The client leaves the socket of a dial that timed out open, for as long as the other side keeps it: an address that
 * takes connections and says nothing would cost a socket with each try. So it is asked first, on a socket of our own.
 */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { BrokerUnreachable } from "./BrokerError.ts"

/** Succeeds when the other side greets as NATS servers do; fails when it does not within 1.5 seconds. */
export const probe = (broker: string, host: string, port: number): Effect.Effect<void, BrokerUnreachable> =>
  Effect.callback<void, BrokerUnreachable>((resume) => {
    const socket = Net.connect({ host, port })
    const leave = (): void => {
      // an error that comes late is nobody's business
      socket.removeAllListeners().on("error", () => {}).destroy()
    }
    const refuse = (cause: unknown): void => {
      leave()
      resume(new BrokerUnreachable({ broker, cause }))
    }
    let read = ""
    socket.on("data", (chunk: Buffer) => {
      read += chunk.toString("latin1")
      if (!greeting.startsWith(read.slice(0, greeting.length).toUpperCase())) {
        refuse("what answers is no NATS server")
      } else if (read.length >= greeting.length) {
        leave()
        resume(Effect.void)
      }
    })
    socket.on("error", refuse)
    socket.on("close", () => refuse("the connection was closed before a greeting"))
    return Effect.sync(leave)
  }).pipe(Effect.timeoutOrElse({
    duration: "1.5 seconds",
    orElse: () => Effect.fail(new BrokerUnreachable({ broker, cause: "no answer within 1.5 seconds" }))
  }))

const greeting = "INFO "
