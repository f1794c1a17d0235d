/**
 * A project: users, and the service domains that they share.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "./Category.ts"
import type { Door } from "./Door.ts"
import * as Fields from "./Fields.ts"
import { door, open, type Rules, subject } from "./internal/resource.ts"
import { list } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import type { ServiceDomain } from "./ServiceDomain.ts"
import * as Violation from "./Violation.ts"

const References = Schema.Array(Fields.Reference)

const User = open({
  userId: Fields.Reference,
  role: Schema.optionalKey(Schema.Literals(["PROJECT_ADMIN", "PROJECT_USER"])),
  roleId: Schema.optionalKey(Fields.Reference)
})

const fields = {
  ...Fields.base(64),
  name: Fields.Name,
  description: Schema.String.check(
    Schema.isMaxLength(200, { expected: "a description of at most 200 characters" })
  ),
  users: Schema.Array(User),
  cloudCredentialIds: References,
  dockerProfileIds: References,
  /** Whether the project lists its service domains (`edgeIds`) or selects them by categories (`edgeSelectors`). */
  edgeSelectorType: Schema.Literals(["Category", "Explicit"]),
  edgeIds: Schema.optionalKey(References),
  edgeSelectors: Schema.optionalKey(Schema.Array(Fields.CategoryInfo)),
  privileged: Schema.optionalKey(Schema.Boolean)
}

/**
 * Schema of a project. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Project = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type Project = typeof Project.Type

const isFilled = (value: unknown) => Array.isArray(value) && value.length > 0

const rules: Rules = ({ edgeIds, edgeSelectors, edgeSelectorType }) => [
  ...(edgeSelectorType === "Explicit" && isFilled(edgeSelectors)
    ? [Violation.make("edgeSelectors", "none where edgeSelectorType is \"Explicit\"", edgeSelectors)]
    : []),
  ...(edgeSelectorType === "Category" && isFilled(edgeIds)
    ? [Violation.make("edgeIds", "none where edgeSelectorType is \"Category\"", edgeIds)]
    : [])
]

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("project", Project, Object.keys(fields), rules)

const manifestFields = {
  name: Fields.Name,
  description: fields.description,
  users: Schema.optionalKey(Schema.Array(Schema.Union([Fields.Reference, User]))),
  /** Names of service domains. */
  edges: Schema.optionalKey(References),
  cloudProfiles: Schema.optionalKey(References),
  dockerProfiles: Schema.optionalKey(References),
  privileged: Schema.optionalKey(Schema.Boolean)
}

/**
 * Schema of a project in a file: it names its service domains. A user is an id, or an object with a role.
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
 * `decode` and `encode` of a project in a file.
 *
 * @category manifests
 * @since 0.1.0
 */
export const manifest: Door<Manifest> = door("project", Manifest, Object.keys(manifestFields))

/**
 * The project that a file describes. Fails with every service domain that is not there. A user without a role is a
 * PROJECT_USER; cloud and docker profiles are taken as they are named.
 *
 * @category manifests
 * @since 0.1.0
 */
export const fromManifest = Effect.fnUntraced(function*(
  { cloudProfiles = [], dockerProfiles = [], edges = [], users = [], ...rest }: Manifest,
  { serviceDomains }: { readonly serviceDomains: ReadonlyArray<ServiceDomain> }
): Effect.fn.Return<Project, InvalidResource.InvalidResource> {
  const ids = edges.map((name) => serviceDomains.find((domain) => domain.name === name)?.id)
  yield* InvalidResource.unless(
    subject("project", rest),
    ids.flatMap((id, n) =>
      id === undefined
        ? [
          Violation.make(
            `edges[${n}]`,
            `a service domain (known: ${list(serviceDomains.map(({ name }) => name))})`,
            edges[n]
          )
        ]
        : []
    )
  )
  return {
    ...rest,
    users: users.map((user) => typeof user === "string" ? { userId: user, role: "PROJECT_USER" as const } : user),
    cloudCredentialIds: cloudProfiles,
    dockerProfileIds: dockerProfiles,
    edgeSelectorType: "Explicit",
    edgeIds: ids.filter((id) => id !== undefined)
  }
})

/**
 * A project as a file describes it: with names, and without what a store adds. An id of no service domain stays an id.
 *
 * @category manifests
 * @since 0.1.0
 */
export const toManifest = (
  project: Project,
  { serviceDomains }: { readonly serviceDomains: ReadonlyArray<ServiceDomain> }
): Manifest => {
  const { createdAt: _c, id: _i, tenantId: _t, updatedAt: _u, version: _v, ...document } = project
  const { cloudCredentialIds, dockerProfileIds, edgeIds = [], edgeSelectors: _s, edgeSelectorType: _e, ...rest } =
    document
  return {
    ...rest,
    users: project.users.map((user) =>
      user.role === "PROJECT_USER" && Object.keys(user).length === 2 ? user.userId : user
    ),
    edges: edgeIds.map((id) => serviceDomains.find((domain) => domain.id === id)?.name ?? id),
    cloudProfiles: cloudCredentialIds,
    dockerProfiles: dockerProfileIds
  }
}

/**
 * What is wrong with a project beside the documents that it names.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  project: Project,
  { categories, serviceDomains }: {
    readonly categories: ReadonlyArray<Category.Category>
    readonly serviceDomains: ReadonlyArray<ServiceDomain>
  }
): ReadonlyArray<Violation.Violation> => [
  ...(project.edgeIds ?? []).flatMap((id, n) =>
    serviceDomains.some((domain) => domain.id === id)
      ? []
      : [Violation.make(`edgeIds[${n}]`, "the id of a service domain", id)]
  ),
  ...Category.checkInfos(project.edgeSelectors ?? [], categories, "edgeSelectors")
]
