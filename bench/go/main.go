// Command peer is the other side of the benchmarks where it is not the SDK: nats.go and grpc-go, at their latest. The SDK
// is in a program of its own, in sdk/, with the versions that it brings.
package main

import "kps.test/bench/work"

func main() {
	work.Main(map[string]work.Role{
		"callEvents":    callEvents,
		"consume":       consume,
		"publish":       publish,
		"publishStored": publishStored,
		"serveEvents":   serveEvents,
		"subscribe":     subscribe,
	})
}
