package target

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
)

// needRole are the services whose targets must have a role (semantics.md 2.3).
var needRole = []string{
	"batch", "codebuild", "codepipeline", "ecs", "events", "firehose", "glue", "inspector", "kinesis",
	"redshift", "sagemaker", "ssm", "ssm-incidents", "states",
}

// needNone are the other services that a rule can have as a target.
var needNone = []string{"appsync", "execute-api", "lambda", "logs", "redshift-serverless", "sns", "sqs", "ssm-contacts"}

// blockServices are the services that take each parameter block; SqsParameters
// is tolerated on any target.
var blockServices = map[string][]string{
	"AppSyncParameters":           {"appsync"},
	"BatchParameters":             {"batch"},
	"EcsParameters":               {"ecs"},
	"HttpParameters":              {"execute-api", "events"},
	"KinesisParameters":           {"kinesis"},
	"RedshiftDataParameters":      {"redshift", "redshift-serverless"},
	"RunCommandParameters":        {"ssm"},
	"SageMakerPipelineParameters": {"sagemaker"},
}

// needBlock are the services whose targets must have their block.
var needBlock = map[string]string{"ecs": "EcsParameters", "batch": "BatchParameters"}

// checkRuleTarget refuses a rule's target that cannot be right, in the words of
// semantics.md 2.3.
func checkRuleTarget(s *belfry.Schedule, permissive bool) error {
	t, id := &s.Target, s.Name
	blocks := map[string]json.RawMessage{}
	if len(t.Parameters) > 0 {
		if err := json.Unmarshal(t.Parameters, &blocks); err != nil {
			return invalid("Targets", "The parameters of target %s cannot be read", id)
		}
	}
	p, err := ruleParametersOf(t)
	if err != nil {
		return invalid("Targets", "The parameters of target %s cannot be read", id)
	}
	if err := checkRuleInput(s, &p); err != nil {
		return err
	}
	if err := checkDeadLetter(t.DeadLetterARN); err != nil {
		return err
	}
	if t.ARN == HTTPInvokeARN {
		return checkRequest(rulePayload(ruleSample(s)))
	}
	arn, ok := belfry.ParseARN(t.ARN)
	service := arn.Service
	known := slices.Contains(needRole, service) || slices.Contains(needNone, service)
	runs := service == "lambda" || service == "sqs"
	want := services[service].resource
	switch {
	case !ok || arn.Partition != "aws" && !strings.HasPrefix(arn.Partition, "aws-"),
		runs && (!account.MatchString(arn.Account) || !want.MatchString(arn.Resource)):
		return badParameter(t.ARN, "Provided Arn is not in correct format.")
	case slices.Contains(needRole, service) && t.RoleARN == "":
		return invalid("Targets", "RoleArn is required for target %s", t.ARN)
	case !known || !runs && !permissive:
		return badParameter(t.ARN, service+" is not a supported service for a target.")
	case runs && arn.Region != s.Region:
		return badParameter(t.ARN, "The target must be in the rule's region "+s.Region+".")
	}
	if err := checkBlocks(id, service, blocks); err != nil {
		return err
	}
	if service == "sqs" && strings.HasSuffix(arn.Resource, ".fifo") && (p.SqsParameters == nil || p.SqsParameters.MessageGroupID == "") {
		return invalid("Targets", "Parameter(s) SqsParameters must be specified for target: %s", id)
	}
	return nil
}

func badParameter(value, reason string) error {
	return invalid("Targets", "Parameter %s is not valid. Reason: %s", value, reason)
}

func checkBlocks(id, service string, blocks map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		if takes, isBlock := blockServices[name]; isBlock && !slices.Contains(takes, service) {
			return invalid("Targets", "Parameter(s) %s not supported for target: %s", name, id)
		}
	}
	if name := needBlock[service]; name != "" && blocks[name] == nil {
		return invalid("Targets", "Parameter(s) %s must be specified for target: %s", name, id)
	}
	return nil
}

func checkDeadLetter(queue string) error {
	if queue == "" {
		return nil
	}
	arn, ok := belfry.ParseARN(queue)
	switch {
	case !ok:
		return badParameter(queue, "Provided Arn is not in correct format.")
	case arn.Service != "sqs":
		return invalid("Targets", "%s is not supported as a dead letter resource", arn.Service)
	case strings.HasSuffix(arn.Resource, ".fifo"):
		return invalid("Targets", "SQS FIFO is not supported by Dead Letter Queues")
	}
	return nil
}

// checkRuleInput checks the three ways to say what a target is sent.
func checkRuleInput(s *belfry.Schedule, p *ruleParameters) error {
	id, forms := s.Name, 0
	for _, given := range []bool{s.Target.Input != "", p.InputPath != "", p.InputTransformer != nil} {
		if given {
			forms++
		}
	}
	if forms > 1 {
		return invalid("Targets", "Only one of Input, InputPath, or InputTransformer must be provided for target %s.", id)
	}
	if s.Target.Input != "" && !json.Valid([]byte(s.Target.Input)) {
		return invalid("Targets", "JSON syntax error in input for target %s", id)
	}
	paths := []string{}
	if p.InputPath != "" {
		paths = append(paths, p.InputPath)
	}
	if p.InputTransformer != nil {
		paths = slices.Sorted(maps.Values(p.InputTransformer.InputPathsMap))
	}
	for _, path := range paths {
		if _, ok := parsePath(path); !ok {
			return invalid("Targets", "InputPath for target %s is invalid.", id)
		}
	}
	if p.InputTransformer == nil {
		return nil
	}
	return p.InputTransformer.check(s)
}

func (t *transformer) check(s *belfry.Schedule) error {
	values, id := &ruleValues{in: ruleSample(s), paths: t.InputPathsMap}, s.Name
	values.event = ruleEvent(values.in)
	var err error
	t.walk(func(string) {}, func(name string, _ bool) {
		_, defined := values.value(name)
		switch {
		case err != nil:
		case !defined:
			err = invalid("Targets", "InputTemplate for target %s contains invalid placeholder %s.", id, name)
		case name == eventAllPlaceholder && t.isText():
			err = invalid("Targets", "InputTemplate for target %s contains placeholder aws.events.event.json valid only for JSON template", id)
		}
	})
	switch {
	case err != nil:
		return err
	case !t.isText() && !json.Valid([]byte(t.apply(values))):
		return invalid("Targets", "Invalid InputTemplate for target %s : it is neither JSON nor text in quotes", id)
	case !t.isText():
		return nil
	}
	for line := range strings.Lines(t.InputTemplate) {
		line = strings.TrimSpace(line)
		if line != "" && (len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"') {
			return invalid("Targets", "Invalid InputTemplate for target %s : each line of a text must stand in quotes", id)
		}
	}
	return nil
}

// ruleSample is an invocation to see what the payload will look like.
func ruleSample(s *belfry.Schedule) *belfry.Invocation {
	in := sample(s)
	in.Rule = s.Rule()
	return in
}
