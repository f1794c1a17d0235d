module kps.test/bench

go 1.26.0

require (
	github.com/nats-io/nats.go v1.55.0
	github.com/nutanix/kps-connector-go-sdk v0.0.0-20210211173359-6b1301ef3741
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
	kps.test/bench/work v0.0.0
)

require (
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c // indirect
)

replace kps.test/bench/work => ./work
