import { assert, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Option, Stream } from "effect"
import type { DocumentError } from "../../src/documents/DocumentError.ts"
import * as sample from "../support/documents.ts"
import { Place } from "../support/Place.ts"

const one = Effect.flatMap(Place, ({ fresh }) => Effect.flatMap(fresh, ({ process }) => process))

const two = Effect.flatMap(Place, ({ fresh }) => Effect.flatMap(fresh, ({ process }) => Effect.all([process, process])))

const reasonOf = <A, R>(effect: Effect.Effect<A, DocumentError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const category = (name: string) => ({ name, purpose: "", values: ["a"] })

/** The behaviour that every store of documents owes. */
export const suite = <E>(name: string, layer: Layer.Layer<Place, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`Documents (${name})`, (it) => {
    it.effect("keeps documents of every kind, with an id, times and a version", () =>
      Effect.gen(function*() {
        const documents = yield* one
        const created = yield* sample.createAll(documents)
        const { id: _, ...rest } = sample.category
        const made = yield* sample.create(documents, "category", { ...rest, name: "Other", note: { kept: [1, null] } })

        for (const [index, [kind, document]] of sample.all.entries()) {
          const { revision, value } = yield* documents.get(kind, created[index]?.id ?? "")
          assert.deepInclude(value, document)
          assert.isAbove(revision, 0)
          assert.strictEqual(value.createdAt, value.updatedAt)
          assert.isAbove(value.version ?? 0, 1e18)
        }
        assert.match(made.id, /^[0-9a-f-]{36}$/)
        assert.deepInclude<object>(made.value, { note: { kept: [1, null] } })
        assert.deepStrictEqual((yield* documents.list("connectorStream")).map(({ id }) => id), ["s-in", "s-out"])
      }))

    it.effect("refuses a value that is none of its kind, though it has the type, and keeps nothing of it", () =>
      Effect.gen(function*() {
        const documents = yield* one
        const reason = yield* reasonOf(documents.create("category", category("")))
        const { id } = yield* documents.create("category", category("Sound"))
        const update = yield* reasonOf(documents.update("category", id, category("")))

        assert(reason._tag === "Invalid" && update._tag === "Invalid")
        assert.deepStrictEqual(reason.violations.map(({ path }) => path), ["name"])
        assert.deepStrictEqual((yield* documents.list("category")).map(({ value }) => value.name), ["Sound"])
      }))

    it.effect("answers after its own writes, and another process shortly after", () =>
      Effect.gen(function*() {
        const [mine, theirs] = yield* two
        const { id } = yield* mine.create("category", category("Place"))
        const updated = yield* mine.update("category", id, { ...category("Place"), values: ["b"] })
        const read = yield* mine.get("category", id)
        const seen = yield* theirs.changes.pipe(
          Stream.filter((snapshot) => snapshot.revision >= updated.revision),
          Stream.runHead
        )

        assert.deepStrictEqual(read, updated)
        assert.deepStrictEqual(Option.flatMap(seen, (snapshot) => snapshot.get("category", id)), Option.some(updated))
        yield* mine.delete("category", id)
        assert.strictEqual((yield* reasonOf(mine.get("category", id)))._tag, "NotFound")
      }))

    it.effect("lets one of many creations of a name through, from two processes at once", () =>
      Effect.gen(function*() {
        const [mine, theirs] = yield* two
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, n) => n % 2 === 0 ? mine : theirs),
          (documents) => Effect.result(documents.create("category", category("Only"))),
          { concurrency: "unbounded" }
        )

        const failures = outcomes.flatMap((outcome) => outcome._tag === "Failure" ? [outcome.failure.reason._tag] : [])
        assert.deepStrictEqual(failures, Array.from({ length: 9 }, () => "AlreadyExists"))
        assert.lengthOf(yield* mine.list("category"), 1)
      }))

    it.effect(
      "loses no update of two writers at once: each reads, changes and writes back",
      () =>
        Effect.gen(function*() {
          const [mine, theirs] = yield* two
          const { id } = yield* mine.create("category", category("Count"))
          const add = (documents: typeof mine, value: string) =>
            Effect.gen(function*() {
              const { value: read } = yield* documents.get("category", id)
              yield* documents.update("category", id, { ...read, values: [...read.values, value] })
            }).pipe(Effect.retry({ while: ({ reason }) => reason._tag === "Changed" || reason._tag === "NotFound" }))
          yield* Effect.forEach(
            Array.from({ length: 20 }, (_, n) => n),
            (n) => add(n % 2 === 0 ? mine : theirs, `v${n}`),
            { concurrency: "unbounded" }
          )
          // a write is checked beside all that were written before: what the others wrote is seen behind it
          yield* add(mine, "last")
          const { value } = yield* mine.get("category", id)

          assert.sameMembers([...value.values], ["a", "last", ...Array.from({ length: 20 }, (_, n) => `v${n}`)])
        }),
      60_000
    )

    it.effect("refuses an update of what was changed meanwhile, by revision and by version", () =>
      Effect.gen(function*() {
        const documents = yield* one
        const first = yield* documents.create("category", category("Place"))
        const second = yield* documents.update("category", first.id, { ...category("Place"), values: ["b"] })
        const byRevision = yield* reasonOf(
          documents.update("category", first.id, category("Place"), { revision: first.revision })
        )
        const byVersion = yield* reasonOf(documents.update("category", first.id, { ...first.value, values: ["c"] }))
        const byDeletion = yield* reasonOf(documents.delete("category", first.id, { revision: first.revision }))

        assert.deepStrictEqual([byRevision._tag, byVersion._tag, byDeletion._tag], ["Changed", "Changed", "Changed"])
        assert.deepStrictEqual(yield* documents.get("category", first.id), second)
      }))

    it.effect("writes nothing for an update that changes nothing", () =>
      Effect.gen(function*() {
        const documents = yield* one
        const first = yield* documents.create("category", category("Place"))
        const same = yield* documents.update("category", first.id, category("Place"))

        assert.deepStrictEqual(same, first)
      }))

    it.effect("deletes nothing that others refer to, and says which", () =>
      Effect.gen(function*() {
        const documents = yield* one
        yield* sample.createAll(documents)
        const tags = yield* Effect.forEach(
          [
            ["connectorClass", "c-1"],
            ["connectorInstance", "i-1"],
            ["connectorStream", "s-out"],
            ["project", "p-1"],
            ["category", "cat-1"],
            ["serviceDomain", "sd-1"],
            ["function", "f-1"]
          ] as const,
          ([kind, id]) => Effect.map(Effect.flip(documents.delete(kind, id)), ({ reason }) => reason._tag)
        )
        const inUse = yield* Effect.flip(documents.delete("connectorClass", "c-1"))

        assert.deepStrictEqual([...new Set(tags)], ["InUse"])
        assert.include(inUse.message, "is in use by connector instance \"nats\": delete those first")
        for (const [kind, document] of sample.all.toReversed()) {
          yield* documents.delete(kind, "id" in document ? String(document.id) : "")
        }
        assert.lengthOf(yield* documents.list("category"), 0)
      }))

    it.effect(
      "never leaves a document that refers to one that is gone, whoever is faster",
      () =>
        Effect.gen(function*() {
          const [mine, theirs] = yield* two
          for (let n = 0; n < 5; n++) {
            const { id } = yield* mine.create("category", category(`Race ${n}`))
            yield* Effect.all([
              Effect.exit(mine.delete("category", id)),
              Effect.exit(
                theirs.create("serviceDomain", { name: `race-${n}`, labels: [{ id, value: "a" }] })
              )
            ], { concurrency: "unbounded" })
          }
          const snapshot = yield* mine.update("category", (yield* mine.create("category", category("Last"))).id, {
            ...category("Last"),
            values: ["z"]
          }).pipe(Effect.andThen(mine.snapshot))

          for (const { value } of snapshot.list("serviceDomain")) {
            for (const { id } of value.labels ?? []) assert.isTrue(Option.isSome(snapshot.get("category", id)))
          }
          assert.strictEqual(
            snapshot.list("category").length - 1,
            snapshot.list("serviceDomain").length
          )
        }),
      30_000
    )

    it.effect("tells a follower how things are, then of changes, and skips what it was too slow for", () =>
      Effect.gen(function*() {
        const documents = yield* one
        const { revision } = yield* documents.create("category", category("First"))
        const following = yield* documents.changes.pipe(
          Stream.takeUntil((snapshot) => snapshot.list("category").length === 3),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* documents.create("category", category("Second"))
        yield* documents.create("category", category("Third"))
        const snapshots = yield* Fiber.join(following)

        const revisions = snapshots.map((snapshot) => snapshot.revision)
        assert.deepStrictEqual(revisions, revisions.toSorted((a, b) => a - b))
        assert.isAtLeast(revisions[0] ?? 0, revision)
        assert.isAtMost(snapshots.length, 3)
      }))

    it.effect("keeps documents of any size up to 16 MiB", () =>
      Effect.gen(function*() {
        const [mine, theirs] = yield* two
        const code = "# ö\n".repeat(700_000)
        const { projectId: _, ...func } = sample.func
        const { revision } = yield* sample.create(mine, "function", { ...func, code })
        const seen = yield* theirs.changes.pipe(
          Stream.filter((snapshot) => snapshot.revision >= revision),
          Stream.runHead
        )
        const tooLarge = yield* reasonOf(
          sample.create(mine, "function", { ...func, id: "f-2", name: "large", code: "x".repeat(17_000_000) })
        )

        const found = Option.flatMap(seen, (snapshot) => snapshot.get("function", "f-1"))
        assert.isTrue(Option.exists(found, ({ value }) => value.code === code))
        assert.strictEqual(tooLarge._tag, "TooLarge")
        yield* mine.delete("function", "f-1")
      }), 60_000)
  })
