package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"github.com/nutanix/kps-connector-go-sdk/transport"
	"google.golang.org/protobuf/proto"
)

const roundTripTimeout = 30 * time.Second

type flow struct {
	// "sdk": the SDK's own client; "packed": nats.go with the SDK's messages, many payloads in each; "nats": nats.go
	// alone, with the payload as the message.
	Client  string `json:"client"`
	Channel string `json:"channel"`
	Size    int    `json:"size"`
}

// packing is how many payloads "packed" puts into a message.
const packing = 64

// publish publishes for as long as it is told, and answers when the broker has everything.
func publish(parameters []byte) (handlers, error) {
	var flow flow
	if err := json.Unmarshal(parameters, &flow); err != nil {
		return nil, err
	}
	payload := bytes.Repeat([]byte{7}, flow.Size)
	var send, flush func() error
	perSend := 1
	switch flow.Client {
	case "sdk":
		client, err := transport.NewTransportClient()
		if err != nil {
			return nil, err
		}
		send = func() error { return client.Publish(flow.Channel, transport.Message{Payload: payload}) }
		flush = func() error { return sdkRoundTrip(client) }
	case "packed", "nats":
		connection, err := connect()
		if err != nil {
			return nil, err
		}
		send = func() error { return connection.Publish(flow.Channel, payload) }
		if flow.Client == "packed" {
			perSend = packing
			payloads := make([][]byte, packing)
			for i := range payloads {
				payloads[i] = payload
			}
			send = func() error {
				message := connectorpb.TransportMessage{Timestamp: time.Now().UnixNano(), Payload: payloads}
				frame, err := proto.Marshal(&message)
				if err != nil {
					return err
				}
				return connection.Publish(flow.Channel, frame)
			}
		}
		flush = func() error { return connection.FlushTimeout(roundTripTimeout) }
	default:
		return nil, fmt.Errorf("client %q is none of sdk, packed, nats", flow.Client)
	}
	return handlers{"publish": func(told command) (fields, error) {
		startedCPU, started, sent := cpuMicros(), nanotime(), 0
		for nanotime()-started < told.Millis*1_000_000 {
			for i := 0; i < 64; i += perSend {
				if err := send(); err != nil {
					return nil, err
				}
			}
			sent += 64
		}
		if err := flush(); err != nil {
			return nil, err
		}
		return fields{"sent": sent, "startedNanos": started, "cpuMicros": cpuMicros() - startedCPU}, nil
	}}, nil
}

func connect() (*nats.Conn, error) { return nats.Connect(os.Getenv("NATS_BROKER")) }

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
