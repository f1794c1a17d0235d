/**
 * A service domain: where connectors, streams and pipelines run.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Category from "./Category.ts"
import * as Fields from "./Fields.ts"
import { door, open } from "./internal/resource.ts"
import type { Violation } from "./Violation.ts"

const fields = {
  ...Fields.base(36),
  /** As Kubernetes names things. */
  name: Schema.String.check(
    Schema.isPattern(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/u, {
      expected: "a name of lower-case letters, digits and \"-\", such as \"plant-1\""
    }),
    Schema.isMaxLength(60, { expected: "a name of at most 60 characters" })
  ),
  description: Schema.optionalKey(Schema.String),
  /** Environment variables as JSON text. */
  env: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Array(Fields.CategoryInfo)),
  profile: Schema.optionalKey(open({
    AIInferencingService: Schema.optionalKey(Schema.Boolean),
    enableSSH: Schema.optionalKey(Schema.Boolean),
    ingressType: Schema.optionalKey(Schema.Literals(["Traefik", "NGINX"])),
    privileged: Schema.optionalKey(Schema.Boolean)
  })),
  virtualIp: Schema.optionalKey(Schema.String)
}

/**
 * Schema of a service domain. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServiceDomain = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type ServiceDomain = typeof ServiceDomain.Type

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("service domain", ServiceDomain, Object.keys(fields))

/**
 * What is wrong with a service domain beside the categories that there are.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  domain: ServiceDomain,
  { categories }: { readonly categories: ReadonlyArray<Category.Category> }
): ReadonlyArray<Violation> => Category.checkInfos(domain.labels ?? [], categories, "labels")
