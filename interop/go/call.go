package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// task is one call, read from stdin.
type task struct {
	// Name of a method of the contract, or the full path of any other.
	RPC string `json:"rpc"`
	// The request in its JSON form.
	Request json.RawMessage `json:"request"`
	// The request as bytes in hex, instead of the JSON form: these need not be a request at all.
	Hex *string `json:"hex"`
	// How long the caller waits. Default: 30 seconds.
	TimeoutMs int `json:"timeoutMs"`
}

// call makes the calls that it reads from stdin, one after the other, and answers each with one line: the response in
// its JSON form, or the gRPC status.
func call(args []string) error {
	flags := flag.NewFlagSet("call", flag.ContinueOnError)
	address := flags.String("address", "", "host:port of the connector")
	if err := parse(flags, args); err != nil {
		return err
	}
	connection, err := grpc.Dial(*address, grpc.WithInsecure())
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()

	tasks := json.NewDecoder(os.Stdin)
	for {
		var next task
		if err := tasks.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
		answer, err := next.run(connection)
		if err != nil {
			return fmt.Errorf("%s: %w", next.RPC, err)
		}
		if err := emit("answer", answer); err != nil {
			return err
		}
	}
}

func (t task) run(connection grpc.ClientConnInterface) (map[string]interface{}, error) {
	timeout := 30 * time.Second
	if t.TimeoutMs > 0 {
		timeout = time.Duration(t.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	response, err := t.invoke(ctx, connection)
	if err != nil {
		failure, isStatus := status.FromError(err)
		if !isStatus {
			return nil, err
		}
		return statusFields(failure)
	}
	text, err := canonicalJSON(response)
	return map[string]interface{}{"response": text}, err
}

func (t task) invoke(ctx context.Context, connection grpc.ClientConnInterface) (proto.Message, error) {
	if strings.HasPrefix(t.RPC, "/") || t.Hex != nil {
		return t.invokeBytes(ctx, connection)
	}
	client := connectorpb.NewConnectorServiceClient(connection)
	switch t.RPC {
	case "GetPayload":
		request := &connectorpb.GetPayloadRequest{}
		if err := protojson.Unmarshal(t.Request, request); err != nil {
			return nil, err
		}
		return client.GetPayload(ctx, request)
	case "SetPayload":
		request := &connectorpb.SetPayloadRequest{}
		if err := protojson.Unmarshal(t.Request, request); err != nil {
			return nil, err
		}
		return client.SetPayload(ctx, request)
	case "GetEvents":
		request := &connectorpb.GetEventsRequest{}
		if err := protojson.Unmarshal(t.Request, request); err != nil {
			return nil, err
		}
		return client.GetEvents(ctx, request)
	}
	return nil, errors.New("no such method in the contract")
}

// invokeBytes calls any method with any bytes; the response is read as a bare ResponseStatus in field 1, which every
// response of the contract has.
func (t task) invokeBytes(ctx context.Context, connection grpc.ClientConnInterface) (proto.Message, error) {
	path := t.RPC
	if !strings.HasPrefix(path, "/") {
		path = "/" + connectorpb.ConnectorService_ServiceDesc.ServiceName + "/" + path
	}
	var request []byte
	if t.Hex != nil {
		bytes, err := hex.DecodeString(*t.Hex)
		if err != nil {
			return nil, err
		}
		request = bytes
	}
	response := &connectorpb.SetPayloadResponse{}
	return response, connection.Invoke(ctx, path, request, response, grpc.ForceCodec(bytesCodec{}))
}

// bytesCodec sends a request as it is.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(value interface{}) ([]byte, error) { return value.([]byte), nil }

func (bytesCodec) Unmarshal(bytes []byte, value interface{}) error {
	return proto.Unmarshal(bytes, value.(proto.Message))
}

// statusFields shows a gRPC status. The details are those of google.rpc and of the contract: others are an error.
func statusFields(failure *status.Status) (map[string]interface{}, error) {
	details := []json.RawMessage{}
	for _, detail := range failure.Proto().GetDetails() {
		text, err := canonicalJSON(detail)
		if err != nil {
			return nil, err
		}
		details = append(details, text)
	}
	return map[string]interface{}{"grpc": map[string]interface{}{
		"code":    failure.Code().String(),
		"number":  uint32(failure.Code()),
		"message": failure.Message(),
		"details": details,
	}}, nil
}
