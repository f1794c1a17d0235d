// Command peer is the original KPS connector SDK for Go as a process that the tests of this repository drive.
//
// Every subcommand writes one JSON object per line to stdout, with its kind in "event"; the SDK itself may write other
// lines there. What goes wrong is said on stderr, with exit code 1, or 2 for wrong arguments. The subcommands that wait
// for something end when stdin does, so that none outlives the test that started it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
)

type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem }

var commands = map[string]func(args []string) error{
	"publish":    publish,
	"subscribe":  subscribe,
	"call":       call,
	"serve":      serve,
	"vectors":    vectors,
	"descriptor": descriptor,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		if _, wrong := err.(usageError); wrong {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	names := make([]string, 0, len(commands))
	for name := range commands {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(args) == 0 {
		return usageError{"no command, one of " + strings.Join(names, ", ")}
	}
	command, known := commands[args[0]]
	if !known {
		return usageError{fmt.Sprintf("unknown command %q, want one of %s", args[0], strings.Join(names, ", "))}
	}
	return command(args[1:])
}

// parse reads the flags of a subcommand, which takes nothing but flags.
func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return usageError{fmt.Sprintf("%s: %v", flags.Name(), err)}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

var stdout sync.Mutex

// emit writes one line. Safe for concurrent use.
func emit(event string, fields map[string]interface{}) error {
	line := map[string]interface{}{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	stdout.Lock()
	defer stdout.Unlock()
	_, err = os.Stdout.Write(append(text, '\n'))
	return err
}

// stdinEnds is closed when whoever started this process closes its stdin, or ends.
func stdinEnds() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	return ended
}
