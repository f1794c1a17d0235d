package main

import (
	"fmt"
	"sort"
	"time"

	pb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

func ok() *pb.ResponseStatus {
	return &pb.ResponseStatus{Code: pb.ResponseCode_RESPONSE_CODE_OK}
}

func configPayload(fields map[string]interface{}) *pb.Payload {
	return &pb.Payload{Object: &pb.Payload_Config{Config: &pb.Config{Metadata: object(fields)}}}
}

func streamPayload(stream *pb.Stream) *pb.Payload {
	return &pb.Payload{Object: &pb.Payload_Stream{Stream: stream}}
}

func packed(message proto.Message) *anypb.Any {
	made := &anypb.Any{}
	if err := anypb.MarshalFrom(made, message, proto.MarshalOptions{Deterministic: true}); err != nil {
		panic(err)
	}
	return made
}

// callExamples has the requests, the responses and their status.
func callExamples() []example {
	examples := []example{
		{name: "GetPayloadRequest: nothing set", message: &pb.GetPayloadRequest{}},
		{name: "GetPayloadRequest: streams", message: &pb.GetPayloadRequest{
			ConnectorId: "3f2504e0-4f89-11d3-9a0c-0305e82c3301", Kind: pb.PayloadKind_PAYLOAD_KIND_STREAM,
		}},
		{name: "GetPayloadRequest: config", message: &pb.GetPayloadRequest{
			ConnectorId: "c", Kind: pb.PayloadKind_PAYLOAD_KIND_CONFIG,
		}},
		{name: "GetPayloadRequest: unknown kind", message: &pb.GetPayloadRequest{ConnectorId: "c", Kind: 77}},
		{name: "GetPayloadResponse: nothing set", message: &pb.GetPayloadResponse{}},
		{name: "GetPayloadResponse: no streams", message: &pb.GetPayloadResponse{Status: ok()}},
		{name: "GetPayloadResponse: stream and config", message: &pb.GetPayloadResponse{
			Status: ok(),
			Payloads: []*pb.Payload{
				streamPayload(fullStream()),
				configPayload(map[string]interface{}{"log_level": "debug"}),
			},
		}},
		{name: "SetPayloadRequest: nothing set", message: &pb.SetPayloadRequest{}},
		{name: "SetPayloadRequest: two streams, a config and a payload without object", message: &pb.SetPayloadRequest{
			ConnectorId: "c",
			Payloads: []*pb.Payload{
				streamPayload(fullStream()),
				streamPayload(&pb.Stream{Id: "out", Direction: pb.StreamDirection_STREAM_DIRECTION_EGRESS}),
				configPayload(map[string]interface{}{"log_level": nil}),
				{},
			},
		}},
		{name: "SetPayloadResponse: nothing set", message: &pb.SetPayloadResponse{}},
		{name: "SetPayloadResponse: ok", message: &pb.SetPayloadResponse{Status: ok()}},
		{name: "GetEventsRequest: nothing set", message: &pb.GetEventsRequest{}},
		{name: "GetEventsRequest: an id", message: &pb.GetEventsRequest{ConnectorId: "c"}},
		{name: "GetEventsResponse: nothing set", message: &pb.GetEventsResponse{}},
		{name: "GetEventsResponse: an alert and a status", message: &pb.GetEventsResponse{
			Status: ok(),
			EventPayloads: []*pb.EventPayload{
				{Object: &pb.EventPayload_Alert{Alert: fullAlert()}},
				{Object: &pb.EventPayload_Status{Status: fullStatus()}},
			},
		}},
	}
	return append(examples, statusExamples()...)
}

func statusExamples() []example {
	examples := []example{}
	numbers := []int{}
	for number := range pb.ResponseCode_name {
		numbers = append(numbers, int(number))
	}
	sort.Ints(numbers)
	for _, number := range numbers {
		code := pb.ResponseCode(number)
		examples = append(examples, example{
			name:    fmt.Sprintf("ResponseStatus: %s", code),
			message: &pb.ResponseStatus{Code: code, Message: "code " + code.String()},
		})
	}
	return append(examples, []example{
		{name: "ResponseStatus: unknown code", message: &pb.ResponseStatus{Code: 99}},
		{name: "ResponseStatus: negative code", message: &pb.ResponseStatus{Code: -1}},
		{name: "ResponseStatus: details of errors", message: &pb.ResponseStatus{
			Code:    pb.ResponseCode_RESPONSE_CODE_INVALID_ARGUMENT,
			Message: "2 violations",
			Details: []*anypb.Any{
				packed(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "payloads[0].stream.id", Description: "is empty"},
					{Field: "payloads[2].stream.metadata.subject", Description: "expected a string, got 7"},
				}}),
				packed(&errdetails.ErrorInfo{
					Reason: "InvalidPayloads", Domain: "kps.connector", Metadata: map[string]string{"stream_id": "s-1", "a": ""},
				}),
				packed(&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}),
			},
		}},
		{name: "ResponseStatus: a contract message as detail", message: &pb.ResponseStatus{
			Code:    pb.ResponseCode_RESPONSE_CODE_INTERNAL,
			Details: []*anypb.Any{packed(fullStream())},
		}},
		{name: "ResponseStatus: a detail of an unknown type", noJSON: true, message: &pb.ResponseStatus{
			Details: []*anypb.Any{{TypeUrl: "type.googleapis.com/nobody.knows.This", Value: []byte{0, 0xff, 7}}},
		}},
	}...)
}
