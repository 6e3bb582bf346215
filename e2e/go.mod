// A module of its own: these tests run the built binary, of whose sources the
// test cache knows nothing, so they never belong to a cached run; and everyday
// tests do not wait for them.
module github.com/belfry-run/belfry/e2e

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/google/go-cmp v0.7.0
)

require github.com/aws/smithy-go v1.28.8 // indirect
