package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
)

// descriptor prints how the SDK's generated code describes the contract, as a FileDescriptorProto in JSON.
func descriptor(args []string) error {
	if err := parse(flag.NewFlagSet("descriptor", flag.ContinueOnError), args); err != nil {
		return err
	}
	text, err := canonicalJSON(protodesc.ToFileDescriptorProto(connectorpb.File_connector_v1_connector_proto))
	if err != nil {
		return err
	}
	return writeDocument(text)
}

// canonicalJSON is the JSON form without the white space that protojson puts in by chance.
func canonicalJSON(message proto.Message) (json.RawMessage, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

func writeDocument(document interface{}) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
