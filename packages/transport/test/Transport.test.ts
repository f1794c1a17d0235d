import { Transport } from "@kps/transport"
import * as TransportConformance from "@kps/transport/testing/TransportConformance"

TransportConformance.suite("memory", Transport.layerMemory)
