package main

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/nutanix/kps-connector-go-sdk/transport"
	"kps.test/bench/work"
)

// without all of them after so long, the rest is lost
const patience = 1500 * time.Millisecond

// burst publishes at a pace with the SDK's client: a burst of payloads, each with the instant of its call.
func burst(parameters []byte) (work.Handlers, error) {
	var pace struct {
		route
		PerSecond float64 `json:"perSecond"`
		Burst     int     `json:"burst"`
	}
	if err := json.Unmarshal(parameters, &pace); err != nil {
		return nil, err
	}
	client, err := transport.NewTransportClient()
	if err != nil {
		return nil, err
	}
	every := time.Duration(float64(pace.Burst) / pace.PerSecond * float64(time.Second))
	return work.Handlers{"publish": func(told work.Command) (work.Fields, error) {
		sent, started := 0, time.Now()
		for next := time.Duration(0); next < time.Duration(told.Millis)*time.Millisecond; next += every {
			time.Sleep(next - time.Since(started))
			for i := 0; i < pace.Burst; i++ {
				payload := make([]byte, pace.Size)
				binary.BigEndian.PutUint64(payload, uint64(work.Nanotime()))
				if err := client.Publish(pace.Channel, transport.Message{Payload: payload}); err != nil {
					return nil, err
				}
			}
			sent += pace.Burst
		}
		return work.Fields{"sent": sent}, nil
	}}, nil
}

// latency subscribes with the SDK's client, and looks at the clock for each payload that its handler is given.
func latency(parameters []byte) (work.Handlers, error) {
	var route route
	if err := json.Unmarshal(parameters, &route); err != nil {
		return nil, err
	}
	client, err := transport.NewTransportClient()
	if err != nil {
		return nil, err
	}
	var mutex sync.Mutex
	latencies := make([]float64, 0, 1_000_000)
	count := func() int64 {
		mutex.Lock()
		defer mutex.Unlock()
		return int64(len(latencies))
	}
	if _, err := client.Subscribe(route.Channel, func(message *transport.Message) {
		now := work.Nanotime()
		if len(message.Payload) != route.Size {
			return
		}
		mutex.Lock()
		latencies = append(latencies, float64(now-int64(binary.BigEndian.Uint64(message.Payload)))/1000)
		mutex.Unlock()
	}); err != nil {
		return nil, err
	}
	return work.Handlers{
		"begin": func(work.Command) (work.Fields, error) {
			mutex.Lock()
			defer mutex.Unlock()
			latencies = latencies[:0]
			return nil, nil
		},
		"await": func(told work.Command) (work.Fields, error) {
			for since := time.Now(); time.Since(since) < patience && count() < told.Count; {
				time.Sleep(5 * time.Millisecond)
			}
			mutex.Lock()
			defer mutex.Unlock()
			sorted := slices.Sorted(slices.Values(latencies))
			return work.Fields{
				"received": len(sorted),
				"p50":      quantile(sorted, 0.5),
				"p99":      quantile(sorted, 0.99),
			}, nil
		},
	}, sdkRoundTrip(client)
}

// quantile is the one of src/engine/Statistics.ts, of samples in order. Zero when there are none.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	place := share * float64(len(sorted)-1)
	below := int(place)
	high := sorted[min(below+1, len(sorted)-1)]
	return sorted[below] + (high-sorted[below])*(place-float64(below))
}
