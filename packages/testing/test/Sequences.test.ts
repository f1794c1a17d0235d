import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Command from "../src/model/Command.ts"
import * as Model from "../src/model/Model.ts"
import * as Shrink from "../src/model/Shrink.ts"

const choices: Command.Choices = {
  directions: ["INGRESS", "EGRESS"],
  unreachable: ["INGRESS"],
  variants: 2,
  configs: 2,
  unset: true,
  faults: true
}

const tags = (commands: ReadonlyArray<Command.Command>) => commands.map(Command.text)

describe("random sequences", () => {
  it.effect("are the same for the same seed, and others for another", () =>
    Effect.gen(function*() {
      const [first, again, other] = yield* Effect.all([1, 1, 2].map((seed) => Command.sequence(choices, seed, 30)))

      assert.deepStrictEqual(tags(first!), tags(again!))
      assert.notDeepEqual(tags(first!), tags(other!))
    }))

  it.effect("have every kind of command, and end with a look at everything", () =>
    Effect.gen(function*() {
      const commands = yield* Command.sequence(choices, 3, 400)

      assert.sameMembers([...new Set(commands.map(({ _tag }) => _tag))], [
        "SetStreams",
        "SetConfig",
        "SetNothing",
        "SetWrong",
        "GetStreams",
        "GetConfig",
        "GetEvents",
        "Send",
        "Break",
        "Mend"
      ])
      assert.deepStrictEqual(commands.slice(-3).map(({ _tag }) => _tag), ["GetStreams", "GetConfig", "GetEvents"])
      for (const command of commands) {
        if (command._tag !== "SetStreams") continue
        const slots = command.streams.map(({ slot }) => slot)
        assert.strictEqual(new Set(slots).size, slots.length)
      }
    }))

  it.effect("ask for nothing that a connector does not have", () =>
    Effect.gen(function*() {
      const commands = yield* Command.sequence(
        { directions: ["EGRESS"], unreachable: [], variants: 1, configs: 0, unset: false, faults: false },
        4,
        400
      )

      for (const command of commands) {
        assert.notInclude(["SetConfig", "Break", "Mend"], command._tag)
        if (command._tag === "SetStreams" || command._tag === "SetWrong") {
          assert.isTrue(command.streams.every(({ direction, reachable }) => direction === "EGRESS" && reachable))
        }
      }
    }))

  it.effect("are made as short and as plain as they can be", () =>
    Effect.gen(function*() {
      const commands = yield* Command.sequence(choices, 5, 40)
      // what fails here is a stream of slot 2 that is asked for before a config is
      const fails = (commands: ReadonlyArray<Command.Command>) =>
        Effect.sync(() => {
          const asked = commands.findIndex((command) =>
            command._tag === "SetStreams" && command.streams.some(({ slot }) => slot === 2)
          )
          return asked >= 0 && commands.slice(asked).some(({ _tag }) => _tag === "SetConfig") ? "it fails" : undefined
        })
      assert.isDefined(yield* fails(commands))

      const { commands: shortest } = yield* Shrink.shrink(commands, "it fails", fails, 1_000)

      assert.strictEqual(shortest.length, 2)
      const [first, second] = shortest
      assert(first?._tag === "SetStreams")
      assert.deepStrictEqual(
        first.streams.map(({ channel, reachable, slot, variant }) => ({ channel, reachable, slot, variant })),
        [{ channel: 0, reachable: true, slot: 2, variant: 0 }]
      )
      assert.isUndefined(first.config)
      assert.strictEqual(second?._tag, "SetConfig")
    }))

  it.effect("are given up on after so many tries", () =>
    Effect.gen(function*() {
      const commands = yield* Command.sequence(choices, 6, 40)
      let tried = 0
      const fails = () => {
        tried++
        return Effect.undefined
      }
      yield* Shrink.shrink(commands, "it fails", fails, 25)

      assert.strictEqual(tried, 25)
    }))
})

describe("the model", () => {
  const configs: Model.Configs = { defaults: { level: "INFO" }, valid: [{ level: "DEBUG", extra: 1 }] }
  const empty: Model.State = { streams: [], config: { level: "INFO" }, broken: false }
  const slot = { slot: 0, direction: "INGRESS", variant: 0, channel: 0, reachable: true } as const

  it("merges configs, and gives back what is unset", () => {
    const set = Model.step(empty, { _tag: "SetConfig", config: 0 }, configs)
    const unset = Model.step(set.state, { _tag: "SetConfig", config: -1 }, configs)

    assert.deepStrictEqual([set.answer, set.state.config], ["OK", { level: "DEBUG", extra: 1 }])
    assert.deepStrictEqual(unset.state.config, { level: "INFO" })
    assert.deepStrictEqual(Model.request(configs, -1), { level: null, extra: null })
  })

  it("has a full set of streams, which config leaves alone and nothing empties", () => {
    const set = Model.step(empty, { _tag: "SetStreams", streams: [slot] }, configs)
    const wrong = Model.step(set.state, { _tag: "SetWrong", streams: [], flaw: "an empty id" }, configs)
    const configured = Model.step(wrong.state, { _tag: "SetConfig", config: 0 }, configs)
    const nothing = Model.step(configured.state, { _tag: "SetNothing" }, configs)

    assert.deepStrictEqual([set.answer, wrong.answer, nothing.answer], ["OK", "INVALID_ARGUMENT", "OK"])
    assert.deepStrictEqual(configured.state.streams, [slot])
    assert.deepStrictEqual(nothing.state.streams, [])
  })

  it("runs what can be reached while the outside is there", () => {
    const away = { ...slot, slot: 1, reachable: false }
    const set = Model.step(empty, { _tag: "SetStreams", streams: [slot, away] }, configs)
    const broken = Model.step(set.state, { _tag: "Break" }, configs)

    assert.strictEqual(set.answer, "the failure of a stream")
    assert.deepStrictEqual([slot, away].map((one) => Model.runs(set.state, one)), [true, false])
    assert.isFalse(Model.runs(broken.state, slot))
    assert.isTrue(Model.runs(Model.step(broken.state, { _tag: "Mend" }, configs).state, slot))
  })
})
