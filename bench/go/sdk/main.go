// Command sdk is the original KPS connector SDK for Go as the other side of the benchmarks, with the versions of nats.go,
// grpc-go and protobuf that it brings: what its connectors run with. (With the latest of all three it is a tenth slower.)
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nutanix/kps-connector-go-sdk/transport"
	"kps.test/bench/work"
)

const roundTripTimeout = 30 * time.Second

type route struct {
	// "sdk": the SDK's own client; "packed": nats.go with the SDK's messages and many payloads in each.
	Client  string `json:"client"`
	Channel string `json:"channel"`
	Size    int    `json:"size"`
}

func main() {
	work.Main(map[string]work.Role{
		"burst":     burst,
		"latency":   latency,
		"publish":   publish,
		"subscribe": subscribe,
	})
}

func publish(parameters []byte) (work.Handlers, error) {
	var route route
	if err := json.Unmarshal(parameters, &route); err != nil {
		return nil, err
	}
	payload := bytes.Repeat([]byte{7}, route.Size)
	switch route.Client {
	case "sdk":
		client, err := transport.NewTransportClient()
		if err != nil {
			return nil, err
		}
		send := func() error { return client.Publish(route.Channel, transport.Message{Payload: payload}) }
		return work.Publish(send, func() error { return sdkRoundTrip(client) }, 1), nil
	case "packed":
		return publishPacked(route, payload)
	}
	return nil, fmt.Errorf("client %q is neither sdk nor packed", route.Client)
}

func subscribe(parameters []byte) (work.Handlers, error) {
	var route route
	if err := json.Unmarshal(parameters, &route); err != nil {
		return nil, err
	}
	switch route.Client {
	case "sdk":
		client, err := transport.NewTransportClient()
		if err != nil {
			return nil, err
		}
		came := &work.Arrivals{}
		if _, err := client.Subscribe(route.Channel, func(message *transport.Message) {
			if len(message.Payload) == route.Size {
				came.Add(1)
			}
		}); err != nil {
			return nil, err
		}
		return came.Handlers(), sdkRoundTrip(client)
	case "packed":
		return subscribePacked(route)
	}
	return nil, fmt.Errorf("client %q is neither sdk nor packed", route.Client)
}

// sdkRoundTrip succeeds when the broker has handled everything that the SDK's connection sent before. The SDK has no
// flush, but its connection keeps order: a message to itself comes back after all that.
func sdkRoundTrip(client transport.Client) error {
	came := make(chan struct{}, 1)
	subscription, err := client.Subscribe(nats.NewInbox(), func(*transport.Message) { came <- struct{}{} })
	if err != nil {
		return err
	}
	defer func() { _ = subscription.Unsubscribe() }()
	if err := client.Publish(subscription.Channel(), transport.Message{Payload: []byte("marker")}); err != nil {
		return err
	}
	select {
	case <-came:
		return nil
	case <-time.After(roundTripTimeout):
		return fmt.Errorf("no answer from the broker within %s", roundTripTimeout)
	}
}
