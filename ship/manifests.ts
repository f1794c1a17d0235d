// Makes k8s/natsconnector.yaml, the NATS connector for a cluster without the platform, from its class document: the same
// resources, in a namespace of their own. The class document is made by `kps class build`; `pnpm manifests` does both.
//
//   node ship/manifests.ts
import { ConnectorClass, type InvalidResource } from "@kps/resources"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"

const folder = new URL("../apps/nats-connector/", import.meta.url)

/** Text of a file of the app. */
export const read = (file: string): string => readFileSync(new URL(file, folder), "utf8")

/** The class, as the platform reads it. */
export const connectorClass: Effect.Effect<ConnectorClass.ConnectorClass, InvalidResource.InvalidResource> =
  ConnectorClass.decode(JSON.parse(read("samples/class.json")))

// a registry that does not exist: the image is built and pushed by whoever installs the connector
const image = (tag: string) => `registry.example.com/natsconnector:${tag}`

/** What k8s/natsconnector.yaml holds: the class's resources, rendered, in the namespace of settings.yaml. */
export const plain: Effect.Effect<string, InvalidResource.InvalidResource> = Effect.gen(function*() {
  const found = yield* connectorClass
  const { yaml } = yield* ConnectorClass.render(found, { image_tag: found.connectorVersion })
  const documents = parseAllDocuments(yaml).map((document) => {
    document.setIn(["metadata", "namespace"], "kps")
    const containers = ["spec", "template", "spec", "containers", 0, "image"]
    if (document.get("kind") === "Deployment") document.setIn(containers, image(found.connectorVersion))
    return document
  })
  const text = documents.map((document) => document.toString({ flowCollectionPadding: false }).replace(/^---\n/, ""))
    .join("---\n")
  return `# Made from samples/connector.yaml by \`pnpm manifests\`: edit that.\n${text.replace(/^(#.*\n)*\n?/, "")}`
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("k8s/natsconnector.yaml", folder), await Effect.runPromise(plain))
}
