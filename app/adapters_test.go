package app

import (
	"encoding/json"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

// TestWhatARunAsksOfAFunction: an occurrence is one request id over all its
// attempts, and its handler finds the occurrence's id in the client context.
func TestWhatARunAsksOfAFunction(t *testing.T) {
	call := target.FunctionCall{
		Function: "f", Qualifier: "live", Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"}, OccurrenceID: "s/2026", Attempt: 1,
	}
	first, err := requestOf(call)
	if err != nil {
		t.Fatal(err)
	}
	var given struct {
		Custom struct {
			ID      string `json:"belfry_occurrence_id"`
			Attempt int    `json:"belfry_attempt"`
		}
	}
	if err := json.Unmarshal(first.ClientContext, &given); err != nil || given.Custom.ID != "s/2026" || given.Custom.Attempt != 1 {
		t.Errorf("client context %s, %v", first.ClientContext, err)
	}
	if first.Function.ARN() != "arn:aws:lambda:eu-west-1:000000000000:function:f" || first.Qualifier != "live" {
		t.Errorf("asked of %s, %q", first.Function.ARN(), first.Qualifier)
	}
	call.Attempt, call.Function, call.ClientContext = 2, "f:2", []byte(`{"own":1}`)
	second, err := requestOf(call)
	if err != nil || second.RequestID != first.RequestID || second.Qualifier != "2" || string(second.ClientContext) != `{"own":1}` {
		t.Errorf("the second attempt asks %+v, %v; the first was %s", second, err, first.RequestID)
	}
	call.OccurrenceID = "s/2027"
	if other, err := requestOf(call); err != nil || other.RequestID == first.RequestID {
		t.Errorf("another occurrence asks with the same id, %v", err)
	}
}
