package lambda

import (
	"time"

	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// phase is what a client is shown of a function's state (semantics.md 3.2).
// A function is ready when the answer to its creation leaves; clients are used
// to waiting for it none the less.
type phase int

const (
	creating phase = iota // the answer to a creation
	updating              // the answer to an update
	active                // any time later
	listed                // in a list, which leaves the state out
)

const creatingReason = "The function is being created."

// configuration is f as Lambda shows it. The ARN carries the qualifier.
func configuration(f *function.Function, p phase, qualifier string) *lambdaapi.FunctionConfiguration {
	arn := qualified(f.Ref, qualifier)
	c := &lambdaapi.FunctionConfiguration{
		FunctionName:     &f.Name,
		FunctionArn:      &arn,
		Runtime:          &f.Runtime,
		Role:             &f.Role,
		Handler:          &f.Handler,
		CodeSize:         &f.CodeSize,
		Description:      &f.Description,
		Timeout:          new(int(f.Timeout / time.Second)),
		MemorySize:       &f.Memory,
		LastModified:     new(f.Modified.UTC().Format("2006-01-02T15:04:05.000-0700")),
		CodeSha256:       &f.CodeSHA256,
		Version:          new(f.VersionName()),
		TracingConfig:    &lambdaapi.TracingConfigResponse{Mode: &f.TracingMode},
		RevisionId:       &f.Revision,
		PackageType:      new(lambdaapi.PackageTypeZip),
		Architectures:    []string{f.Architecture},
		EphemeralStorage: &lambdaapi.EphemeralStorage{Size: &f.Storage},
		SnapStart: &lambdaapi.SnapStartResponse{
			ApplyOn: new(lambdaapi.SnapStartApplyOnNone), OptimizationStatus: new(lambdaapi.SnapStartOptimizationStatusOff),
		},
		LoggingConfig: &lambdaapi.LoggingConfig{LogFormat: new(f.LogFormatName()), LogGroup: new(f.LogGroupName())},
	}
	if f.LogFormat == function.LogJSON {
		c.LoggingConfig.ApplicationLogLevel, c.LoggingConfig.SystemLogLevel = &f.ApplicationLogLevel, &f.SystemLogLevel
	}
	if f.Environment != nil {
		c.Environment = &lambdaapi.EnvironmentResponse{Variables: f.Environment}
	}
	if f.DeadLetterARN != "" {
		c.DeadLetterConfig = &lambdaapi.DeadLetterConfig{TargetArn: &f.DeadLetterARN}
	}
	if f.KMSKeyARN != "" {
		c.KMSKeyArn = &f.KMSKeyARN
	}
	for _, l := range f.Layers {
		c.Layers = append(c.Layers, lambdaapi.Layer{Arn: &l.ARN, CodeSize: &l.CodeSize})
	}
	if p == listed {
		return c
	}
	c.RuntimeVersionConfig = &lambdaapi.RuntimeVersionConfig{RuntimeVersionArn: new(function.RuntimeVersionARN(f))}
	switch p {
	case creating:
		c.State, c.StateReason, c.StateReasonCode = new(lambdaapi.StatePending), new(creatingReason), new(lambdaapi.StateReasonCodeCreating)
	case updating:
		c.State = new(lambdaapi.StateActive)
		c.LastUpdateStatus = new(lambdaapi.LastUpdateStatusInProgress)
		c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = new(creatingReason), new(lambdaapi.StateReasonCodeCreating) // sic, as recorded
	default:
		c.State, c.LastUpdateStatus = new(lambdaapi.StateActive), new(lambdaapi.LastUpdateStatusSuccessful)
	}
	return c
}
