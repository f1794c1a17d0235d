package main

import (
	"flag"
	"net"

	connectorpb "github.com/nutanix/kps-connector-go-sdk/connector/v1"
	"google.golang.org/grpc"
)

// serve runs a connector built on the SDK, says where, and ends when stdin does.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	id := flags.String("id", "", "id of the connector instance")
	errorForm := flags.String("errors", string(original), "original, inBand or grpc: how errors travel")
	subscribed := flags.Bool("subscribed", false, "list streams as subscribed, which the original never does")
	if err := parse(flags, args); err != nil {
		return err
	}
	form := errorsForm(*errorForm)
	if form != original && form != inBand && form != grpcStatus {
		return usageError{"serve: -errors is none of original, inBand, grpc"}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	connectorpb.RegisterConnectorServiceServer(server, newConnector(*id, form, *subscribed))
	go func() {
		<-stdinEnds()
		server.Stop()
	}()
	if err := emit("listening", map[string]interface{}{"address": listener.Addr().String()}); err != nil {
		return err
	}
	return server.Serve(listener)
}
