/**
 * O56: what a connector tells when the platform's broker refuses it, or a channel.
 *
 * @since 0.1.0
 */
import { toJsonString } from "@bufbuild/protobuf"
import { GetEventsResponseSchema } from "@kps/idl"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect, show } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import * as TestStream from "../TestStream.ts"

/** What an alert has to speak of, so that it can be told from a broker that is away. */
const credentials = /authori[sz]|authenticat|credential|password/iu
const permission = /permission|denied|authori[sz]|forbidden|not allowed/iu

const user = "kps-conform"

/** A broker with one user, who may use all channels but some. */
const config = (password: string, denied: ReadonlyArray<TestStream.TestStream>) => {
  const deny = `{ deny: ${JSON.stringify(denied.map(({ channel }) => channel))} }`
  const permissions = `{ publish: ${deny}, subscribe: ${deny} }`
  return `authorization { users: [{ user: "${user}", password: "${password}", permissions: ${permissions} }] }`
}

const orBed = Effect.mapError(({ message }: { readonly message: string }) => new BedFailed({ problem: message }))

const text = ({ message, metadata, name }: EventView.EventView) => `${name} ${message} ${JSON.stringify(metadata)}`

/** Waits for an alert that speaks of something, or until there is none any more. */
const alert = (
  driver: Driver,
  expected: string,
  options: {
    readonly about: RegExp
    readonly stands?: boolean
    readonly streamId?: string
    readonly within?: Duration.Duration
    /** Done before each look. Default: nothing. */
    readonly meanwhile?: Effect.Effect<void, BedFailed>
  }
) => {
  const { about, meanwhile = Effect.void, stands = true, streamId, within } = options
  return driver.eventually(
    expected,
    Effect.map(Effect.andThen(meanwhile, driver.wire.getEvents()), (reply) => {
      // it may be starting yet
      if (reply.value === undefined || reply.code !== "OK") return Reply.text(reply)
      const standing = EventView.ofReply(reply.value).filter((event) =>
        EventView.isStanding(event) && (streamId === undefined || event.streamId === streamId)
      )
      return standing.some((event) => about.test(text(event))) === stands
        ? undefined
        : standing.length === 0
        ? "no alert"
        : show(standing.map(text))
    }),
    within
  )
}

/** What the variables of this process say of a broker is not of this one. */
const unset = () =>
  Object.fromEntries(
    Object.keys(process.env).filter((name) => name.startsWith("NATS_")).map((name) => [name, undefined])
  )

/** The password that was shown is nowhere. */
const hidden = Effect.fnUntraced(function*(driver: Driver) {
  const { process } = driver.subject
  const reply = yield* driver.ok("GetEvents", yield* driver.wire.getEvents())
  const output = process === undefined ? "" : yield* process.output
  for (const [where, text] of [["GetEvents", toJsonString(GetEventsResponseSchema, reply)], ["the logs", output]]) {
    yield* expect(!text?.includes(driver.run.secret), `no password in ${where}`, "the one that was refused")
  }
})

const runs = (list: ReadonlyArray<TestStream.Listed>, { id }: TestStream.TestStream): boolean =>
  list.some((listed) => listed.id === id && listed.subscribed)

const refused = Effect.fnUntraced(function*(driver: Driver) {
  const { patience, process } = driver.subject
  if (process === undefined) return yield* new BedFailed({ problem: "no process" })
  const pairs = yield* Effect.forEach(
    driver.directions,
    (direction) => Effect.all({ open: driver.stream({ direction }), denied: driver.stream({ direction }) })
  )
  const denied = pairs.map(({ denied }) => denied)
  const broker = yield* orBed(NatsServer.make({ config: config("another", denied) }))
  yield* process.launchWith({
    ...unset(),
    NATS_BROKER: `nats://${user}:${driver.run.secret}@127.0.0.1:${broker.port}`
  })
  yield* alert(driver, "an alert that the broker refuses the credentials", {
    about: credentials,
    within: patience.start
  })
  yield* hidden(driver)

  yield* broker.configure(config(driver.run.secret, denied))
  yield* orBed(broker.kill("SIGHUP"))
  yield* alert(driver, "no alert of credentials once they are accepted", {
    about: credentials,
    stands: false,
    within: patience.renewal
  })

  const reply = yield* driver.setStreams(...pairs.flatMap(({ denied, open }) => [open, denied]))
  const list = yield* driver.list
  for (const { denied, open } of pairs) {
    // what is outside may take more than one try
    yield* driver.eventually(
      `${open.id} subscribed, whose channel is allowed`,
      Effect.map(driver.list, (list) => runs(list, open) ? undefined : TestStream.text(list))
    )
    const told = `an alert of ${denied.id} that its channel is denied`
    const about = { about: permission, streamId: denied.id }
    if (denied.direction === "EGRESS") {
      yield* driver.refused("SetPayload with a channel that may not be subscribed", reply, "PERMISSION_DENIED")
      yield* expect(!runs(list, denied), `${denied.id} not subscribed, whose channel is denied`, TestStream.text(list))
      yield* alert(driver, told, about)
    } else if (driver.hasData("INGRESS")) {
      yield* alert(driver, told, { ...about, meanwhile: Flow.send(driver, denied, Flow.numbered(denied, 0, 1)) })
    }
  }
  const seen = denied.filter(({ direction }) => direction === "EGRESS" || driver.hasData(direction))
  return `an alert of the credentials until they were accepted; an alert of each denied channel (${
    seen.map(({ direction }) => direction.toLowerCase()).join(", ")
  }), and the others run`
})

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "O56",
    title: "the platform's broker refuses the credentials, then a channel",
    expected:
      "it runs, and an alert says what is refused; it goes away once that is accepted; the streams of other channels run",
    level: "full",
    door: "process",
    timeout: "75 seconds",
    requires: ["process", "natsServer"],
    run: refused
  }
]
