package main

import (
	"fmt"
	"math"

	pb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
)

// wireExamples has what goes over the channels.
func wireExamples() []example {
	examples := []example{
		{name: "TransportMessage: nothing set", message: &pb.TransportMessage{}},
		{name: "TransportMessage: an empty payload", message: &pb.TransportMessage{Payload: [][]byte{{}}}},
		{name: "TransportMessage: one payload", message: &pb.TransportMessage{
			Timestamp: 1_622_032_215_123_456_789, Payload: [][]byte{payload(0, 16)},
		}},
		{name: "TransportMessage: several payloads, empty ones too", message: &pb.TransportMessage{
			Timestamp: 1, Payload: [][]byte{[]byte("a"), {}, []byte("bc"), {}},
		}},
		{name: "TransportMessage: a payload of 127 bytes", message: &pb.TransportMessage{Payload: [][]byte{payload(1, 127)}}},
		{name: "TransportMessage: a payload of 128 bytes", message: &pb.TransportMessage{Payload: [][]byte{payload(2, 128)}}},
		{name: "TransportMessage: metadata of its predecessor and a field from the future", noJSON: true, message: withUnknown(
			&pb.TransportMessage{Timestamp: 7, Payload: [][]byte{[]byte("p"), []byte("q")}},
			"120f0a05746f70696312060a01611201627a017a",
		)},
	}
	for _, timestamp := range []int64{
		-1, 127, 128, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 + 1, math.MaxInt64, math.MinInt64,
	} {
		examples = append(examples, example{
			name:    fmt.Sprintf("TransportMessage: timestamp %d", timestamp),
			message: &pb.TransportMessage{Timestamp: timestamp, Payload: [][]byte{{0xff}}},
		})
	}
	many := &pb.TransportMessage{Timestamp: 1_622_032_215_000_000_000}
	for i := 0; i < 500; i++ {
		many.Payload = append(many.Payload, payload(uint64(i), i%5))
	}
	return append(examples, example{name: "TransportMessage: 500 payloads", message: many})
}
