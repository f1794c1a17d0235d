/** The transport as a connector sees it that is careless with what the platform's broker refuses, and with its replicas. */
import { Transport, TransportError } from "@kps/transport"
import { Effect, Layer, Stream } from "effect"

type Shape = Transport.Transport["Service"]

const reasonOf = (status: Transport.ConnectionStatus) =>
  status._tag === "Disconnected" ? status.cause.reason._tag : status._tag

/** A refusal reads like any other break. */
const away = (status: Transport.ConnectionStatus): Transport.ConnectionStatus =>
  status._tag === "Disconnected"
    ? {
      ...status,
      cause: new TransportError.TransportError({
        reason: new TransportError.ConnectionFailed({ servers: ["a:1"], cause: undefined })
      })
    }
    : status

const isDenied = ({ reason }: TransportError.TransportError) => reason._tag === "PermissionDenied"

const mutations: Readonly<Record<string, (transport: Shape) => Partial<Shape>>> = {
  "exits when it is refused": ({ statusChanges }) => ({
    statusChanges: Stream.tap(statusChanges, (status) =>
      Effect.sync(() => {
        if (reasonOf(status) === "AuthorizationFailed") process.exit(1)
      }))
  }),
  "says that its broker is away": ({ statusChanges }) => ({ statusChanges: Stream.map(statusChanges, away) }),
  "never forgets a refusal": ({ statusChanges }) => {
    let refused = false
    return {
      statusChanges: Stream.filter(statusChanges, (status) => {
        refused ||= reasonOf(status) === "AuthorizationFailed"
        return !refused || status._tag !== "Connected"
      })
    }
  },
  "reads with every replica": ({ subscription }) => ({
    subscription: (channel, { queue: _, ...options } = {}) => subscription(channel, options)
  }),
  "waits where it may not read": ({ subscription }) => ({
    subscription: (...args) => Effect.catchIf(subscription(...args), isDenied, () => Effect.succeed(Stream.never))
  }),
  "drops what it may not write": ({ publishAll, publishConfirmed }) => ({
    publishAll: (...args) => Effect.catchIf(publishAll(...args), isDenied, () => Effect.void),
    publishConfirmed: (...args) => Effect.catchIf(publishConfirmed(...args), isDenied, () => Effect.void)
  })
}

/** The transport that is given, or one that does what the mutant is named after. */
export const layer = (mutant: string): Layer.Layer<Transport.Transport, never, Transport.Transport> =>
  Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (transport) => ({ ...transport, ...mutations[mutant]?.(transport) }))
  )
