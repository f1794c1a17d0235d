/**
 * O58: the class document of a connector, beside its code and what runs.
 *
 * @since 0.1.0
 */
import { ConnectorClass, Document, type InvalidResource, Parameters, Violation } from "@kps/resources"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import { BedFailed, cut, expect, Mismatch } from "../Outcome.ts"

const valid = <A, R>(effect: Effect.Effect<A, InvalidResource.InvalidResource, R>, expected: string) =>
  Effect.mapError(effect, ({ message }) => new Mismatch({ expected, got: cut(message) }))

const none = (violations: ReadonlyArray<Violation.Violation>, expected: string) =>
  expect(violations.length === 0, expected, cut(violations.map(Violation.text).join("; ")))

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "O58",
    title: "the class document",
    expected: "it equals the code, with a description of every property, and takes what the connector takes",
    level: "full",
    door: "library",
    requires: ["shipped"],
    run: Effect.fnUntraced(function*(driver) {
      const shipped = driver.subject.probes?.shipped
      if (shipped === undefined) return yield* new BedFailed({ problem: "no class document" })
      const { connector, template } = shipped
      const file = "the class document"
      const [document] = yield* valid(
        Document.parse(shipped.document, { file, kind: "connectorClass" }),
        "a class document"
      )
      if (document?.kind !== "connectorClass") {
        return yield* new Mismatch({ expected: "one class document", got: "none" })
      }
      const { minSvcDomainVersion, ...shape } = document.value
      const code = yield* valid(
        ConnectorClass.fromDefinition(connector, {
          template,
          ...(minSvcDomainVersion === undefined ? {} : { minSvcDomainVersion })
        }),
        "a definition with a description of every property, and a template that fits it"
      )
      yield* none(ConnectorClass.drift(document.value, code), "the class document that the code makes")

      for (const direction of driver.directions) {
        const { metadata } = yield* driver.stream({ direction })
        const expected = `a class that takes the parameters of an ${direction.toLowerCase()} stream that runs`
        yield* none(Parameters.check(shape.streamParameterSchema, metadata, "stream"), expected)
      }
      const config = yield* driver.config
      yield* none(
        Parameters.check(shape.configParameterSchema, config, "config"),
        "a class that takes the config in force"
      )
      return `${shape.name} ${shape.connectorVersion} is what the code makes, and takes what runs`
    })
  }
]
