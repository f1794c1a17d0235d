package main

import (
	"os"
	"time"

	"github.com/nats-io/nats.go"
	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/protobuf/proto"
	"kps.test/bench/work"
)

// The SDK's client publishes one payload per message, and the pinned one hands over only the first of a message. What
// many payloads in a message do is seen with the SDK's messages over nats.go.

// packing is how many payloads go into a message.
const packing = 64

func publishPacked(route route, payload []byte) (work.Handlers, error) {
	connection, err := nats.Connect(os.Getenv("NATS_BROKER"))
	if err != nil {
		return nil, err
	}
	payloads := make([][]byte, packing)
	for i := range payloads {
		payloads[i] = payload
	}
	send := func() error {
		message := connectorpb.TransportMessage{Timestamp: time.Now().UnixNano(), Payload: payloads}
		frame, err := proto.Marshal(&message)
		if err != nil {
			return err
		}
		return connection.Publish(route.Channel, frame)
	}
	return work.Publish(send, func() error { return connection.FlushTimeout(roundTripTimeout) }, packing), nil
}

func subscribePacked(route route) (work.Handlers, error) {
	connection, err := nats.Connect(os.Getenv("NATS_BROKER"))
	if err != nil {
		return nil, err
	}
	came := &work.Arrivals{}
	if _, err := connection.Subscribe(route.Channel, func(frame *nats.Msg) {
		var message connectorpb.TransportMessage
		if err := proto.Unmarshal(frame.Data, &message); err != nil {
			return
		}
		var payloads int64
		for _, payload := range message.Payload {
			if len(payload) == route.Size {
				payloads++
			}
		}
		came.Add(payloads)
	}); err != nil {
		return nil, err
	}
	return came.Handlers(), connection.FlushTimeout(roundTripTimeout)
}
