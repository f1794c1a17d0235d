package main

import (
	"flag"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"github.com/nutanix/kps-connector-go-sdk/transport"
	"google.golang.org/protobuf/proto"
)

const progressInterval = 10 * time.Millisecond

// subscribe says "ready" when the broker has the subscription, then from time to time how many payloads came, and when
// stdin ends the whole tally.
func subscribe(args []string) error {
	flags := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	channel := flags.String("channel", "", "channel to subscribe to")
	client := flags.String("client", "sdk", "sdk: the SDK's client; raw: nats.go with the SDK's messages")
	if err := parse(flags, args); err != nil {
		return err
	}
	switch *client {
	case "sdk":
		return subscribeBySDK(*channel)
	case "raw":
		return subscribeRaw(*channel)
	}
	return usageError{"subscribe: -client is neither sdk nor raw"}
}

func subscribeBySDK(channel string) error {
	client, err := transport.NewTransportClient()
	if err != nil {
		return err
	}
	received := newTally()
	if _, err := client.Subscribe(channel, func(message *transport.Message) { received.add(message.Payload) }); err != nil {
		return err
	}
	roundTrip := func() error { return sdkRoundTrip(client) }
	return watch(received, roundTrip, func() map[string]interface{} { return nil })
}

// subscribeRaw reports the messages too, which the SDK's client does not show: their timestamps and how many payloads.
func subscribeRaw(channel string) error {
	connection, err := rawConnection()
	if err != nil {
		return err
	}
	defer connection.Close()
	received := newTally()
	var mutex sync.Mutex
	messages := []map[string]interface{}{}
	malformed := 0
	subscription, err := connection.Subscribe(channel, func(frame *nats.Msg) {
		message := &connectorpb.TransportMessage{}
		mutex.Lock()
		defer mutex.Unlock()
		if err := proto.Unmarshal(frame.Data, message); err != nil {
			malformed++
			return
		}
		for _, bytes := range message.Payload {
			received.add(bytes)
		}
		messages = append(messages, map[string]interface{}{
			"timestamp": strconv.FormatInt(message.Timestamp, 10),
			"payloads":  len(message.Payload),
		})
	})
	if err != nil {
		return err
	}
	if err := subscription.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	roundTrip := func() error { return connection.FlushTimeout(roundTripTimeout) }
	return watch(received, roundTrip, func() map[string]interface{} {
		mutex.Lock()
		defer mutex.Unlock()
		return map[string]interface{}{"messages": messages, "malformed": malformed}
	})
}

func watch(received *tally, roundTrip func() error, more func() map[string]interface{}) error {
	ended := stdinEnds()
	if err := roundTrip(); err != nil {
		return err
	}
	if err := emit("ready", nil); err != nil {
		return err
	}
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for said := 0; ; {
		select {
		case <-ticker.C:
			if count := received.count(); count != said {
				said = count
				if err := emit("progress", map[string]interface{}{"payloads": said}); err != nil {
					return err
				}
			}
		case <-ended:
			// what the broker sent before is in the queue of the subscription by then: it is left to run empty
			if err := roundTrip(); err != nil {
				return err
			}
			for before := -1; before != received.count(); time.Sleep(2 * progressInterval) {
				before = received.count()
			}
			fields := received.report()
			for name, value := range more() {
				fields[name] = value
			}
			return emit("received", fields)
		}
	}
}
