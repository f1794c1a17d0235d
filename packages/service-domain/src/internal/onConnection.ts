/** Work on the connection of the moment, which is another object after each break. */
import type { NatsConnection } from "@kps/transport"
import type { NatsConnection as Client } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

export type { Client }

/** What is made on a connection, once for each; what failed is made again by the next who asks. */
export const perConnection = <A>(make: (client: Client) => Promise<A>): (client: Client) => Promise<A> => {
  const made = new WeakMap<Client, Promise<A>>()
  return (client) => {
    const known = made.get(client)
    if (known !== undefined) return known
    const making = make(client)
    made.set(client, making)
    making.catch(() => made.delete(client))
    return making
  }
}

/** How long what failed is let alone before it is tried again. */
export const again = Schedule.spaced("200 millis")

/** How long one answer is waited for, at most. */
const oneAnswer = Duration.seconds(2)

/**
 * Until there is an answer, or the time is over: a broker that is restarted meanwhile is waited for. What is run has to be
 * the same when it is run twice.
 */
export const answered = <E>(
  connection: NatsConnection.NatsConnection["Service"],
  timeout: Duration.Input,
  fail: (operation: string, cause: unknown) => E
) =>
<A>(operation: string, run: (client: Client) => Promise<A>): Effect.Effect<A, E> =>
  Effect.flatMap(
    Effect.mapError(connection.current, (cause) => fail(operation, cause)),
    (client) => Effect.tryPromise({ try: () => run(client), catch: (cause) => fail(operation, cause) })
  ).pipe(
    Effect.timeoutOrElse({
      duration: Duration.min(oneAnswer, Duration.fromInputUnsafe(timeout)),
      orElse: () => Effect.fail(fail(operation, new Error("the broker gives no answer")))
    }),
    // with what was wrong the last time
    Effect.retry({ schedule: Schedule.upTo(again, { duration: timeout }) })
  )
