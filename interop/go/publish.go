package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"github.com/nutanix/kps-connector-go-sdk/transport"
	"google.golang.org/protobuf/proto"
)

// publish sends messages and reports what it sent once the broker has all of them.
func publish(args []string) error {
	flags := flag.NewFlagSet("publish", flag.ContinueOnError)
	channel := flags.String("channel", "", "channel to publish on")
	client := flags.String("client", "sdk", "sdk: the SDK's client; raw: nats.go with the SDK's messages")
	count := flags.Int("count", 1, "messages to send")
	sizeList := flags.String("sizes", "16", "sizes of the payloads in bytes, used in turn")
	payloads := flags.Int("payloads", 1, "payloads in each message; the SDK's client sends one")
	timestampList := flags.String("timestamps", "", "timestamps of the messages, used in turn (raw only); none: now")
	if err := parse(flags, args); err != nil {
		return err
	}
	sizes, err := integers(*sizeList)
	if err != nil || len(sizes) == 0 || slices.Min(sizes) < 0 {
		return usageError{fmt.Sprintf("publish: -sizes %q is no list of sizes", *sizeList)}
	}
	timestamps, err := integers(*timestampList)
	if err != nil {
		return usageError{fmt.Sprintf("publish: -timestamps %q is no list of int64", *timestampList)}
	}

	sent := newTally()
	next := func() []byte {
		bytes := payload(uint64(sent.count()), int(sizes[sent.count()%len(sizes)]))
		sent.add(bytes)
		return bytes
	}
	switch {
	case *client == "sdk" && *payloads == 1 && len(timestamps) == 0:
		err = publishBySDK(*channel, *count, next)
	case *client == "raw":
		err = publishRaw(*channel, *count, func(number int) *connectorpb.TransportMessage {
			message := &connectorpb.TransportMessage{Timestamp: time.Now().UnixNano()}
			if len(timestamps) > 0 {
				message.Timestamp = timestamps[number%len(timestamps)]
			}
			for i := 0; i < *payloads; i++ {
				message.Payload = append(message.Payload, next())
			}
			return message
		})
	default:
		err = usageError{"publish: only -client raw takes -payloads and -timestamps"}
	}
	if err != nil {
		return err
	}
	return emit("published", sent.report())
}

func publishBySDK(channel string, count int, next func() []byte) error {
	client, err := transport.NewTransportClient()
	if err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		if err := client.Publish(channel, transport.Message{Payload: next()}); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return sdkRoundTrip(client)
}

func publishRaw(channel string, count int, message func(number int) *connectorpb.TransportMessage) error {
	connection, err := rawConnection()
	if err != nil {
		return err
	}
	defer connection.Close()
	for i := 0; i < count; i++ {
		bytes, err := proto.Marshal(message(i))
		if err != nil {
			return err
		}
		if err := connection.Publish(channel, bytes); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return connection.FlushTimeout(roundTripTimeout)
}

func integers(list string) ([]int64, error) {
	var numbers []int64
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}
