package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"
	"time"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"kps.test/bench/work"
)

// eventServer answers GetEvents as a connector in Go does: with messages, which grpc-go encodes for each call.
type eventServer struct {
	connectorpb.UnimplementedConnectorServiceServer
	answer *connectorpb.GetEventsResponse
}

func (s eventServer) GetEvents(
	context.Context, *connectorpb.GetEventsRequest,
) (*connectorpb.GetEventsResponse, error) {
	return &connectorpb.GetEventsResponse{Status: s.answer.Status, EventPayloads: s.answer.EventPayloads}, nil
}

// serveEvents serves the answer that is in a file, encoded, and says on which port.
func serveEvents(parameters []byte) (work.Handlers, error) {
	var told struct {
		File string `json:"file"`
	}
	if err := json.Unmarshal(parameters, &told); err != nil {
		return nil, err
	}
	encoded, err := os.ReadFile(told.File)
	if err != nil {
		return nil, err
	}
	answer := &connectorpb.GetEventsResponse{}
	if err := proto.Unmarshal(encoded, answer); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	connectorpb.RegisterConnectorServiceServer(server, eventServer{answer: answer})
	go func() { _ = server.Serve(listener) }()
	return work.Handlers{"where": func(work.Command) (work.Fields, error) {
		return work.Fields{"port": listener.Addr().(*net.TCPAddr).Port}, nil
	}}, nil
}

// raw is a codec that leaves a reply as it is: what is measured is who serves.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }

func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append((*v.(*[]byte))[:0], data...)
	return nil
}

// callEvents calls GetEvents, again and again, on one connection.
func callEvents(parameters []byte) (work.Handlers, error) {
	var told struct {
		Port    int    `json:"port"`
		ID      string `json:"id"`
		Callers int    `json:"callers"`
		Events  int    `json:"events"`
	}
	if err := json.Unmarshal(parameters, &told); err != nil {
		return nil, err
	}
	const mebibytes = 64
	connection, err := grpc.NewClient(
		fmt.Sprintf("127.0.0.1:%d", told.Port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mebibytes<<20), grpc.ForceCodec(raw{})),
	)
	if err != nil {
		return nil, err
	}
	request, err := proto.Marshal(&connectorpb.GetEventsRequest{ConnectorId: told.ID})
	if err != nil {
		return nil, err
	}
	call := func(reply *[]byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return connection.Invoke(ctx, "/connector.v1.ConnectorService/GetEvents", &request, reply)
	}
	var first []byte
	if err := call(&first); err != nil {
		return nil, err
	}
	answer := &connectorpb.GetEventsResponse{}
	if err := proto.Unmarshal(first, answer); err != nil {
		return nil, err
	}
	if len(answer.EventPayloads) != told.Events {
		return nil, fmt.Errorf("want %d events, got %d", told.Events, len(answer.EventPayloads))
	}
	return work.Handlers{"call": func(command work.Command) (work.Fields, error) {
		started := work.Nanotime()
		until := started + command.Millis*1_000_000
		all := make([][]float64, told.Callers)
		failed := make([]error, told.Callers)
		var group sync.WaitGroup
		for i := 0; i < told.Callers; i++ {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				var reply []byte
				for now := work.Nanotime(); now < until; {
					if failed[i] = call(&reply); failed[i] != nil {
						return
					}
					if len(reply) != len(first) {
						failed[i] = fmt.Errorf("want a reply of %d bytes, got %d", len(first), len(reply))
						return
					}
					after := work.Nanotime()
					all[i] = append(all[i], float64(after-now)/1e3)
					now = after
				}
			}(i)
		}
		group.Wait()
		took := float64(work.Nanotime()-started) / 1e9
		var micros []float64
		for i := range all {
			if failed[i] != nil {
				return nil, failed[i]
			}
			micros = append(micros, all[i]...)
		}
		sort.Float64s(micros)
		return work.Fields{"perSecond": float64(len(micros)) / took, "p50Micros": micros[len(micros)/2]}, nil
	}}, nil
}
