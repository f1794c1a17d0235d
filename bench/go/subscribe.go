package main

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"github.com/nutanix/kps-connector-go-sdk/transport"
	"google.golang.org/protobuf/proto"
)

// without anything new for so long, no more is to come
const idle = 1500 * time.Millisecond

// subscribe counts the payloads of the right size, until as many came as it is told, or no more do.
func subscribe(parameters []byte) (handlers, error) {
	var flow flow
	if err := json.Unmarshal(parameters, &flow); err != nil {
		return nil, err
	}
	came := &arrivals{}
	switch flow.Client {
	case "sdk":
		client, err := transport.NewTransportClient()
		if err != nil {
			return nil, err
		}
		if _, err := client.Subscribe(flow.Channel, func(message *transport.Message) {
			if len(message.Payload) == flow.Size {
				came.add(1)
			}
		}); err != nil {
			return nil, err
		}
		if err := sdkRoundTrip(client); err != nil {
			return nil, err
		}
	case "packed", "nats":
		connection, err := connect()
		if err != nil {
			return nil, err
		}
		count := func(frame *nats.Msg) {
			if len(frame.Data) == flow.Size {
				came.add(1)
			}
		}
		if flow.Client == "packed" {
			count = func(frame *nats.Msg) { came.add(payloadsOf(frame.Data, flow.Size)) }
		}
		if _, err := connection.Subscribe(flow.Channel, count); err != nil {
			return nil, err
		}
		if err := connection.FlushTimeout(roundTripTimeout); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("client %q is none of sdk, packed, nats", flow.Client)
	}
	return came.handlers(), nil
}

// payloadsOf reads a frame with the SDK's message, since its client hands over only the first payload of a message.
func payloadsOf(frame []byte, size int) int64 {
	var message connectorpb.TransportMessage
	if err := proto.Unmarshal(frame, &message); err != nil {
		return 0
	}
	var payloads int64
	for _, payload := range message.Payload {
		if len(payload) == size {
			payloads++
		}
	}
	return payloads
}

// arrivals is added to by one goroutine and looked at by another.
type arrivals struct {
	received, last, noted atomic.Int64
	startedCPU            int64
}

func (a *arrivals) add(payloads int64) {
	// a clock reading for each payload would be measured too
	if received := a.received.Add(payloads); received-a.noted.Load() >= 64 {
		a.noted.Store(received)
		a.last.Store(nanotime())
	}
}

func (a *arrivals) handlers() handlers {
	return handlers{
		"begin": func(command) (fields, error) {
			a.received.Store(0)
			a.noted.Store(0)
			a.last.Store(nanotime())
			a.startedCPU = cpuMicros()
			return nil, nil
		},
		"await": func(told command) (fields, error) {
			for seen, since := a.received.Load(), time.Now(); seen < told.Count; {
				time.Sleep(time.Millisecond)
				if received := a.received.Load(); received != seen {
					seen, since = received, time.Now()
					if received >= told.Count && a.noted.Load() != received {
						a.last.Store(nanotime())
					}
				}
				if time.Since(since) > idle {
					break
				}
			}
			return fields{
				"received":  a.received.Load(),
				"lastNanos": a.last.Load(),
				"cpuMicros": cpuMicros() - a.startedCPU,
			}, nil
		},
	}
}
