/**
 * The documents of KPS: decoded, checked, and given back as they were.
 *
 * @since 0.1.0
 */
export * as Category from "./Category.ts"
export * as ClassDiff from "./ClassDiff.ts"
export * as ConnectorClass from "./ConnectorClass.ts"
export * as ConnectorConfig from "./ConnectorConfig.ts"
export * as ConnectorInstance from "./ConnectorInstance.ts"
export * as ConnectorStream from "./ConnectorStream.ts"
export * as DataPipeline from "./DataPipeline.ts"
export * as Document from "./Document.ts"
export type * as Door from "./Door.ts"
export * as Fields from "./Fields.ts"
export * as Function from "./Function.ts"
export * as InvalidResource from "./InvalidResource.ts"
export * as Kubernetes from "./Kubernetes.ts"
export * as Parameters from "./Parameters.ts"
export * as ParameterSchema from "./ParameterSchema.ts"
export * as PipelineManifest from "./PipelineManifest.ts"
export * as Placement from "./Placement.ts"
export * as Project from "./Project.ts"
export * as Reference from "./Reference.ts"
export * as SchemaExamples from "./SchemaExamples.ts"
export * as SchemaWidth from "./SchemaWidth.ts"
export * as ServiceDomain from "./ServiceDomain.ts"
export * as Template from "./Template.ts"
export * as Violation from "./Violation.ts"
