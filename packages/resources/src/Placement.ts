/**
 * On which service domains of its project a stream or a config is in force.
 *
 * @since 0.1.0
 */
import * as Category from "./Category.ts"
import type { CategoryInfo } from "./Fields.ts"
import { list } from "./internal/text.ts"
import type { Project } from "./Project.ts"
import type * as Reference from "./Reference.ts"
import type { ServiceDomain } from "./ServiceDomain.ts"
import * as Violation from "./Violation.ts"

/**
 * What a stream or a config says of it. Nothing said: on all service domains of the project.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placement {
  readonly serviceDomainIds?: ReadonlyArray<string>
  readonly serviceDomainSelectors?: ReadonlyArray<CategoryInfo>
  readonly excludeServiceDomainIds?: ReadonlyArray<string>
}

/**
 * What is wrong with a placement in a project: service domains by id belong to a project that lists its own, selectors to
 * one that selects them.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  placement: Placement,
  { categories, project }: { readonly project: Project; readonly categories: ReadonlyArray<Category.Category> }
): ReadonlyArray<Violation.Violation> => {
  const { excludeServiceDomainIds = [], serviceDomainIds = [], serviceDomainSelectors = [] } = placement
  if (project.edgeSelectorType === "Category") {
    return [
      ...(serviceDomainIds.length === 0 ? [] : [Violation.make(
        "serviceDomainIds",
        `none in the project ${JSON.stringify(project.name)}, which selects its service domains by category`,
        serviceDomainIds
      )]),
      ...Category.checkInfos(serviceDomainSelectors, categories, "serviceDomainSelectors")
    ]
  }
  const { edgeIds = [] } = project
  const unknown = (ids: ReadonlyArray<string>, key: string) =>
    ids.flatMap((id, n) =>
      edgeIds.includes(id)
        ? []
        : [Violation.make(`${key}[${n}]`, `a service domain of the project (${list(edgeIds)})`, id)]
    )
  return [
    ...unknown(serviceDomainIds, "serviceDomainIds"),
    ...unknown(excludeServiceDomainIds, "excludeServiceDomainIds"),
    ...(serviceDomainSelectors.length === 0 ? [] : [Violation.make(
      "serviceDomainSelectors",
      `none in the project ${JSON.stringify(project.name)}, which lists its service domains`,
      serviceDomainSelectors
    )])
  ]
}

/**
 * Whether labels fit selectors: all categories of the selectors, and of each one of its values. No selector fits nothing.
 *
 * @category matching
 * @since 0.1.0
 */
export const selects = (selectors: ReadonlyArray<CategoryInfo>, labels: ReadonlyArray<CategoryInfo>): boolean => {
  const categories = new Set(selectors.map(({ id }) => id))
  return categories.size > 0 &&
    [...categories].every((id) =>
      selectors.some((selector) =>
        selector.id === id && labels.some((label) => label.id === id && label.value === selector.value)
      )
    )
}

/**
 * The service domains, of those given, that are a project's.
 *
 * @category matching
 * @since 0.1.0
 */
export const ofProject = <D extends ServiceDomain>(project: Project, domains: ReadonlyArray<D>): ReadonlyArray<D> =>
  domains.filter(({ id, labels = [] }) =>
    project.edgeSelectorType === "Explicit"
      ? id !== undefined && (project.edgeIds ?? []).includes(id)
      : selects(project.edgeSelectors ?? [], labels)
  )

/**
 * The service domains, of those given, on which a stream or a config of the project is in force.
 *
 * @category matching
 * @since 0.1.0
 */
export const resolve = <D extends ServiceDomain>(
  placement: Placement,
  project: Project,
  domains: ReadonlyArray<D>
): ReadonlyArray<D> => {
  const { excludeServiceDomainIds = [], serviceDomainIds = [], serviceDomainSelectors = [] } = placement
  return ofProject(project, domains).filter(({ id = "", labels = [] }) =>
    !excludeServiceDomainIds.includes(id) &&
    (serviceDomainIds.length === 0 || serviceDomainIds.includes(id)) &&
    (serviceDomainSelectors.length === 0 || selects(serviceDomainSelectors, labels))
  )
}

/**
 * A placement with the ids of what it names.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = (
  placement: Placement,
  named: {
    readonly serviceDomains: ReadonlyArray<Reference.Named>
    readonly categories: ReadonlyArray<Reference.Named>
  },
  { idOf }: Reference.Resolver
): Placement => {
  const { excludeServiceDomainIds, serviceDomainIds, serviceDomainSelectors } = placement
  const ids = (references: ReadonlyArray<string>, key: string) =>
    references.map((reference, n) => idOf(reference, named.serviceDomains, "a service domain", `${key}[${n}]`))
  return {
    ...(serviceDomainIds === undefined ? {} : { serviceDomainIds: ids(serviceDomainIds, "serviceDomainIds") }),
    ...(excludeServiceDomainIds === undefined
      ? {}
      : { excludeServiceDomainIds: ids(excludeServiceDomainIds, "excludeServiceDomainIds") }),
    ...(serviceDomainSelectors === undefined ? {} : {
      serviceDomainSelectors: Category.resolveNames(
        serviceDomainSelectors,
        named.categories,
        "serviceDomainSelectors",
        idOf
      )
    })
  }
}
