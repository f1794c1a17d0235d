package work

// Publish publishes for as long as it is told, and answers when the broker has everything. A send is of so many
// payloads.
func Publish(send, flush func() error, perSend int) Handlers {
	return Handlers{"publish": func(told Command) (Fields, error) {
		startedCPU, started, sent := CPUMicros(), nanotime(), 0
		for nanotime()-started < told.Millis*1_000_000 {
			for i := 0; i < 64; i += perSend {
				if err := send(); err != nil {
					return nil, err
				}
			}
			sent += 64
		}
		if err := flush(); err != nil {
			return nil, err
		}
		return Fields{"sent": sent, "startedNanos": started, "cpuMicros": CPUMicros() - startedCPU}, nil
	}}
}
