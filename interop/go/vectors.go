package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const sdkModule = "github.com/nutanix/kps-connector-go-sdk"

// vector is one message: its bytes, and its JSON form where it has one.
type vector struct {
	Name    string          `json:"name"`
	Message string          `json:"message"`
	Hex     string          `json:"hex"`
	JSON    json.RawMessage `json:"json"`
}

// example is what a vector is made from.
type example struct {
	name    string
	message proto.Message
	// no JSON form holds all of it: unknown fields, NaN, an Any of an unknown type
	noJSON bool
}

// vectors prints the golden vectors: what the SDK's generated code makes of examples of every message.
func vectors(args []string) error {
	if err := parse(flag.NewFlagSet("vectors", flag.ContinueOnError), args); err != nil {
		return err
	}
	info, known := debug.ReadBuildInfo()
	if !known {
		return errors.New("this program does not know its modules")
	}
	sdk := ""
	for _, module := range info.Deps {
		if module.Path == sdkModule {
			sdk = module.Version
		}
	}
	document := struct {
		Command string   `json:"command"`
		SDK     string   `json:"sdk"`
		Vectors []vector `json:"vectors"`
	}{"cd interop/go && go run . vectors > ../vectors/contract.json", sdk, nil}
	names := map[string]bool{}
	for _, example := range append(append(callExamples(), stateExamples()...), wireExamples()...) {
		made, err := example.vector()
		if err != nil {
			return fmt.Errorf("%s: %w", example.name, err)
		}
		if names[made.Name] {
			return fmt.Errorf("%s: two examples of this name", made.Name)
		}
		names[made.Name] = true
		document.Vectors = append(document.Vectors, made)
	}
	return writeDocument(document)
}

func (e example) vector() (vector, error) {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.message)
	if err != nil {
		return vector{}, err
	}
	made := vector{
		Name:    e.name,
		Message: string(e.message.ProtoReflect().Descriptor().FullName()),
		Hex:     hex.EncodeToString(bytes),
		JSON:    json.RawMessage("null"),
	}
	if !e.noJSON {
		made.JSON, err = canonicalJSON(e.message)
	}
	return made, err
}

// withUnknown adds fields that the message does not have, as bytes in hex.
func withUnknown(message proto.Message, fields string) proto.Message {
	bytes, err := hex.DecodeString(fields)
	if err != nil {
		panic(err)
	}
	message.ProtoReflect().SetUnknown(protoreflect.RawFields(bytes))
	return message
}
