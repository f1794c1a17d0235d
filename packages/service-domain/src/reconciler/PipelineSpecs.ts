/** From documents to what is to be done about the pipelines of a service domain. */
import { Placement } from "@kps/resources"
import * as Option from "effect/Option"
import type { Snapshot } from "../documents/Snapshot.ts"
import type * as PipelineDescription from "../pipelines/PipelineDescription.ts"
import * as PipelineResolution from "../pipelines/PipelineResolution.ts"
import * as DomainPlan from "./DomainPlan.ts"

/** What is to be done about a pipeline, and its project. */
export type Spec =
  & { readonly projectId: string | undefined }
  & (
    | { readonly _tag: "Run"; readonly description: PipelineDescription.PipelineDescription }
    | { readonly _tag: "Refuse"; readonly refused: PipelineResolution.RefusedPipeline }
  )

export const idOf = (spec: Spec): string => spec._tag === "Run" ? spec.description.id : spec.refused.id

/** What is to be done about the pipelines of a service domain. */
export const specsOf = (snapshot: Snapshot, serviceDomain: string): ReadonlyMap<string, Spec> => {
  const domain = snapshot.get("serviceDomain", serviceDomain)
  if (Option.isNone(domain)) return new Map()
  const isHere = (projectId: string | undefined) =>
    projectId === undefined || Option.exists(
      snapshot.get("project", projectId),
      ({ value }) => Placement.ofProject(value, [domain.value.value]).length > 0
    )
  const pipelines = snapshot.list("dataPipeline").filter(({ value }) => isHere(value.projectId))
  const projects = new Map(pipelines.map(({ id, value }) => [id, value.projectId]))
  const { pipelines: descriptions, refused } = PipelineResolution.resolve({
    pipelines: pipelines.map(({ value }) => value),
    functions: snapshot.values("function"),
    categories: snapshot.values("category"),
    streams: DomainPlan.make(snapshot, serviceDomain).streams
  })
  const specs = new Map<string, Spec>()
  for (const description of descriptions) {
    specs.set(description.id, { _tag: "Run", description, projectId: projects.get(description.id) })
  }
  for (const one of refused) {
    specs.set(one.id, { _tag: "Refuse", refused: one, projectId: projects.get(one.id) })
  }
  return new Map(pipelines.flatMap(({ id }) => specs.has(id) ? [[id, specs.get(id)!] as const] : []))
}
