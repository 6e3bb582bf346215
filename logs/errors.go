package logs

import "github.com/belfry-run/belfry"

// NoGroup is what is answered for a group that is not there.
func NoGroup() error {
	return belfry.Errorf(belfry.NotFound, "logGroupName", "The specified log group does not exist.")
}

// NoStream is what is answered for a stream that is not there.
func NoStream() error {
	return belfry.Errorf(belfry.NotFound, "logStreamName", "The specified log stream does not exist.")
}

// GroupExists is what is answered for a group that is there already.
func GroupExists() error {
	return belfry.Errorf(belfry.Conflict, "logGroupName", "The specified log group already exists")
}

// StreamExists is what is answered for a stream that is there already.
func StreamExists() error {
	return belfry.Errorf(belfry.Conflict, "logStreamName", "The specified log stream already exists")
}

// TooManyStreams is what is answered when a group can have no more streams.
func TooManyStreams() error {
	return belfry.Errorf(belfry.Quota, "logStreamName", "The log group has as many streams as it can have: delete some, or use another group.")
}

func invalid(field, format string, args ...any) error {
	return belfry.Errorf(belfry.Invalid, field, format, args...)
}
