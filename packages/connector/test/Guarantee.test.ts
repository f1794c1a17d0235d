import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { Connector, Guarantee } from "../src/index.ts"
import { egress, ingress, stored } from "./support/Combinations.ts"
import * as DeliveryDoc from "./support/DeliveryDoc.ts"

const { guarantee } = Connector
const rank = (facts: Guarantee.Facts) => Guarantee.levels.indexOf(guarantee(facts).level)
const all: ReadonlyArray<Guarantee.Facts> = [...ingress, ...egress]
const ids = (windows: ReadonlyArray<Guarantee.Window>) => windows.map(({ id }) => id)

/** A single server's memory, and that of two, ends with processes that are killed. */
const lasts = (stored: Guarantee.Stored | undefined) =>
  stored !== undefined && (stored.storage === "file" || stored.replicas >= 3)

/** Fails with the first facts of which something does not hold. */
const holds = <A extends Guarantee.Facts>(all: ReadonlyArray<A>, predicate: (facts: A) => boolean) =>
  assert.isUndefined(all.find((facts) => !predicate(facts)))

describe("Connector.guarantee", () => {
  it("is effectively once of a resumable source with an exclusive writer, and of an idempotent sink, and of no other", () => {
    const once = (facts: Guarantee.Facts) => guarantee(facts).level === "effectively-once"

    holds(ingress, (facts) =>
      once(facts) === (
        facts.source === "resumable" && facts.fenced && lasts(facts.stored) && facts.stored?.retention === "limits"
      ))
    holds(egress, (facts) => once(facts) === (facts.idempotent && lasts(facts.stored)))
  })

  it("is at least once only where what was taken is kept until it is handled", () => {
    holds(ingress, (facts) => {
      const resumes = facts.saved || facts.stored?.retention === "limits"
      const kept = facts.source === "acknowledged" || (facts.source === "resumable" && resumes)
      return rank(facts) > 0 === (kept && lasts(facts.stored))
    })
    holds(egress, (facts) => rank(facts) > 0 === lasts(facts.stored))
  })

  it("names what comes twice of all that is at least once, and of what is effectively once a resume point that is gone", () => {
    holds(all, (facts) => {
      const { duplicates, level } = guarantee(facts)
      if (level === "at-most-once") return true
      if (level === "at-least-once") return duplicates.length > 0
      const { stored } = facts
      const fills = stored?.discard === "old" && stored.maxBytes !== null
      const leaves = facts.direction === "INGRESS" && (stored?.maxAgeMillis !== null || fills)
      return ids(duplicates).join() === (leaves ? "resume-point" : "")
    })
  })

  it("says of every stream that is stored what the loss of power, of a machine or of memory takes", () => {
    holds(all, (facts) => {
      const { stored } = facts
      const wanted = stored === undefined
        ? ""
        : stored.replicas >= 3
        ? "majority"
        : stored.storage === "file"
        ? "power-loss"
        : "broker-restart"
      const named = ids(guarantee(facts).losses).filter((id) =>
        ["power-loss", "majority", "broker-restart"].includes(id)
      )
      return named.join() === wanted
    })
  })

  it("names a loss and a way to raise it of everything that is at most once", () => {
    holds(all, (facts) => {
      const { level, losses, raise } = guarantee(facts)
      return level !== "at-most-once" || (losses.length > 0 && raise.length > 0)
    })
  })

  it("never falls when one thing gets better", () => {
    const better: ReadonlyArray<(facts: Guarantee.Facts) => Guarantee.Facts> = [
      (facts) => ({ ...facts, leased: true }),
      (facts) => facts.direction === "INGRESS" ? { ...facts, fenced: true } : { ...facts, idempotent: true },
      (facts) => facts.direction === "INGRESS" ? { ...facts, saved: true } : { ...facts, from: "all" },
      (facts) => facts.stored === undefined ? { ...facts, stored } : facts,
      (facts) => facts.stored === undefined ? facts : { ...facts, stored: { ...facts.stored, storage: "file" } },
      (facts) => facts.stored === undefined ? facts : { ...facts, stored: { ...facts.stored, replicas: 5 } },
      (facts) => facts.stored === undefined ? facts : { ...facts, stored: { ...facts.stored, retention: "limits" } }
    ]

    for (const change of better) holds(all, (facts) => rank(change(facts)) >= rank(facts))
  }, 60_000)

  it("says each window once, with its numbers", () => {
    holds(all, (facts) => {
      const { duplicates, losses } = guarantee(facts)
      return [ids(losses), ids(duplicates)].every((names) => new Set(names).size === names.length)
    })
    const { duplicates, losses } = guarantee({
      direction: "INGRESS",
      source: "acknowledged",
      stored: { ...stored, duplicateWindowMillis: 2_000 },
      saved: false,
      fenced: false,
      leased: true,
      maxPayloadBytes: 8_388_608
    })

    assert.include(losses.map(({ what }) => what).join(), "messages over 8 MiB")
    assert.include(duplicates.map(({ what }) => what).join(), "up to 4,096 payloads or 1 MiB")
    assert.include(duplicates.map(({ what }) => what).join(), "the duplicate window of 2 s")
  })

  it("names how long an idempotent sink knows an id, where that is not for ever", () => {
    const strict = egress.findLast(({ idempotent, ordering, stored }) =>
      idempotent && ordering === "strict" && stored?.storage === "file"
    )!
    const { because, duplicates, level } = Connector.guarantee({ ...strict, remembersMillis: 2_000 })

    assert.strictEqual(level, "effectively-once")
    assert.deepStrictEqual(duplicates.map(({ id }) => id), ["forgotten"])
    assert.include(duplicates[0]!.what, "more than 2 s later")
    assert.include(because, "takes each id once within 2 s")
    assert.deepStrictEqual(Connector.guarantee(strict).duplicates, [])
    assert.notInclude(
      Connector.guarantee({ ...strict, idempotent: false, remembersMillis: 2_000 }).duplicates.map(({ id }) => id),
      "forgotten"
    )
  })

  it("shows durations and sizes with one unit", () => {
    assert.deepStrictEqual(
      [0, 250, 1_000, 1_500, 90_000, 120_000, 604_800_000, Infinity].map(Guarantee.duration),
      ["0 ms", "250 ms", "1 s", "1.5 s", "90 s", "2 min", "7 d", "ever"]
    )
    assert.deepStrictEqual([512, 1_536, 1_048_576].map(Guarantee.size), ["512 bytes", "1.5 KiB", "1 MiB"])
    assert.deepStrictEqual([999, 65_536, 1_048_576].map(Guarantee.count), ["999", "65,536", "1,048,576"])
  })

  it("follows from facts that go through JSON", () => {
    const codec = Schema.toCodecJson(Guarantee.Facts)
    for (const facts of [ingress.at(-1)!, egress.at(-1)!, ingress[0]!]) {
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(facts)))
      assert.deepStrictEqual<unknown>(Schema.decodeUnknownSync(codec)(json), facts)
    }
  })
})

describe("docs/delivery.md", () => {
  const document = readFileSync(new URL("../../../docs/delivery.md", import.meta.url), "utf8").split("\n")
    .map((line) => line.replaceAll(/ +/g, " "))
  /** The rows under a head. */
  const table = (head: string): ReadonlyArray<string> => {
    const start = document.indexOf(head.replaceAll(/ +/g, " "))
    assert.notStrictEqual(start, -1, head)
    const end = document.indexOf("", start)
    return document.slice(start + 2, end)
  }
  const same = (head: string, rows: ReadonlyArray<string>) =>
    assert.deepStrictEqual(table(head), rows.map((line) => line.replaceAll(/ +/g, " ")))

  it("shows the guarantee of every combination, as the function gives it", () => {
    same(DeliveryDoc.heads.ingress, DeliveryDoc.ingressRows)
    same(DeliveryDoc.heads.egress, DeliveryDoc.egressRows)
    same(DeliveryDoc.heads.settings, DeliveryDoc.settingRows)
    same(DeliveryDoc.heads.windows, DeliveryDoc.windowRows)
  })
})
