package queue

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry"
)

// redrive is a RedrivePolicy; zero: there is none.
type redrive struct {
	target      belfry.ARN // of the dead-letter queue
	maxReceives int        // a message received that often goes to the target
}

func (r redrive) set() bool { return r.maxReceives != 0 }

const maxMaxReceives = 1000

func badRedrive(raw, reason string) error { return badValue(raw, attrRedrive, reason) }

// parseRedrive reads a RedrivePolicy; its refusals carry the value as sent
// (semantics.md 4.4).
func parseRedrive(raw string) (redrive, error) {
	if raw == "" {
		return redrive{}, nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &m) != nil || m == nil {
		return redrive{}, badRedrive(raw, "Redrive policy is not a valid JSON map.")
	}
	for _, name := range []string{"deadLetterTargetArn", "maxReceiveCount"} {
		if _, ok := m[name]; !ok {
			return redrive{}, badRedrive(raw, "Redrive policy does not contain mandatory attribute: "+name+".")
		}
	}
	var r redrive
	count := strings.Trim(string(m["maxReceiveCount"]), `"`) // both 3 and "3" are in use
	var ok bool
	if r.maxReceives, ok = decimal(count, 1, maxMaxReceives); !ok {
		return redrive{}, badRedrive(raw, "Invalid value for maxReceiveCount: "+count+", valid values are from 1 to "+strconv.Itoa(maxMaxReceives)+" both inclusive.")
	}
	var arn string
	if json.Unmarshal(m["deadLetterTargetArn"], &arn) != nil {
		return redrive{}, badRedrive(raw, "Only SQS queues are valid resources for deadLetterTargetArn")
	}
	r.target, ok = belfry.ParseARN(arn)
	if !ok || r.target.Service != "sqs" {
		return redrive{}, badRedrive(raw, "Only SQS queues are valid resources for deadLetterTargetArn")
	}
	return r, nil
}

// checkTarget is the part of the check that needs to know the target: dlq is
// nil when there is no such queue.
func (r redrive) checkTarget(raw string, q, dlq *Queue) error {
	switch {
	case fifo(r.target.Resource):
		return badRedrive(raw, "Dead-letter queue must be same type of queue as the source..")
	case r.target.Scope() != q.Scope:
		return badRedrive(raw, "Dead-letter queue must be in the same account and region as the source.")
	case dlq == nil:
		return badRedrive(raw, "Dead letter target does not exist.")
	case !dlq.settings.allow.allows(q.ARN()):
		return badRedrive(raw, "The dead-letter queue's RedriveAllowPolicy does not allow this source queue.")
	}
	return nil
}

// redriveAllow is a RedriveAllowPolicy: which queues may name this one as
// their dead-letter queue.
type redriveAllow struct {
	permission string   // allowAll, denyAll or byQueue; empty is allowAll
	sources    []string // ARNs, with byQueue
}

const maxRedriveSources = 10

func parseRedriveAllow(raw string) (redriveAllow, error) {
	if raw == "" {
		return redriveAllow{}, nil
	}
	bad := func(reason string) (redriveAllow, error) {
		return redriveAllow{}, badValue(raw, attrRedriveAllow, reason)
	}
	var p struct {
		RedrivePermission string
		SourceQueueArns   []string
	}
	if !strings.HasPrefix(strings.TrimSpace(raw), "{") || json.Unmarshal([]byte(raw), &p) != nil {
		return bad("RedriveAllowPolicy is not a valid JSON map.")
	}
	switch p.RedrivePermission {
	case "allowAll", "denyAll":
		if len(p.SourceQueueArns) != 0 {
			return bad("sourceQueueArns goes with the redrivePermission byQueue only.")
		}
	case "byQueue":
		if n := len(p.SourceQueueArns); n < 1 || n > maxRedriveSources {
			return bad("The redrivePermission byQueue needs 1 to 10 sourceQueueArns.")
		}
	default:
		return bad("redrivePermission must be allowAll, denyAll or byQueue.")
	}
	return redriveAllow{permission: p.RedrivePermission, sources: p.SourceQueueArns}, nil
}

func (a redriveAllow) allows(source string) bool {
	switch a.permission {
	case "denyAll":
		return false
	case "byQueue":
		return slices.Contains(a.sources, source)
	default:
		return true
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
