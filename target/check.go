package target

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// blockOf is the parameter block that a templated target's service takes; ""
// takes none (semantics.md 1.10).
var blockOf = map[string]string{
	"lambda": "", "sqs": "SqsParameters", "sns": "", "states": "", "events": "EventBridgeParameters",
	"kinesis": "KinesisParameters", "firehose": "", "ecs": "EcsParameters", "codebuild": "",
	"codepipeline": "", "inspector": "", "sagemaker": "SageMakerPipelineParameters",
}

// readPrefixes begin the names of actions that a universal target refuses.
var readPrefixes = []string{
	"get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
	"discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet", "adminGet", "adminList",
	"testMigration", "retrieve", "testConnection", "translateDocument", "isAuthorized", "invokeModel",
}

func invalid(field, format string, args ...any) error {
	return belfry.Errorf(belfry.Invalid, field, format, args...)
}

// Check refuses a target that cannot be right, in the words of semantics.md
// 1.3. Whether the resource exists is not asked: AWS does not either, and the
// run then says so. In permissive mode a service that Belfry does not run is
// accepted; its runs fail with the reason.
func Check(s *belfry.Schedule, permissive bool) error {
	t := &s.Target
	if _, ok := belfry.ParseARN(t.ARN); !ok {
		return invalid("Target.Arn", "Provided Arn is not in correct format")
	}
	k, arn := kindOf(t.ARN)
	blocks, err := parametersOf(t)
	if err != nil {
		return invalid("Target", "%v", err)
	}
	if arn.Service == "scheduler" {
		return checkScheduler(s, k, arn, blocks, permissive)
	}
	block, known := blockOf[arn.Service]
	runs := k == kindFunction || k == kindQueue
	switch {
	case arn.Service == "lambda" && k != kindFunction:
		return invalid("Target.Arn", "Provided Arn is not in correct format")
	case !known || (!runs && !permissive):
		return invalid("Target.Arn", "%s is not a supported service for a target.", arn.Service)
	case arn.Region != s.Region && k != kindFunction && arn.Region != "" || k == kindFunction && arn.Region != s.Region:
		return invalid("Target.Arn", "The target ARN provided does not match the current region %s.", s.Region)
	}
	if err := blocks.only(block); err != nil {
		return err
	}
	if k == kindQueue {
		fifo := strings.HasSuffix(arn.Resource, ".fifo")
		if fifo && blocks.SqsParameters.MessageGroupID == "" {
			return invalid("Target.SqsParameters", "Parameters SqsParameters must be specified")
		}
		if !fifo && blocks.SqsParameters.MessageGroupID != "" {
			return invalid("Target.SqsParameters", "Parameters MessageGroupId not valid for the target")
		}
	}
	if arn.Service == "lambda" || arn.Service == "states" || arn.Service == "events" {
		return checkJSON(s)
	}
	return nil
}

func checkJSON(s *belfry.Schedule) error {
	if s.Target.Input != "" && !json.Valid([]byte(payloadOf(sample(s)))) {
		return invalid("Target.Input", "JSON syntax error in input for the target")
	}
	return nil
}

// checkScheduler checks the targets whose ARN names the scheduler itself: HTTP
// endpoints and universal targets.
func checkScheduler(s *belfry.Schedule, k kind, arn belfry.ARN, blocks parameters, permissive bool) error {
	if arn.Region != "" || arn.Account != "" {
		return invalid("Target.Arn", "scheduler is not a supported service for a target")
	}
	if err := blocks.only(""); err != nil {
		return err
	}
	if k != kindHTTP && k != kindUniversal {
		return invalid("Target.Arn", "Provided Arn is not in correct format")
	}
	if s.Target.Input == "" {
		return invalid("Target.Input", "You must provide an input to set this target for your schedule")
	}
	if err := checkJSON(s); err != nil {
		return err
	}
	if k == kindHTTP {
		_, err := parseRequest(payloadOf(sample(s)))
		return err
	}
	parts := strings.Split(arn.Resource, ":")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return invalid("Target.Arn", "Provided Arn is not in correct format")
	}
	action := parts[2]
	if slices.ContainsFunc(readPrefixes, func(p string) bool { return strings.HasPrefix(action, p) }) {
		return invalid("Target.Arn", "%s API is not supported", action)
	}
	if !permissive {
		return invalid("Target.Arn", "%s is not a supported service for a target.", parts[1])
	}
	return nil
}

// sample is an invocation to see what the payload will look like.
func sample(s *belfry.Schedule) *belfry.Invocation {
	return &belfry.Invocation{
		Occurrence:  belfry.Occurrence{Schedule: s.ID, Time: time.Unix(0, 0)},
		ScheduleARN: s.ARN(), Scope: s.Scope, Target: &s.Target, Attempt: 1, ExecutionID: "0123456789abcdef",
	}
}

// parameters are the parameter blocks of a target.
type parameters struct {
	names         []string
	SqsParameters struct {
		MessageGroupID string `json:"MessageGroupId"`
	}
}

func parametersOf(t *belfry.Target) (p parameters, err error) {
	if len(t.Parameters) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(t.Parameters, &p); err != nil {
		return p, fmt.Errorf("the target's parameters cannot be read: %w", err)
	}
	var names map[string]json.RawMessage
	if err := json.Unmarshal(t.Parameters, &names); err != nil {
		return p, fmt.Errorf("the target's parameters cannot be read: %w", err)
	}
	for name := range names {
		p.names = append(p.names, name)
	}
	slices.Sort(p.names)
	return p, nil
}

// only refuses blocks that are not the allowed one.
func (p parameters) only(allowed string) error {
	for _, name := range p.names {
		if name != allowed {
			return invalid("Target."+name, "Parameters %s not supported for the target.", name)
		}
	}
	return nil
}
