/**
 * A local KPS: what the platform is to connectors, on one machine or a few.
 *
 * @since 0.1.0
 */
export * as DocumentError from "./documents/DocumentError.ts"
export * as Documents from "./documents/Documents.ts"
export * as Journal from "./documents/Journal.ts"
export * as Kind from "./documents/Kind.ts"
export * as References from "./documents/References.ts"
export * as Rules from "./documents/Rules.ts"
export * as Snapshot from "./documents/Snapshot.ts"
export * as Event from "./events/Event.ts"
export * as EventHistory from "./events/EventHistory.ts"
export type * as FunctionDescription from "./functions/FunctionDescription.ts"
export * as Pipeline from "./pipelines/Pipeline.ts"
export * as PipelineDescription from "./pipelines/PipelineDescription.ts"
export type * as PipelineReport from "./pipelines/PipelineReport.ts"
export * as PipelineResolution from "./pipelines/PipelineResolution.ts"
export * as Access from "./rest/Access.ts"
export * as Api from "./rest/Api.ts"
export * as ApiError from "./rest/ApiError.ts"
export * as Authorization from "./rest/Authorization.ts"
export * as Filter from "./rest/Filter.ts"
export * as Listing from "./rest/Listing.ts"
export * as OperatorApi from "./rest/OperatorApi.ts"
export * as OperatorViews from "./rest/OperatorViews.ts"
export * as RestServer from "./rest/RestServer.ts"
