// Makes what is made of apps/nats-connector/samples/connector.yaml, the one source of the connector's Kubernetes
// resources: the class document's yamlData, and k8s/natsconnector.yaml for a cluster without the platform.
//
//   node ship/manifests.ts           writes both
//   node ship/manifests.ts --check   exits 1 and names what is not as it would be written
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"

const folder = new URL("../apps/nats-connector/", import.meta.url)

/** Text of a file of the app. */
export const read = (file: string): string => readFileSync(new URL(file, folder), "utf8")

/** Puts the static parameters of an instance into a template, as the platform does; dies of one that is not given. */
export const render = (template: string, parameters: Readonly<Record<string, string>>): string =>
  template.replaceAll(/\{\{ \.Parameters\.(\w+) \}\}/g, (_, name: string) => {
    const value = parameters[name]
    if (value === undefined) throw new Error(`no value for the static parameter "${name}"`)
    return value
  })

// a registry that does not exist: the image is built and pushed by whoever installs the connector
const image = (tag: string) => `registry.example.com/natsconnector:${tag}`

/** The connector for a cluster without the platform: the class's resources, rendered, in the namespace of settings.yaml. */
const plain = (template: string): string => {
  const tag: string = JSON.parse(read("samples/class.json")).connectorVersion
  const documents = parseAllDocuments(render(template, { image_tag: tag })).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    document.setIn(["metadata", "namespace"], "kps")
    const containers = ["spec", "template", "spec", "containers", 0, "image"]
    if (document.get("kind") === "Deployment") document.setIn(containers, image(tag))
    return document
  })
  const text = documents.map((document) => document.toString({ flowCollectionPadding: false }).replace(/^---\n/, ""))
    .join("---\n")
  return `# Made from samples/connector.yaml by \`pnpm manifests\`: edit that.\n${text.replace(/^(#.*\n)*\n?/, "")}`
}

/** Every file that is made, and what it holds. */
export const made = (): Readonly<Record<string, string>> => {
  const template = read("samples/connector.yaml")
  return {
    "samples/class.json": `${
      JSON.stringify({ ...JSON.parse(read("samples/class.json")), yamlData: template }, null, 2)
    }\n`,
    "k8s/natsconnector.yaml": plain(template)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check")
  for (const [file, text] of Object.entries(made())) {
    if (!check) writeFileSync(new URL(file, folder), text)
    else if (read(file) !== text) {
      console.error(`apps/nats-connector/${file} is not what samples/connector.yaml makes it: run "pnpm manifests"`)
      process.exitCode = 1
    }
  }
}
