package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// A service is what a templated target's service wants of it (semantics.md 1.10).
type service struct {
	block    string // the parameter block that it takes; "" takes none
	required bool   // the block must be there
	json     bool   // Input must be JSON
	resource *regexp.Regexp
}

// services are those that AWS delivers to, whether Belfry runs them or not.
var services = map[string]service{
	"lambda":       {json: true, resource: regexp.MustCompile(`^function:[a-zA-Z0-9_-]{1,140}(:(\$LATEST|[a-zA-Z0-9_-]{1,128}))?$`)},
	"sqs":          {block: "SqsParameters", resource: regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}(\.fifo)?$`)},
	"states":       {json: true},
	"events":       {block: "EventBridgeParameters", required: true, json: true, resource: regexp.MustCompile(`^event-bus/`)},
	"kinesis":      {block: "KinesisParameters"},
	"ecs":          {block: "EcsParameters", required: true},
	"sagemaker":    {block: "SageMakerPipelineParameters"},
	"sns":          {},
	"firehose":     {},
	"codebuild":    {},
	"codepipeline": {},
	"inspector":    {},
}

func invalid(field, format string, args ...any) error {
	return belfry.Errorf(belfry.Invalid, field, format, args...)
}

var account = regexp.MustCompile(`^[0-9]{12}$`)

func badARN() error { return invalid("Target.Arn", "Provided Arn is not in correct format") }

// Check refuses a target that cannot be right, in the words of semantics.md
// 1.3. Whether the resource exists is not asked: AWS does not either, and the
// run then says so. In permissive mode a service that Belfry does not run is
// accepted; its runs fail with the reason.
func Check(s *belfry.Schedule, permissive bool) error {
	if s.Rule() != "" {
		return checkRuleTarget(s, permissive)
	}
	t := &s.Target
	arn, ok := belfry.ParseARN(t.ARN)
	if !ok || arn.Partition != "aws" && !strings.HasPrefix(arn.Partition, "aws-") {
		return badARN()
	}
	blocks, err := parametersOf(t)
	if err != nil {
		return invalid("Target", "%v", err)
	}
	if arn.Service == "scheduler" {
		return checkScheduler(s, arn, blocks, permissive)
	}
	want, known := services[arn.Service]
	runs := arn.Service == "lambda" || arn.Service == "sqs"
	switch {
	case known && (!account.MatchString(arn.Account) || want.resource != nil && !want.resource.MatchString(arn.Resource)):
		return badARN()
	case !known || !runs && !permissive:
		return invalid("Target.Arn", "%s is not a supported service for a target.", arn.Service)
	case arn.Region != s.Region:
		return invalid("Target.Arn", "The target ARN provided does not match the current region %s.", s.Region)
	}
	if err := blocks.check(&want, strings.HasSuffix(arn.Resource, ".fifo")); err != nil {
		return err
	}
	if want.json {
		return checkJSON(s)
	}
	return nil
}

func checkJSON(s *belfry.Schedule) error {
	if s.Target.Input != "" && !json.Valid([]byte(payloadOf(sample(s)))) {
		return badJSON()
	}
	return nil
}

func badJSON() error { return invalid("Target.Input", "JSON syntax error in input for the target") }

// checkScheduler checks the targets whose ARN names the scheduler itself: HTTP
// endpoints and universal targets.
func checkScheduler(s *belfry.Schedule, arn belfry.ARN, blocks parameters, permissive bool) error {
	if arn.Region != "" || arn.Account != "" {
		return invalid("Target.Arn", "scheduler is not a supported service for a target")
	}
	if err := blocks.only(""); err != nil {
		return err
	}
	if s.Target.ARN != HTTPInvokeARN {
		if !strings.HasPrefix(arn.Resource, universalPrefix) {
			return badARN()
		}
		return checkUniversal(s, arn.Resource, permissive)
	}
	if s.Target.Input == "" {
		return noInput()
	}
	if err := checkJSON(s); err != nil {
		return err
	}
	return checkRequest(payloadOf(sample(s)))
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
	EcsParameters struct {
		LaunchType           string
		NetworkConfiguration *struct{}
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
	p.names = slices.Sorted(maps.Keys(names))
	return p, nil
}

// check refuses blocks that are not the service's, and the lack of what its
// block must have. fifo says that the target is a FIFO queue.
func (p parameters) check(want *service, fifo bool) error {
	if err := p.only(want.block); err != nil {
		return err
	}
	group := p.SqsParameters.MessageGroupID
	switch {
	case want.required && len(p.names) == 0, fifo && group == "":
		return invalid("Target."+want.block, "Parameters %s must be specified", want.block)
	case !fifo && group != "":
		return invalid("Target.SqsParameters", "Parameters MessageGroupId not valid for the target")
	case p.EcsParameters.LaunchType == "FARGATE" && p.EcsParameters.NetworkConfiguration == nil:
		return invalid("Target.EcsParameters", "Parameter NetworkConfiguration must be specified for the target when launch type is FARGATE")
	}
	return nil
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
