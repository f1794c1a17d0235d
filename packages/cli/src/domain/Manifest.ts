/**
 * Between files, which name documents by their names, and REST, which names them by their ids.
 *
 * @since 0.1.0
 */
import { Category, Document, Function, type InvalidResource, PipelineManifest, Project } from "@kps/resources"
import type { Kind } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { UnreadableFile } from "../CommandError.ts"

/**
 * A document of a file, and the file: paths in it begin there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filed {
  readonly file: string
  readonly document: Document.Document
}

/**
 * A folder without a document in it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoDocuments
  extends Schema.TaggedError<NoDocuments>("@kps/cli/domain/Manifest/NoDocuments")("NoDocuments", {
    folder: Schema.String
  })
{
  override get message(): string {
    return `no .json, .yaml or .yml file in ${JSON.stringify(this.folder)}`
  }
}

/**
 * Several files of a folder that hold no documents as they should be, or cannot be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnfitFiles extends Schema.TaggedError<UnfitFiles>("@kps/cli/domain/Manifest/UnfitFiles")("UnfitFiles", {
  /** Of each file. */
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.problems.join("\n")
  }
}

const readText = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.readFileString(file), (cause) => new UnreadableFile({ file, cause }))
})

const ofFile = Effect.fnUntraced(function*(file: string, kind: Kind.Kind | undefined) {
  const documents = yield* Document.parse(yield* readText(file), { file, ...(kind === undefined ? {} : { kind }) })
  return documents.map((document): Filed => ({ file, document }))
})

/**
 * The documents of a file, or of all files of a folder by their names. Fails with everything that is wrong with any of
 * them.
 *
 * @category reading
 * @since 0.1.0
 */
export const read: (
  at: string,
  kind?: Kind.Kind
) => Effect.Effect<
  ReadonlyArray<Filed>,
  UnreadableFile | NoDocuments | UnfitFiles | InvalidResource.InvalidResource,
  FileSystem.FileSystem | Path.Path
> = Effect.fnUntraced(function*(at, kind) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const info = yield* Effect.mapError(fs.stat(at), (cause) => new UnreadableFile({ file: at, cause }))
  if (info.type !== "Directory") return yield* ofFile(at, kind)
  const names = yield* Effect.mapError(fs.readDirectory(at), (cause) => new UnreadableFile({ file: at, cause }))
  const files = names.filter((name) => /\.(json|ya?ml)$/i.test(name)).toSorted().map((name) => path.join(at, name))
  if (files.length === 0) return yield* new NoDocuments({ folder: at })
  const each = yield* Effect.forEach(files, (file) => Effect.result(ofFile(file, kind)))
  const refused = each.flatMap((one) => Result.isFailure(one) ? [one.failure] : [])
  const [first, ...others] = refused
  if (first === undefined) return each.flatMap((one) => Result.isSuccess(one) ? one.success : [])
  return yield* others.length === 0 ? first : new UnfitFiles({ problems: refused.map(({ message }) => message) })
})

/**
 * The documents that others are resolved beside.
 *
 * @category models
 * @since 0.1.0
 */
export interface Beside {
  readonly list: <K extends Kind.Kind>(kind: K) => ReadonlyArray<Kind.Values[K]>
}

/**
 * A document as REST has it, of one of the kinds.
 *
 * @category models
 * @since 0.1.0
 */
export type Resolved = { readonly [K in Kind.Kind]: { readonly kind: K; readonly value: Kind.Values[K] } }[Kind.Kind]

/**
 * Where the code of a function is: the path begins at the file that names it, or as the original had it, where one is.
 *
 * @category getters
 * @since 0.1.0
 */
export const codeFile = Effect.fnUntraced(function*(file: string, sourceCodePath: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const beside = path.resolve(path.dirname(file), sourceCodePath)
  const here = path.resolve(sourceCodePath)
  const isBeside = yield* Effect.orElseSucceed(fs.exists(beside), () => false)
  const isHere = !isBeside && (yield* Effect.orElseSucceed(fs.exists(here), () => false))
  return isHere ? here : beside
})

/**
 * What a file's document is to REST. Fails with every name that leads nowhere. Connector kinds are sent as they are: the
 * service domain takes names where ids belong.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolve = Effect.fnUntraced(function*(
  { document, file }: Filed,
  beside: Beside
): Effect.fn.Return<
  Resolved,
  UnreadableFile | InvalidResource.InvalidResource,
  FileSystem.FileSystem | Path.Path
> {
  switch (document.kind) {
    case "category":
      return { kind: "category", value: Category.fromManifest(document.value) }
    case "project": {
      const value = yield* Project.fromManifest(document.value, { serviceDomains: beside.list("serviceDomain") })
      return { kind: "project", value }
    }
    case "function": {
      const text = yield* readText(yield* codeFile(file, document.value.sourceCodePath))
      const value = yield* Function.fromManifest(document.value, { code: text, projects: beside.list("project") })
      return { kind: "function", value }
    }
    case "dataPipeline": {
      const value = yield* PipelineManifest.toPipeline(document.value, {
        projects: beside.list("project"),
        categories: beside.list("category"),
        functions: beside.list("function"),
        pipelines: beside.list("dataPipeline"),
        streams: beside.list("connectorStream")
      })
      return { kind: "dataPipeline", value }
    }
    default:
      return document
  }
})

/**
 * A document as a file has it: with names, and without what a store adds. The code of a function is not part of it:
 * `sourceCodePath` says where it would be.
 *
 * @category converting
 * @since 0.1.0
 */
export const toFile = (resolved: Resolved, beside: Beside) => {
  const extension = (language: string) => language === "python" ? "py" : language === "golang" ? "go" : "js"
  switch (resolved.kind) {
    case "category":
      return Document.encode({ kind: "category", value: Category.toManifest(resolved.value) })
    case "project":
      return Document.encode({
        kind: "project",
        value: Project.toManifest(resolved.value, { serviceDomains: beside.list("serviceDomain") })
      })
    case "function":
      return Document.encode({
        kind: "function",
        value: Function.toManifest(resolved.value, {
          projects: beside.list("project"),
          sourceCodePath: `${resolved.value.name}.${extension(resolved.value.language)}`
        })
      })
    case "dataPipeline":
      return Document.encode({
        kind: "dataPipeline",
        value: PipelineManifest.fromPipeline(resolved.value, {
          projects: beside.list("project"),
          categories: beside.list("category"),
          functions: beside.list("function"),
          pipelines: beside.list("dataPipeline")
        })
      })
    default:
      return Document.encode(resolved)
  }
}
