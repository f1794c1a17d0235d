package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"kps.test/bench/work"
)

// publishStored is nats.go's asynchronous publish: a window of messages on their way, each acknowledged.
func publishStored(parameters []byte) (work.Handlers, error) {
	var told struct {
		route
		Window int `json:"window"`
	}
	if err := json.Unmarshal(parameters, &told); err != nil {
		return nil, err
	}
	connection, err := connect()
	if err != nil {
		return nil, err
	}
	stored, err := jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(told.Window))
	if err != nil {
		return nil, err
	}
	payload := bytes.Repeat([]byte{7}, told.Size)
	var all []jetstream.PubAckFuture
	return work.Handlers{"publish": func(command work.Command) (work.Fields, error) {
		all = all[:0]
		started := work.Nanotime()
		startedCPU := work.CPUMicros()
		for work.Nanotime()-started < command.Millis*1_000_000 {
			for i := 0; i < 64; i++ {
				future, err := stored.PublishAsync(told.Channel, payload)
				if errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
					i--
					continue
				}
				if err != nil {
					return nil, err
				}
				all = append(all, future)
			}
		}
		select {
		case <-stored.PublishAsyncComplete():
		case <-time.After(roundTripTimeout):
			return nil, errors.New("not everything was acknowledged in time")
		}
		ended, cpu := work.Nanotime(), work.CPUMicros()-startedCPU
		for _, future := range all {
			select {
			case err := <-future.Err():
				return nil, fmt.Errorf("refused: %w", err)
			default:
			}
		}
		return work.Fields{"count": len(all), "nanos": ended - started, "cpuMicros": cpu}, nil
	}}, nil
}

// consume is nats.go's pull consumer with a callback, each message acknowledged in it.
func consume(parameters []byte) (work.Handlers, error) {
	var told struct {
		route
		Stream string `json:"stream"`
	}
	if err := json.Unmarshal(parameters, &told); err != nil {
		return nil, err
	}
	connection, err := connect()
	if err != nil {
		return nil, err
	}
	stored, err := jetstream.New(connection)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return work.Handlers{"consume": func(command work.Command) (work.Fields, error) {
		consumer, err := stored.CreateConsumer(ctx, told.Stream, jetstream.ConsumerConfig{
			Durable:   "go-" + nats.NewInbox()[7:],
			AckPolicy: jetstream.AckExplicitPolicy,
		})
		if err != nil {
			return nil, err
		}
		ended := make(chan int64, 1)
		var count int64
		var failed error
		started := work.Nanotime()
		startedCPU := work.CPUMicros()
		reading, err := consumer.Consume(func(message jetstream.Msg) {
			if count == command.Count {
				return
			}
			if err := message.Ack(); err != nil {
				failed = err
			}
			if count++; count == command.Count {
				ended <- work.Nanotime()
			}
		})
		if err != nil {
			return nil, err
		}
		defer reading.Stop()
		select {
		case at := <-ended:
			if err := connection.FlushTimeout(roundTripTimeout); err != nil {
				return nil, err
			}
			cpu := work.CPUMicros() - startedCPU
			if failed != nil {
				return nil, failed
			}
			return work.Fields{"count": count, "nanos": at - started, "cpuMicros": cpu}, stored.DeleteConsumer(ctx, told.Stream, consumer.CachedInfo().Name)
		case <-time.After(roundTripTimeout):
			return nil, fmt.Errorf("want %d messages in time, got %d", command.Count, count)
		}
	}}, nil
}
