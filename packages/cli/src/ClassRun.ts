/**
 * What `kps class` does with its flags.
 *
 * @since 0.1.0
 */
import { ClassDiff, ConnectorClass, Document, InvalidResource, Parameters, Violation } from "@kps/resources"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import { ClassBreaks, ClassDiffers, UnreadableFile, UnwritableFile } from "./CommandError.ts"
import * as ConnectorModule from "./ConnectorModule.ts"
import * as Output from "./Output.ts"

/**
 * Which class is made: of which connector, with which Kubernetes resources.
 *
 * @category models
 * @since 0.1.0
 */
export interface Made {
  readonly module: string
  readonly export: Option.Option<string>
  readonly template: string
  readonly minSvcDomainVersion: string
}

const read = Effect.fnUntraced(function*(file: string) {
  const files = yield* FileSystem.FileSystem
  return yield* Effect.mapError(files.readFileString(file), (cause) => new UnreadableFile({ file, cause }))
})

const readClass = Effect.fnUntraced(function*(file: string) {
  const documents = yield* Document.parse(yield* read(file), { file, kind: "connectorClass" })
  const [document] = documents
  if (documents.length === 1 && document?.kind === "connectorClass") return document.value
  const violation = { path: "", message: `expected one connector class, got ${documents.length} documents` }
  return yield* new InvalidResource.InvalidResource({ subject: file, violations: [violation] })
})

/** A class whose schemas are some. */
const readComparable = Effect.fnUntraced(function*(file: string) {
  const found = yield* readClass(file)
  const keys = ["staticParameterSchema", "configParameterSchema", "streamParameterSchema"] as const
  yield* InvalidResource.unless(file, keys.flatMap((key) => Parameters.checkSchema(found[key], key)))
  return found
})

const make = Effect.fnUntraced(function*(made: Made): Effect.fn.Return<
  ConnectorClass.ConnectorClass,
  ConnectorModule.NoConnector | InvalidResource.InvalidResource | UnreadableFile,
  FileSystem.FileSystem | Path.Path
> {
  const connector = yield* ConnectorModule.load(made.module, made.export)
  const { minSvcDomainVersion } = made
  return yield* ConnectorClass.fromDefinition(connector, { template: yield* read(made.template), minSvcDomainVersion })
})

/**
 * Writes the class document, or prints it.
 *
 * @category running
 * @since 0.1.0
 */
export const build = Effect.fnUntraced(function*(made: Made, out: Option.Option<string>) {
  const text = yield* ConnectorClass.format(yield* make(made))
  if (Option.isNone(out)) return yield* Console.log(text.trimEnd())
  const files = yield* FileSystem.FileSystem
  const { value: file } = out
  yield* Effect.mapError(files.writeFileString(file, text), (cause) => new UnwritableFile({ file, cause }))
})

/**
 * Fails where the class document is not what the code makes.
 *
 * @category running
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(made: Made, file: string) {
  const code = yield* make(made)
  const places = ConnectorClass.drift(yield* readClass(file), code).map(Violation.text)
  if (places.length > 0) return yield* new ClassDiffers({ file, module: made.module, places })
  yield* Console.log(`${file} is what ${made.module} makes`)
})

interface Row {
  readonly schema: string
  readonly verdict: string
  readonly example?: unknown
  readonly reasons: ReadonlyArray<string>
}

const columns: ReadonlyArray<Output.Column<Row>> = [
  { header: "WHAT", cell: ({ schema }) => schema },
  { header: "VERDICT", cell: ({ verdict }) => verdict },
  { header: "OLD VALUE", cell: ({ example }) => example === undefined ? "" : JSON.stringify(example) },
  { header: "WHY", cell: ({ reasons }) => reasons.join("\n") }
]

const row = (schema: string, verdict: ClassDiff.Verdict): Row => {
  switch (verdict._tag) {
    case "Compatible":
      return { schema, verdict: "compatible", reasons: [] }
    case "Breaking": {
      const { example, violations } = verdict
      return { schema, verdict: "breaking", example, reasons: violations.map(Violation.text) }
    }
    case "Unproven": {
      const { paths, tried } = verdict
      const reason = `may take less at ${paths.join(", ")}; of ${tried} values that the old one takes none is refused`
      return { schema, verdict: "unproven", reasons: [reason] }
    }
  }
}

/**
 * Prints what the new class means for what was written for the old one, and fails where that breaks.
 *
 * @category running
 * @since 0.1.0
 */
export const diff = Effect.fnUntraced(function*(oldFile: string, newFile: string, format: Output.Format) {
  const [old, next] = [yield* readComparable(oldFile), yield* readComparable(newFile)]
  const found = yield* ClassDiff.compare(old, next)
  const lost = found.lostDirections.map((direction) => `${direction} streams are no longer taken`)
  yield* Output.list(format, columns, [
    { schema: "type", verdict: lost.length === 0 ? "compatible" : "breaking", reasons: lost },
    ...Object.entries(found.schemas).map(([schema, verdict]) => row(schema, verdict))
  ])
  if (!ClassDiff.isCompatible(found)) return yield* new ClassBreaks({ oldFile, newFile })
})
