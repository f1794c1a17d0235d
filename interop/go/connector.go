package main

import (
	"context"
	"sync"
	"time"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"github.com/nutanix/kps-connector-go-sdk/events"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// connector is a server of the contract that keeps what it is given and runs nothing. It is built on the SDK as a
// connector of the original kind is: the events registry answers GetEvents, whatever id the caller names.
//
// A stream is refused when its metadata says so (see refusalOf), and waited for as long as "waitMs" says.
type connector struct {
	*events.Registry
	connectorpb.UnsafeConnectorServiceServer

	id         string
	form       errorsForm
	subscribed bool
	faults     events.Alert
	starts     events.Status

	mutex   sync.Mutex
	streams []*connectorpb.Stream
	config  *structpb.Struct
}

func newConnector(id string, form errorsForm, subscribed bool) *connector {
	c := &connector{
		Registry:   events.NewRegistry(),
		id:         id,
		form:       form,
		subscribed: subscribed,
		faults: events.NewAlert("transportSubscribeFailed", "failed to subscribe to transport",
			connectorpb.Severity_SEVERITY_CRITICAL, connectorpb.State_STATE_FAILED),
		starts: events.NewStatus("streamStarted", "stream has successfully started", connectorpb.State_STATE_PROVISIONED),
		config: &structpb.Struct{Fields: map[string]*structpb.Value{}},
	}
	c.RegisterAlert(c.faults)
	c.RegisterStatus(c.starts)
	return c
}

func (c *connector) GetPayload(_ context.Context, request *connectorpb.GetPayloadRequest) (*connectorpb.GetPayloadResponse, error) {
	response := &connectorpb.GetPayloadResponse{}
	if failure := c.wrongID(request.GetConnectorId()); failure != nil {
		var err error
		response.Status, err = failure.in(c.form)
		return response, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch request.GetKind() {
	case connectorpb.PayloadKind_PAYLOAD_KIND_STREAM:
		for _, stream := range c.streams {
			response.Payloads = append(response.Payloads,
				&connectorpb.Payload{Object: &connectorpb.Payload_Stream{Stream: stream}})
		}
	case connectorpb.PayloadKind_PAYLOAD_KIND_CONFIG:
		response.Payloads = []*connectorpb.Payload{
			{Object: &connectorpb.Payload_Config{Config: &connectorpb.Config{
				Metadata: proto.Clone(c.config).(*structpb.Struct),
			}}},
		}
	default:
		var err error
		response.Status, err = (&failure{
			code:    connectorpb.ResponseCode_RESPONSE_CODE_INVALID_ARGUMENT,
			message: "unknown payload kind",
		}).in(c.form)
		return response, err
	}
	response.Status = &connectorpb.ResponseStatus{Code: connectorpb.ResponseCode_RESPONSE_CODE_OK}
	return response, nil
}

func (c *connector) SetPayload(ctx context.Context, request *connectorpb.SetPayloadRequest) (*connectorpb.SetPayloadResponse, error) {
	refusal := c.wrongID(request.GetConnectorId())
	if refusal == nil {
		if err := wait(ctx, request.GetPayloads()); err != nil {
			return nil, err
		}
		refusal = c.apply(request.GetPayloads())
	}
	if refusal != nil {
		status, err := refusal.in(c.form)
		return &connectorpb.SetPayloadResponse{Status: status}, err
	}
	return &connectorpb.SetPayloadResponse{
		Status: &connectorpb.ResponseStatus{Code: connectorpb.ResponseCode_RESPONSE_CODE_OK},
	}, nil
}

// apply does as the original: config is merged key by key and first, then the streams replace all streams before.
func (c *connector) apply(payloads []*connectorpb.Payload) *failure {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var streams []*connectorpb.Stream
	for _, payload := range payloads {
		if stream := payload.GetStream(); stream != nil {
			streams = append(streams, stream)
		}
		for key, value := range payload.GetConfig().GetMetadata().GetFields() {
			c.config.Fields[key] = value
		}
	}
	for _, stream := range streams {
		if refusal := refusalOf(stream); refusal != nil {
			metadata := &events.EventMetadata{ErrorMessage: refusal.message, StreamID: stream.GetId()}
			_ = c.faults.Publish(events.AlertWithStreamID(stream.GetId()), events.AlertWithEventMetadata(metadata))
			return refusal
		}
		stream.Subscribed = stream.Subscribed || c.subscribed
		_ = c.starts.Publish(events.StatusWithStreamID(stream.GetId()))
	}
	c.streams = streams
	return nil
}

// wait says on stdout when the caller gave up first.
func wait(ctx context.Context, payloads []*connectorpb.Payload) error {
	for _, payload := range payloads {
		millis := payload.GetStream().GetMetadata().GetFields()["waitMs"].GetNumberValue()
		select {
		case <-time.After(time.Duration(millis) * time.Millisecond):
		case <-ctx.Done():
			_ = emit("gaveUp", map[string]interface{}{"stream": payload.GetStream().GetId()})
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	return nil
}

func (c *connector) wrongID(id string) *failure {
	if id == c.id {
		return nil
	}
	return &failure{code: connectorpb.ResponseCode_RESPONSE_CODE_INVALID_ARGUMENT, message: "wrong Connector id"}
}
