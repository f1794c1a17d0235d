// Package work is what the Go programs of the benchmarks have in common: how they are told what to do, the clock, and
// publishing and counting payloads.
//
// A role takes its parameters as one JSON argument, writes {"event":"ready"} when it can be measured, answers each line
// of JSON on stdin with one on stdout, and ends when stdin does. src/engine/Worker.ts is who starts it.
package work

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

// Command is one line of stdin.
type Command struct {
	Do     string `json:"do"`
	Millis int64  `json:"millis"`
	Count  int64  `json:"count"`
}

// Fields are those of an answer.
type Fields map[string]interface{}

// Handlers answer commands, by their name.
type Handlers map[string]func(Command) (Fields, error)

// Role makes its handlers from its parameters, and is ready then.
type Role func(parameters []byte) (Handlers, error)

// Main runs the role that the arguments name.
func Main(roles map[string]Role) {
	if err := run(roles, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		os.Exit(1)
	}
}

func run(roles map[string]Role, args []string) error {
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
		var next Command
		if err := commands.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
		handler, known := work[next.Do]
		if !known {
			write("failed", Fields{"problem": fmt.Sprintf("no command %q", next.Do)})
			continue
		}
		if answer, err := handler(next); err != nil {
			write("failed", Fields{"problem": err.Error()})
		} else {
			write("answer", answer)
		}
	}
}

func write(event string, more Fields) {
	line := Fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // numbers and strings alone
	}
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// Nanotime is the machine's monotonic clock in nanoseconds, the one that Node's process.hrtime reads too. time.Time
// has it, and does not give it away.
func Nanotime() int64 { return nanotime() }

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// CPUMicros is the user and system time of this process so far, in microseconds.
func CPUMicros() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
