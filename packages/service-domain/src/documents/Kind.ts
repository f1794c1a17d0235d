/**
 * The kinds of documents that a service domain keeps.
 *
 * @since 0.1.0
 */
import {
  Category,
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  DataPipeline,
  type Door,
  Function,
  Project,
  ServiceDomain
} from "@kps/resources"

/**
 * What a document of each kind is, as REST has it: with ids, not with names.
 *
 * @category models
 * @since 0.1.0
 */
export interface Values {
  readonly category: Category.Category
  readonly connectorClass: ConnectorClass.ConnectorClass
  readonly connectorConfig: ConnectorConfig.ConnectorConfig
  readonly connectorInstance: ConnectorInstance.ConnectorInstance
  readonly connectorStream: ConnectorStream.ConnectorStream
  readonly dataPipeline: DataPipeline.DataPipeline
  readonly function: Function.Function
  readonly project: Project.Project
  readonly serviceDomain: ServiceDomain.ServiceDomain
}

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = keyof Values

/**
 * Both ways between a document of a kind and its model.
 *
 * @category decoding
 * @since 0.1.0
 */
export const doors: { readonly [K in Kind]: Door.Door<Values[K]> } = {
  category: Category,
  connectorClass: ConnectorClass,
  connectorConfig: ConnectorConfig,
  connectorInstance: ConnectorInstance,
  connectorStream: ConnectorStream,
  dataPipeline: DataPipeline,
  function: Function,
  project: Project,
  serviceDomain: ServiceDomain
}

/**
 * What a kind is called in messages: "connector stream".
 *
 * @category models
 * @since 0.1.0
 */
export const nouns: { readonly [K in Kind]: string } = {
  category: "category",
  connectorClass: "connector class",
  connectorConfig: "connector config",
  connectorInstance: "connector instance",
  connectorStream: "connector stream",
  dataPipeline: "data pipeline",
  function: "function",
  project: "project",
  serviceDomain: "service domain"
}

/**
 * @category guards
 * @since 0.1.0
 */
export const isKind = (text: string): text is Kind => Object.hasOwn(nouns, text)

/**
 * All kinds: those that others refer to before those that refer to them.
 *
 * @category models
 * @since 0.1.0
 */
export const all: ReadonlyArray<Kind> = [
  "category",
  "serviceDomain",
  "project",
  "connectorClass",
  "connectorInstance",
  "connectorStream",
  "connectorConfig",
  "function",
  "dataPipeline"
]

/**
 * Most characters of an id.
 *
 * @category models
 * @since 0.1.0
 */
export const maxIdLength = (kind: Kind): number => kind === "project" || kind === "category" ? 64 : 36
