/** The session of the moment: a new one with each connection. */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Session, SessionOver } from "./Session.ts"

export class Sessions {
  private session: Session | undefined
  private readonly waiting = new Set<(session: Session) => void>()

  /** The session, while its connection lasts. */
  get current(): Session | undefined {
    return this.session?.isOver === false ? this.session : undefined
  }

  /** Waits for one. */
  readonly await: Effect.Effect<Session> = Effect.callback<Session>((resume) => {
    const { current } = this
    if (current !== undefined) return resume(Effect.succeed(current))
    const waiter = (session: Session) => resume(Effect.succeed(session))
    this.waiting.add(waiter)
    return Effect.sync(() => this.waiting.delete(waiter))
  })

  /** One, if the connection is there now. */
  readonly now: Effect.Effect<Session, SessionOver> = Effect.suspend(() => {
    const { current } = this
    return current === undefined ? Effect.fail(new SessionOver()) : Effect.succeed(current)
  })

  /** Makes them, for ever. */
  run(connections: Stream.Stream<Option.Option<NatsConnection>>): Effect.Effect<void> {
    return Stream.runForEach(connections, (connection) => {
      if (Option.isNone(connection)) return Effect.void
      return Effect.matchCauseEffect(Session.make(connection.value), {
        // gone again: the next connection is told of
        onFailure: (cause) =>
          Cause.hasDies(cause) ? Effect.logError("JetStream cannot be used on this connection", cause) : Effect.void,
        onSuccess: (session) => Effect.sync(() => this.begin(session))
      })
    })
  }

  private begin(session: Session): void {
    this.session = session
    if (session.isOver) return
    for (const waiter of Array.from(this.waiting)) waiter(session)
    this.waiting.clear()
  }
}
