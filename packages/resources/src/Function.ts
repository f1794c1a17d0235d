/**
 * A function: code that a data pipeline gives each message to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Door } from "./Door.ts"
import * as Fields from "./Fields.ts"
import { door, open, type Rules, subject } from "./internal/resource.ts"
import { list } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import type { Project } from "./Project.ts"
import * as Violation from "./Violation.ts"

/**
 * Schema of the languages that the platform has runtimes for. REST calls node "javascript" too.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Language = Fields.spellings(["python", "node", "golang"], { javascript: "node" })

const Params = Schema.Array(Schema.Struct({
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_]*$/u, { expected: "a name of letters, digits and \"_\"" })
  ),
  type: Schema.Literals(["string", "integer"])
})).check(
  Schema.makeFilter((params) =>
    params.flatMap(({ name }, n) =>
      params.findIndex((param) => param.name === name) === n
        ? []
        : [{ path: [n, "name"], issue: "expected each parameter once" }]
    )
  )
)

const fields = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  /** A Transformation yields a stream; what a Function sends is not looked at. */
  type: Schema.Literals(["Transformation", "Function"]),
  language: Language,
  /** The runtime: `python-env`, `node-env`, `golang`, or the name of a custom one. */
  environment: Fields.Text,
  code: Fields.Text,
  /** What each pipeline that uses it gives values to. They reach the code as strings. */
  params: Params,
  projectId: Schema.optionalKey(Fields.Reference),
  runtimeId: Schema.optionalKey(Schema.String),
  /** Empty: "latest". */
  runtimeTag: Schema.optionalKey(Schema.String)
}

/**
 * Schema of a function. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Function = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type Function = typeof Function.Type

/** The built-in runtimes, and the language of each. */
const runtimes: ReadonlyMap<unknown, string> = new Map([
  ["python-env", "python"],
  ["python2-env", "python"],
  ["tensorflow-python", "python"],
  ["node-env", "node"],
  ["golang", "golang"]
])

const rules: Rules = ({ environment, language }) => {
  const its = runtimes.get(environment)
  const spelt = language === "javascript" ? "node" : language
  const wanted = [...runtimes.values()].find((known) => known === spelt)
  // a language that there is not is told by its field
  return its === undefined || wanted === undefined || its === wanted
    ? []
    : [Violation.make("environment", `a runtime for ${wanted}, this one is for ${its}`, environment)]
}

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("function", Function, Object.keys(fields), rules)

const manifestFields = {
  name: Fields.Name,
  project: Fields.Reference,
  description: Schema.optionalKey(Schema.String),
  /** Path of the code: absolute, or relative to the file. */
  sourceCodePath: Fields.Text,
  language: Language,
  environment: Fields.Text,
  params: Schema.optionalKey(Params)
}

/**
 * Schema of a function in a file: it names its project, and the file of its code.
 *
 * @category manifests
 * @since 0.1.0
 */
export const Manifest = open(manifestFields)

/**
 * @category manifests
 * @since 0.1.0
 */
export type Manifest = typeof Manifest.Type

/**
 * `decode` and `encode` of a function in a file.
 *
 * @category manifests
 * @since 0.1.0
 */
export const manifest: Door<Manifest> = door("function", Manifest, Object.keys(manifestFields), rules)

/**
 * The function that a file describes. `code` is what is at its `sourceCodePath`.
 *
 * @category manifests
 * @since 0.1.0
 */
export const fromManifest = Effect.fnUntraced(function*(
  { params = [], project, sourceCodePath, ...rest }: Manifest,
  { code, projects }: { readonly code: string; readonly projects: ReadonlyArray<Project> }
): Effect.fn.Return<Function, InvalidResource.InvalidResource> {
  const projectId = projects.find(({ name }) => name === project)?.id
  yield* InvalidResource.unless(subject("function", rest), [
    ...(projectId === undefined
      ? [Violation.make("project", `a project (known: ${list(projects.map(({ name }) => name))})`, project)]
      : []),
    ...(code === "" ? [Violation.make("sourceCodePath", "a file that is not empty", sourceCodePath)] : [])
  ])
  return { ...rest, type: "Transformation", code, params, ...(projectId === undefined ? {} : { projectId }) }
})

/**
 * A function as a file describes it: with the name of its project, and without what a store adds. The code is not part of
 * it: `sourceCodePath` is where the caller puts that.
 *
 * @category manifests
 * @since 0.1.0
 */
export const toManifest = (
  func: Function,
  { projects, sourceCodePath }: { readonly projects: ReadonlyArray<Project>; readonly sourceCodePath: string }
): Manifest => {
  const { createdAt: _c, id: _i, tenantId: _t, updatedAt: _u, version: _v, ...document } = func
  const { code: _code, projectId = "", type: _type, ...rest } = document
  return { ...rest, project: projects.find(({ id }) => id === projectId)?.name ?? projectId, sourceCodePath }
}

/**
 * A value that a pipeline gives to a parameter, and where it stands there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given {
  readonly name: string
  readonly value: unknown
  readonly path: string
}

/**
 * What is wrong with the values that a pipeline gives to a function: parameters that it does not declare, that have no
 * value, or a value of another type.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkArgs = (
  func: Function,
  given: ReadonlyArray<Given>,
  path: string
): ReadonlyArray<Violation.Violation> => [
  ...given.flatMap(({ name, path, value }) => {
    const param = func.params.find((param) => param.name === name)
    if (param === undefined) {
      const known = func.params.length === 0 ? "it declares none" : list(func.params.map(({ name }) => name))
      return [{ path, message: `expected a parameter of the function "${func.name}" (${known}), got "${name}"` }]
    }
    return param.type !== "integer" || /^[+-]?[0-9]+$/.test(String(value))
      ? []
      : [Violation.make(path, "an integer", value)]
  }),
  ...func.params.filter(({ name }) => !given.some((arg) => arg.name === name)).map(({ name, type }) => ({
    path: Violation.path(path, [name]),
    message: `expected ${
      type === "integer" ? "an integer" : "a string"
    } for the parameter of the function "${func.name}", got none`
  }))
]
