package main

import (
	"math"
	"strings"
	"time"

	pb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func object(fields map[string]interface{}) *structpb.Struct {
	made, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return made
}

func nested(depth int) map[string]interface{} {
	if depth == 0 {
		return map[string]interface{}{"end": true}
	}
	return map[string]interface{}{"in": []interface{}{nested(depth - 1)}}
}

func fullStream() *pb.Stream {
	return &pb.Stream{
		Id:               "9b2b8a7e-0d4c-4b43-9a7c-6f7f4c3c9f10",
		Subscribed:       true,
		Discovered:       true,
		Direction:        pb.StreamDirection_STREAM_DIRECTION_INGRESS,
		TransportChannel: "datastream.plant.line-1",
		Metadata:         object(map[string]interface{}{"subject": "plant.>", "broker": "nats://broker:4222"}),
	}
}

func fullAlert() *pb.Alert {
	return &pb.Alert{
		Id:        "transportPublishFailed",
		StreamId:  "s-1",
		Message:   "failed to publish message on transport",
		Severity:  pb.Severity_SEVERITY_CRITICAL,
		State:     pb.State_STATE_FAILED,
		CreatedAt: timestamppb.New(time.Date(2021, 5, 26, 12, 30, 15, 123456789, time.UTC)),
		Metadata: object(map[string]interface{}{
			"ErrorMessage": "nats: connection closed", "StreamID": "s-1", "ExtraMessage": map[string]interface{}{},
		}),
	}
}

func fullStatus() *pb.Status {
	return &pb.Status{
		Id:        "streamHealthy",
		StreamId:  "s-1",
		Message:   "stream is healthy",
		State:     pb.State_STATE_HEALTHY,
		CreatedAt: timestamppb.New(time.Unix(0, 0)),
		Metadata:  object(map[string]interface{}{"ErrorMessage": ""}),
	}
}

// stateExamples has streams, configs and events, with every kind of value their metadata can have.
func stateExamples() []example {
	examples := []example{
		{name: "Payload: no object", message: &pb.Payload{}},
		{name: "Payload: empty config", message: &pb.Payload{Object: &pb.Payload_Config{Config: &pb.Config{}}}},
		{name: "Payload: empty stream", message: streamPayload(&pb.Stream{})},
		{name: "Payload: stream", message: streamPayload(fullStream())},
		{name: "Stream: nothing set", message: &pb.Stream{}},
		{name: "Stream: everything set", message: fullStream()},
		{name: "Stream: egress", message: &pb.Stream{
			Id: "out", Direction: pb.StreamDirection_STREAM_DIRECTION_EGRESS, TransportChannel: "c",
		}},
		{name: "Stream: unspecified direction", message: &pb.Stream{Id: "s"}},
		{name: "Stream: unknown direction", message: &pb.Stream{Id: "s", Direction: 3}},
		{name: "Stream: text beyond ASCII", message: &pb.Stream{Id: "Straße-\u0000-日本-😀", TransportChannel: "ключ"}},
		{name: "Stream: a field from the future", noJSON: true, message: withUnknown(fullStream(), "a00601aa0603616263")},
		{name: "Config: no metadata", message: &pb.Config{}},
		{name: "Config: empty metadata", message: &pb.Config{Metadata: object(nil)}},
		{name: "EventPayload: no object", message: &pb.EventPayload{}},
		{name: "EventPayload: alert", message: &pb.EventPayload{Object: &pb.EventPayload_Alert{Alert: fullAlert()}}},
		{name: "EventPayload: status", message: &pb.EventPayload{Object: &pb.EventPayload_Status{Status: fullStatus()}}},
		{name: "EventPayload: a kind from the future", noJSON: true, message: withUnknown(&pb.EventPayload{}, "1a020801")},
		{name: "Alert: everything set", message: fullAlert()},
		{name: "Alert: nothing set", message: &pb.Alert{}},
		{name: "Alert: as the events package makes it, never stamped", message: &pb.Alert{
			Id: "a", StreamId: "s", Message: "m", Severity: pb.Severity_SEVERITY_WARNING, State: pb.State_STATE_UNHEALTHY,
		}},
		{name: "Status: everything set", message: fullStatus()},
		{name: "Status: nothing set", message: &pb.Status{}},
		{name: "Status: unknown state", message: &pb.Status{Id: "s", State: 42}},
	}
	for _, severity := range []pb.Severity{0, 1, 2, 3} {
		examples = append(examples, example{name: "Alert: " + severity.String(), message: &pb.Alert{Severity: severity}})
	}
	for _, state := range []pb.State{0, 1, 2, 3, 4, 5} {
		examples = append(examples, example{name: "Status: " + state.String(), message: &pb.Status{State: state}})
	}
	return append(append(examples, timeExamples()...), metadataExamples()...)
}

func timeExamples() []example {
	examples := []example{}
	for _, at := range []struct {
		name string
		time time.Time
	}{
		{"the epoch", time.Unix(0, 0)},
		{"a nanosecond after", time.Unix(0, 1)},
		{"a nanosecond before", time.Unix(-1, 999_999_999)},
		{"milliseconds", time.Unix(1_622_032_215, 250_000_000)},
		{"the first of all", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"the last of all", time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
	} {
		examples = append(examples, example{
			name:    "Status: created at " + at.name,
			message: &pb.Status{CreatedAt: timestamppb.New(at.time)},
		})
	}
	return examples
}

func metadataExamples() []example {
	examples := []example{}
	for _, value := range []struct {
		name   string
		fields map[string]interface{}
	}{
		{"null", map[string]interface{}{"v": nil}},
		{"booleans", map[string]interface{}{"f": false, "t": true}},
		{"text", map[string]interface{}{"": "empty key", "e": "", "q": "\"\\\n\u2028", "u": "é😀"}},
		{"keys of JavaScript", map[string]interface{}{"__proto__": 1, "constructor": "c", "toString": nil}},
		{"a list", map[string]interface{}{"l": []interface{}{nil, true, 1, "x", []interface{}{}, map[string]interface{}{}}}},
		{"values in values, 15 deep", nested(15)},
		{"long text", map[string]interface{}{"t": strings.Repeat("0123456789abcdef", 20)}},
	} {
		examples = append(examples, example{
			name:    "Config: metadata with " + value.name,
			message: &pb.Config{Metadata: object(value.fields)},
		})
	}
	for _, number := range []struct {
		name   string
		value  float64
		noJSON bool
	}{
		{"zero", 0, false},
		{"minus zero", math.Copysign(0, -1), false},
		{"a fraction", 0.1, false},
		{"2^53", 1 << 53, false},
		{"-2^53", -(1 << 53), false},
		{"the largest", math.MaxFloat64, false},
		{"the smallest", math.SmallestNonzeroFloat64, false},
		{"NaN", math.NaN(), true},
		{"infinity", math.Inf(1), true},
		{"minus infinity", math.Inf(-1), true},
	} {
		examples = append(examples, example{
			name:    "Config: metadata with the number " + number.name,
			message: &pb.Config{Metadata: object(map[string]interface{}{"n": number.value})},
			noJSON:  number.noJSON,
		})
	}
	return append(examples,
		example{name: "Config: metadata with a value of no kind", noJSON: true, message: &pb.Config{
			Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"v": {}}},
		}},
		example{
			name:    "Config: metadata with keys that look like numbers",
			message: &pb.Config{Metadata: object(map[string]interface{}{"10": "b", "2": "c", "a": "d", "1": "a"})},
		},
	)
}
