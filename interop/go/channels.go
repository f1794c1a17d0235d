package main

import (
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nutanix/kps-connector-go-sdk/transport"
)

const roundTripTimeout = 30 * time.Second

// rawConnection is for what the SDK's client cannot do or hides: none or many payloads in a message, its timestamp.
// It uses the same library and the same environment as the SDK.
func rawConnection() (*nats.Conn, error) {
	return nats.Connect(os.Getenv("NATS_BROKER"), nats.Name(os.Getenv("NATS_NAME")))
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
