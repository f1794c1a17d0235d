/** The session of the moment: a new one with each connection. */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Session, SessionOver } from "./Session.ts"

const openAgain = "1 second"

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
    const open = (client: NatsConnection): Effect.Effect<void> =>
      Effect.matchCauseEffect(Session.make(client), {
        // gone again: the next connection is told of
        onFailure: (cause) =>
          Cause.hasDies(cause)
            // whoever waits for a session must not wait for ever
            ? Effect.logError("JetStream cannot be used on this connection: tries again", cause).pipe(
              Effect.andThen(Effect.sleep(openAgain)),
              Effect.andThen(Effect.suspend(() => open(client)))
            )
            : Effect.void,
        onSuccess: (session) => Effect.sync(() => this.begin(session))
      })
    return Stream.runForEach(connections, Option.match({ onNone: () => Effect.void, onSome: open }))
  }

  private begin(session: Session): void {
    this.session = session
    if (session.isOver) return
    for (const waiter of Array.from(this.waiting)) waiter(session)
    this.waiting.clear()
  }
}
