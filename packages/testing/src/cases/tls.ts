/**
 * O55: who gets through to a connector with mutual TLS, and that its certificate is renewed while it runs.
 *
 * @since 0.1.0
 */
import { GrpcTransport, type Tls } from "@kps/client"
import * as Certificates from "@kps/transport/testing/Certificates"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import { BedFailed, expect } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import * as TestStream from "../TestStream.ts"

const readMaxBytes = 4 << 20

const [firstName, secondName] = ["first.kps.test", "second.kps.test"] as const

const orBed = Effect.mapError(({ message }: { readonly message: string }) => new BedFailed({ problem: message }))

/** A hand on the connector over a connection of its own. */
const connection = (driver: Driver, tls: Tls.Options | undefined) =>
  Effect.map(orBed(GrpcTransport.make({ endpoint: driver.subject.place, readMaxBytes, tls })), driver.over)

const ask = (driver: Driver, tls: Tls.Options | undefined) =>
  Effect.scoped(Effect.flatMap(connection(driver, tls), ({ wire }) => wire.getEvents()))

/** Waits until a caller gets through. */
const served = (driver: Driver, who: string, tls: Tls.Options, within: Duration.Duration) =>
  driver.eventually(
    `${who}: served`,
    Effect.map(ask(driver, tls), (reply) => reply.code === "OK" && reply.isSaid ? undefined : Reply.text(reply)),
    within
  )

/** Fails unless a caller is refused before it can call, and is told so. */
const refused = (driver: Driver, who: string, tls: Tls.Options | undefined) =>
  Effect.flatMap(
    ask(driver, tls),
    (reply) => expect(!reply.isSaid && reply.code !== "DEADLINE_EXCEEDED", `${who}: no connection`, Reply.text(reply))
  )

const subscribed = (driver: Driver, tls: Tls.Options, stream: TestStream.TestStream, when: string) =>
  Effect.scoped(Effect.gen(function*() {
    const list = yield* (yield* connection(driver, tls)).list
    yield* expect(
      list.some(({ id, subscribed }) => id === stream.id && subscribed),
      `${stream.id} subscribed ${when}`,
      TestStream.text(list)
    )
  }))

const mutual = Effect.fnUntraced(function*(driver: Driver) {
  const { description: { tls: variables }, patience, process } = driver.subject
  if (variables === undefined || process === undefined) return yield* new BedFailed({ problem: "no process with TLS" })
  const [ours, theirs] = yield* orBed(
    Effect.all([Certificates.authority("kps conform"), Certificates.authority("a stranger")], { concurrency: 2 })
  )
  const [files, renewed, client, expired, stranger] = yield* orBed(Effect.all([
    ours.issue({ names: `DNS:${firstName}` }),
    ours.issue({ names: `DNS:${secondName}` }),
    ours.issue(),
    ours.issue({ days: -1 }),
    theirs.issue()
  ], { concurrency: 2 }))
  yield* process.launchWith({ [variables.cert]: files.cert, [variables.key]: files.key, [variables.clientCa]: ours.ca })

  const server = { ca: ours.ca, serverName: firstName }
  const known = { ...server, ...client }
  yield* served(driver, "a client of the authority", known, patience.start)
  const stream = yield* driver.stream()
  yield* Effect.scoped(Effect.flatMap(connection(driver, known), (secured) => secured.start(stream)))

  yield* refused(driver, "a client that speaks plain text", undefined)
  yield* refused(driver, "a client without a certificate", server)
  yield* refused(driver, "a client of another authority", { ...server, ...stranger })
  yield* refused(driver, "a client whose certificate has expired", { ...server, ...expired })
  yield* refused(driver, "a client that wants another name", { ...known, serverName: secondName })
  yield* subscribed(driver, known, stream, "after clients were refused")

  yield* Certificates.replace(files, renewed)
  const next = { ...known, serverName: secondName }
  yield* served(driver, "a client that wants the name of the renewed certificate", next, patience.renewal)
  yield* refused(driver, "a client that wants the name of the old certificate", known)
  yield* expect(yield* process.isRunning, "the process to run on", "it has ended")
  yield* subscribed(driver, next, stream, "after the certificate was renewed")
  return "plain text, no certificate, another authority, an expired one and another name refused; renewed without a restart"
})

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "O55",
    title: "mutual TLS",
    expected:
      "no connection in plain text, without a certificate, with one of another authority, an expired one, or for another name; a renewed certificate is shown without a restart",
    level: "full",
    door: "process",
    timeout: "60 seconds",
    requires: ["process", "tls", "plainText", "certificates"],
    run: mutual
  }
]
