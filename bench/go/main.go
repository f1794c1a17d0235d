// Command peer is the other side of the benchmarks: the original KPS connector SDK for Go, nats.go and grpc-go, each as
// a process that does one part and is told what to do, line by line.
//
// A subcommand takes its parameters as one JSON argument, writes {"event":"ready"} when it can be measured, answers each
// line of JSON on stdin with one on stdout, and ends when stdin does. src/engine/Worker.ts is who starts it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"syscall"
	_ "unsafe" // for nanotime
)

// command is one line of stdin.
type command struct {
	Do        string  `json:"do"`
	Millis    int64   `json:"millis"`
	Count     int64   `json:"count"`
	PerSecond float64 `json:"perSecond"`
}

type fields map[string]interface{}

type handlers map[string]func(command) (fields, error)

// roles make their handlers from their parameters, and are ready then.
var roles = map[string]func(parameters []byte) (handlers, error){
	"publish":   publish,
	"subscribe": subscribe,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	names := make([]string, 0, len(roles))
	for name := range roles {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(args) != 2 || roles[args[0]] == nil {
		return fmt.Errorf("want a role (%s) and its parameters as JSON, got %q", strings.Join(names, ", "), args)
	}
	work, err := roles[args[0]]([]byte(args[1]))
	if err != nil {
		return err
	}
	write("ready", nil)
	for commands := json.NewDecoder(os.Stdin); ; {
		var next command
		if err := commands.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
		handler, known := work[next.Do]
		if !known {
			write("failed", fields{"problem": fmt.Sprintf("no command %q", next.Do)})
			continue
		}
		if answer, err := handler(next); err != nil {
			write("failed", fields{"problem": err.Error()})
		} else {
			write("answer", answer)
		}
	}
}

func write(event string, more fields) {
	line := fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // numbers and strings alone
	}
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// nanotime is the machine's monotonic clock in nanoseconds, the one that Node's process.hrtime reads too. time.Time
// has it, and does not give it away.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// cpuMicros is the user and system time of this process so far, in microseconds.
func cpuMicros() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
