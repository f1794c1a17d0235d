package work

import (
	"sync/atomic"
	"time"
)

// without anything new for so long, no more is to come
const idle = 1500 * time.Millisecond

// Arrivals counts payloads: it is added to by one goroutine and looked at by another.
type Arrivals struct {
	received, last, noted atomic.Int64
	startedCPU            int64
}

// Add is called when so many payloads came just now.
func (a *Arrivals) Add(payloads int64) {
	// a clock reading for each payload would be measured too
	if received := a.received.Add(payloads); received-a.noted.Load() >= 64 {
		a.noted.Store(received)
		a.last.Store(nanotime())
	}
}

// Handlers are for the commands "begin" and "await".
func (a *Arrivals) Handlers() Handlers {
	return Handlers{
		"begin": func(Command) (Fields, error) {
			a.received.Store(0)
			a.noted.Store(0)
			a.last.Store(nanotime())
			a.startedCPU = CPUMicros()
			return nil, nil
		},
		"await": func(told Command) (Fields, error) {
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
			return Fields{
				"received":  a.received.Load(),
				"lastNanos": a.last.Load(),
				"cpuMicros": CPUMicros() - a.startedCPU,
			}, nil
		},
	}
}
