import { suite } from "./conformance/DocumentsConformance.ts"
import { memory } from "./support/Place.ts"

suite("memory", memory)
