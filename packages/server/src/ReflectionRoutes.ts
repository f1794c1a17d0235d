/**
 * Server reflection, v1 and v1alpha: a client that has no proto file learns the contract from the server.
 *
 * @since 0.1.0
 */
import { type DescEnum, type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { Code, type ConnectRouter, type HandlerContext } from "@connectrpc/connect"
import { ConnectorService, HealthV1, ReflectionV1, ReflectionV1Alpha } from "@kps/idl"
import * as Context from "effect/Context"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { Health } from "./Health.ts"
import { aborted } from "./internal/signal.ts"
import { quote } from "./internal/text.ts"

const services: ReadonlyArray<DescService> = [
  ConnectorService,
  HealthV1.Health,
  ReflectionV1.ServerReflection,
  ReflectionV1Alpha.ServerReflection
]

/**
 * Adds the reflection service, under the names of both of its versions.
 *
 * **Details**
 *
 * A file comes with all files that it imports. Symbols are services, methods, messages, fields, enums and their values,
 * by full name. There are no extensions. What is not known is answered by an error of that one question; a call ends
 * with its caller, or when the server stops.
 *
 * @category constructors
 * @since 0.1.0
 */
export const routes = (health: Health) => (router: ConnectRouter): ConnectRouter => {
  const serve = <Request extends Question>(requests: AsyncIterable<Request>, { signal }: HandlerContext) => {
    const stopped = Stream.runDrain(Stream.takeWhile(health.changes, (phase) => phase !== "Stopped"))
    const answers = Stream.fromAsyncIterable(requests, identity).pipe(
      Stream.map(reply),
      Stream.interruptWhen(aborted(signal)),
      Stream.interruptWhen(stopped)
    )
    return Stream.toAsyncIterableWith(answers, Context.empty())
  }
  return router
    .service(ReflectionV1.ServerReflection, { serverReflectionInfo: serve })
    .service(ReflectionV1Alpha.ServerReflection, { serverReflectionInfo: serve })
}

/** What both versions have in common: all but their names. */
type Question = Pick<ReflectionV1.ServerReflectionRequest | ReflectionV1Alpha.ServerReflectionRequest, "host"> & {
  readonly messageRequest: Plain<ReflectionV1.ServerReflectionRequest["messageRequest"]>
}

type Plain<A> = A extends { readonly case: "fileContainingExtension" }
  ? { readonly case: "fileContainingExtension"; readonly value: Extension }
  : A

interface Extension {
  readonly containingType: string
  readonly extensionNumber: number
}

const reply = ({ host, messageRequest }: Question) => ({
  validHost: host,
  originalRequest: { host, messageRequest: plain(messageRequest) },
  messageResponse: answer(messageRequest)
})

/** Without the name of its version. */
const plain = (request: Question["messageRequest"]): Question["messageRequest"] => {
  if (request.case !== "fileContainingExtension") return request
  const { containingType, extensionNumber } = request.value
  return { case: request.case, value: { containingType, extensionNumber } }
}

const answer = (request: Question["messageRequest"]) => {
  switch (request.case) {
    case "listServices":
      return found("listServicesResponse", { service: services.map(({ typeName }) => ({ name: typeName })) })
    case "fileByFilename":
      return files(index().files.get(request.value), `file ${quote(request.value)}`)
    case "fileContainingSymbol":
      return files(index().symbols.get(request.value)?.file, `symbol ${quote(request.value)}`)
    case "fileContainingExtension":
      return notFound(`extension ${request.value.extensionNumber} of ${quote(request.value.containingType)}`)
    case "allExtensionNumbersOfType":
      return index().symbols.get(request.value)?.isMessage === true
        ? found("allExtensionNumbersResponse", { baseTypeName: request.value, extensionNumber: [] })
        : notFound(`message ${quote(request.value)}`)
    default:
      return error(Code.InvalidArgument, "the request asks for nothing that is known here")
  }
}

const found = <const Case extends string, A>(name: Case, value: A) => ({ case: name, value })

const error = (code: Code, message: string) => found("errorResponse", { errorCode: code, errorMessage: message })

const notFound = (what: string) => error(Code.NotFound, `no ${what}`)

const files = (file: DescFile | undefined, what: string) =>
  file === undefined
    ? notFound(what)
    : found("fileDescriptorResponse", {
      fileDescriptorProto: Array.from(closure([file]), (one) => toBinary(FileDescriptorProtoSchema, one.proto))
    })

/** The files and all that they import, each once, the given ones first. */
const closure = (files: ReadonlyArray<DescFile>): ReadonlySet<DescFile> => {
  const all = new Set(files)
  // A set that grows is iterated to its new end.
  for (const file of all) for (const dependency of file.dependencies) all.add(dependency)
  return all
}

interface Index {
  readonly files: ReadonlyMap<string, DescFile>
  readonly symbols: ReadonlyMap<string, { readonly file: DescFile; readonly isMessage: boolean }>
}

let indexed: Index | undefined

/** Made when it is first asked for: most connectors are never asked. */
const index = (): Index => indexed ??= makeIndex()

const makeIndex = (): Index => {
  const all = Array.from(closure(services.map(({ file }) => file)))
  const symbols = new Map<string, { readonly file: DescFile; readonly isMessage: boolean }>()
  const add = (file: DescFile, name: string, isMessage = false) => symbols.set(name, { file, isMessage })
  const addEnum = ({ file, typeName, values }: DescEnum) => {
    add(file, typeName)
    // Values are siblings of their type.
    const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1)
    for (const { name } of values) add(file, scope + name)
  }
  const addMessage = (message: DescMessage) => {
    add(message.file, message.typeName, true)
    for (const { name } of [...message.fields, ...message.oneofs]) add(message.file, `${message.typeName}.${name}`)
    for (const one of message.nestedEnums) addEnum(one)
    for (const one of message.nestedMessages) addMessage(one)
  }
  for (const file of all) {
    for (const one of file.enums) addEnum(one)
    for (const one of file.messages) addMessage(one)
    for (const service of file.services) {
      add(file, service.typeName)
      for (const { name } of service.methods) add(file, `${service.typeName}.${name}`)
    }
  }
  return { files: new Map(all.map((file) => [file.proto.name, file])), symbols }
}
