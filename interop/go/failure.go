package main

import (
	"errors"
	"time"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// errorsForm is how a server lets its errors travel.
type errorsForm string

const (
	// original is what a connector made from the original template does: it returns response and error together, of
	// which gRPC sends the error alone, as code Unknown with the bare text.
	original errorsForm = "original"
	// inBand is what the contract describes: a ResponseStatus in a response that gRPC calls OK.
	inBand errorsForm = "inBand"
	// grpcStatus is the gRPC status of the same name, with the ResponseStatus as its detail.
	grpcStatus errorsForm = "grpc"
)

type failure struct {
	code    connectorpb.ResponseCode
	message string
	details []proto.Message
}

const codePrefix = "RESPONSE_CODE_"

// refusalOf reads what a stream's metadata wants to be refused with:
//
//	"refuse": {"code": "UNAVAILABLE", "message": "away", "about": "stream"}
//
// With "about" a detail says what is wrong: with the "request" a field, or with the "stream" itself.
func refusalOf(stream *connectorpb.Stream) *failure {
	refuse := stream.GetMetadata().GetFields()["refuse"].GetStructValue().GetFields()
	if refuse == nil {
		return nil
	}
	name, message := refuse["code"].GetStringValue(), refuse["message"].GetStringValue()
	info := &errdetails.ErrorInfo{
		Reason:   "Refused",
		Domain:   "kps.connector",
		Metadata: map[string]string{"stream_id": stream.GetId()},
	}
	details := []proto.Message{info, &errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}}
	switch refuse["about"].GetStringValue() {
	case "request":
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "payloads[0].stream.metadata.refuse", Description: message},
		}})
	case "stream":
		info.Metadata["code"] = name
		info.Metadata["message"] = message
		info.Metadata["retry_in_millis"] = "250"
	}
	return &failure{
		code:    connectorpb.ResponseCode(connectorpb.ResponseCode_value[codePrefix+name]),
		message: message,
		details: details,
	}
}

// in gives what a handler returns.
func (f *failure) in(form errorsForm) (*connectorpb.ResponseStatus, error) {
	response := &connectorpb.ResponseStatus{Code: f.code, Message: f.message}
	if form == original {
		return response, errors.New(f.message)
	}
	for _, detail := range f.details {
		packed, err := anypb.New(detail)
		if err != nil {
			return nil, err
		}
		response.Details = append(response.Details, packed)
	}
	if form == inBand {
		return response, nil
	}
	packed, err := anypb.New(response)
	if err != nil {
		return nil, err
	}
	answer := status.New(grpcCode(f.code), f.message).Proto()
	answer.Details = append(answer.Details, packed)
	return nil, status.ErrorProto(answer)
}

// grpcCode maps by name: the numbers differ.
func grpcCode(code connectorpb.ResponseCode) codes.Code {
	var mapped codes.Code
	name := code.String()[len(codePrefix):]
	if err := mapped.UnmarshalJSON([]byte(`"` + name + `"`)); err != nil {
		return codes.Unknown
	}
	return mapped
}
