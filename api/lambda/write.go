package lambda

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/function"
)

// CreateFunction creates a function from a zip.
func (s *Service) CreateFunction(ctx context.Context, in *lambdaapi.CreateFunctionInput) (*lambdaapi.FunctionConfiguration, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if qualifier != "" && qualifier != function.Latest {
		return nil, invalid("FunctionName", "The function name of a new function must not have a version.")
	}
	code := in.Code
	if code == nil {
		code = &lambdaapi.FunctionCode{}
	}
	if err := refuse(
		member{"PackageType", in.PackageType != nil && *in.PackageType != lambdaapi.PackageTypeZip, "container images are"},
		member{"PublishTo", in.PublishTo != nil, "capacity providers are"},
		member{"CodeSigningConfigArn", in.CodeSigningConfigArn != nil, "code signing is"},
		member{"TenancyConfig", in.TenancyConfig != nil, "tenancy is"},
		member{"CapacityProviderConfig", in.CapacityProviderConfig != nil, "capacity providers are"},
	); err != nil {
		return nil, err
	}
	if err := refuseSource(code.S3Bucket, code.S3Key, code.ImageUri); err != nil {
		return nil, err
	}
	c := function.Creation{Ref: r, Zip: code.ZipFile, Tags: in.Tags, Publish: awswire.Value(in.Publish)}
	edit := settings{
		Role: in.Role, Handler: in.Handler, Description: in.Description, Timeout: in.Timeout, MemorySize: in.MemorySize,
		VpcConfig: in.VpcConfig, Environment: in.Environment, Runtime: in.Runtime, DeadLetterConfig: in.DeadLetterConfig,
		KMSKeyArn: in.KMSKeyArn, TracingConfig: in.TracingConfig, Layers: in.Layers, FileSystemConfigs: in.FileSystemConfigs,
		ImageConfig: in.ImageConfig, EphemeralStorage: in.EphemeralStorage, SnapStart: in.SnapStart,
		LoggingConfig: in.LoggingConfig, DurableConfig: in.DurableConfig,
	}
	if err := edit.apply(&c.Settings); err != nil {
		return nil, err
	}
	if c.Architecture, err = architecture(in.Architectures, ""); err != nil {
		return nil, err
	}
	if err := mayPass(ctx, c.Role); err != nil {
		return nil, err
	}
	if err := mayUse(ctx, in.Layers); err != nil {
		return nil, err
	}
	f, err := s.host.Create(ctx, c)
	if err != nil {
		return nil, err
	}
	return configuration(f, creating, published(f)), nil
}

// mayPass says whether the caller may have functions run as the role; else he
// could do through a function what he may not do himself.
func mayPass(ctx context.Context, role string) error {
	return awswire.Authorize(ctx, auth.Query{
		Action: "iam:PassRole", Resource: role, Context: auth.Context{PassedToService: auth.LambdaService},
	})
}

// UpdateFunctionConfiguration changes the settings that the request has.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *lambdaapi.UpdateFunctionConfigurationInput) (*lambdaapi.FunctionConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refuse(member{"CapacityProviderConfig", in.CapacityProviderConfig != nil, "capacity providers are"}); err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := mayPass(ctx, *in.Role); err != nil {
			return nil, err
		}
	}
	if err := mayUse(ctx, in.Layers); err != nil {
		return nil, err
	}
	edit := settings{
		Role: in.Role, Handler: in.Handler, Description: in.Description, Timeout: in.Timeout, MemorySize: in.MemorySize,
		VpcConfig: in.VpcConfig, Environment: in.Environment, Runtime: in.Runtime, DeadLetterConfig: in.DeadLetterConfig,
		KMSKeyArn: in.KMSKeyArn, TracingConfig: in.TracingConfig, Layers: in.Layers, FileSystemConfigs: in.FileSystemConfigs,
		ImageConfig: in.ImageConfig, EphemeralStorage: in.EphemeralStorage, SnapStart: in.SnapStart,
		LoggingConfig: in.LoggingConfig, DurableConfig: in.DurableConfig,
	}
	f, err := s.host.UpdateSettings(ctx, r, awswire.Value(in.RevisionId), edit.apply)
	if err != nil {
		return nil, err
	}
	return configuration(f, updating, ""), nil
}

// UpdateFunctionCode replaces a function's code.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *lambdaapi.UpdateFunctionCodeInput) (*lambdaapi.FunctionConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refuse(member{"PublishTo", in.PublishTo != nil, "capacity providers are"}); err != nil {
		return nil, err
	}
	if err := refuseSource(in.S3Bucket, in.S3Key, in.ImageUri); err != nil {
		return nil, err
	}
	u := function.CodeUpdate{
		Ref: r, Zip: in.ZipFile, Revision: awswire.Value(in.RevisionId), DryRun: awswire.Value(in.DryRun), Publish: awswire.Value(in.Publish),
	}
	if u.Architecture, err = architecture(in.Architectures, ""); err != nil {
		return nil, err
	}
	f, err := s.host.UpdateCode(ctx, u)
	if err != nil {
		return nil, err
	}
	if u.DryRun {
		return configuration(f, active, ""), nil
	}
	if f.Version != 0 {
		return configuration(f, creating, f.VersionName()), nil
	}
	return configuration(f, updating, ""), nil
}

// published is the qualifier of a version that was just made.
func published(f *function.Function) string {
	if f.Version == 0 {
		return ""
	}
	return f.VersionName()
}

// latest returns the function that an update names; only $LATEST changes.
func latest(ctx context.Context, name *string) (function.Ref, error) {
	r, qualifier, err := ref(ctx, name, nil)
	if err == nil && qualifier != "" && qualifier != function.Latest {
		err = invalid("FunctionName", "Versions cannot be changed; name the function without one.")
	}
	return r, err
}

// A member is a part of a request that this server may have to refuse.
type member struct {
	name string
	set  bool
	what string // a phrase with its verb
}

// refuse returns the refusal of the first member that is set.
func refuse(members ...member) error {
	for _, m := range members {
		if m.set {
			return invalid(m.name, m.name+": "+m.what+" not available on this server yet.")
		}
	}
	return nil
}

func refuseSource(bucket, key, image *string) error {
	return refuse(
		member{"S3Bucket", bucket != nil || key != nil, "code from S3 is"},
		member{"ImageUri", image != nil, "container images are"},
	)
}

func architecture(given []string, without string) (string, error) {
	switch len(given) {
	case 0:
		return without, nil
	case 1:
		return given[0], nil
	}
	return "", &belfry.Error{
		Kind: belfry.Invalid, Code: "ValidationException", Field: "Architectures",
		Message: "1 validation error detected: Value '" + list(given) + "' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1",
	}
}

// settings are the members that creation and update share; nil leaves what is
// there.
type settings struct {
	Role, Handler, Description, Runtime, KMSKeyArn *string
	Timeout, MemorySize                            *int
	VpcConfig                                      *lambdaapi.VpcConfig
	Environment                                    *lambdaapi.Environment
	DeadLetterConfig                               *lambdaapi.DeadLetterConfig
	TracingConfig                                  *lambdaapi.TracingConfig
	Layers                                         []string
	FileSystemConfigs                              []lambdaapi.FileSystemConfig
	ImageConfig                                    *lambdaapi.ImageConfig
	EphemeralStorage                               *lambdaapi.EphemeralStorage
	SnapStart                                      *lambdaapi.SnapStart
	LoggingConfig                                  *lambdaapi.LoggingConfig
	DurableConfig                                  *lambdaapi.DurableConfig
}

// apply writes what is set into f.
func (s *settings) apply(f *function.Settings) error {
	vpc, logs := s.VpcConfig, s.LoggingConfig
	if err := refuse(
		member{"VpcConfig", vpc != nil && len(vpc.SubnetIds)+len(vpc.SecurityGroupIds) > 0, "networks of a VPC are"},
		member{"FileSystemConfigs", len(s.FileSystemConfigs) > 0, "file systems are"},
		member{"ImageConfig", s.ImageConfig != nil, "container images are"},
		member{"SnapStart", s.SnapStart != nil && awswire.Value(s.SnapStart.ApplyOn) == lambdaapi.SnapStartApplyOnPublishedVersions, "SnapStart is"},
		member{"DurableConfig", s.DurableConfig != nil, "durable functions are"},
	); err != nil {
		return err
	}
	set(&f.Role, s.Role)
	set(&f.Handler, s.Handler)
	set(&f.Description, s.Description)
	set(&f.Runtime, s.Runtime)
	set(&f.KMSKeyARN, s.KMSKeyArn)
	set(&f.Memory, s.MemorySize)
	if s.Layers != nil {
		f.Layers = function.UseLayers(s.Layers)
	}
	if s.Timeout != nil {
		f.Timeout = time.Duration(*s.Timeout) * time.Second
	}
	if s.Environment != nil {
		f.Environment = s.Environment.Variables
	}
	if s.DeadLetterConfig != nil {
		f.DeadLetterARN = awswire.Value(s.DeadLetterConfig.TargetArn)
	}
	if s.TracingConfig != nil {
		set(&f.TracingMode, s.TracingConfig.Mode)
	}
	if s.EphemeralStorage != nil {
		set(&f.Storage, s.EphemeralStorage.Size)
	}
	if logs != nil {
		if awswire.Value(logs.LogFormat) == function.LogText { // levels go with the other format
			f.ApplicationLogLevel, f.SystemLogLevel = "", ""
		}
		set(&f.LogFormat, logs.LogFormat)
		set(&f.ApplicationLogLevel, logs.ApplicationLogLevel)
		set(&f.SystemLogLevel, logs.SystemLogLevel)
		set(&f.LogGroup, logs.LogGroup)
	}
	return nil
}

func set[T any](p, v *T) {
	if v != nil {
		*p = *v
	}
}
