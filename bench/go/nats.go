package main

import (
	"bytes"
	"encoding/json"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"kps.test/bench/work"
)

const roundTripTimeout = 30 * time.Second

type route struct {
	Channel string `json:"channel"`
	Size    int    `json:"size"`
}

func connect() (*nats.Conn, error) { return nats.Connect(os.Getenv("NATS_BROKER")) }

// publish is nats.go alone, with the payload as the message.
func publish(parameters []byte) (work.Handlers, error) {
	var route route
	if err := json.Unmarshal(parameters, &route); err != nil {
		return nil, err
	}
	connection, err := connect()
	if err != nil {
		return nil, err
	}
	payload := bytes.Repeat([]byte{7}, route.Size)
	send := func() error { return connection.Publish(route.Channel, payload) }
	return work.Publish(send, func() error { return connection.FlushTimeout(roundTripTimeout) }, 1), nil
}

func subscribe(parameters []byte) (work.Handlers, error) {
	var route route
	if err := json.Unmarshal(parameters, &route); err != nil {
		return nil, err
	}
	connection, err := connect()
	if err != nil {
		return nil, err
	}
	came := &work.Arrivals{}
	if _, err := connection.Subscribe(route.Channel, func(frame *nats.Msg) {
		if len(frame.Data) == route.Size {
			came.Add(1)
		}
	}); err != nil {
		return nil, err
	}
	return came.Handlers(), connection.FlushTimeout(roundTripTimeout)
}
