package app

import (
	"testing"

	"github.com/belfry-run/belfry"
)

func TestGuardAnswersForTheCanaryOnly(t *testing.T) {
	g := &guard{}
	bird := &belfry.Schedule{Scope: canary.Scope, Group: canary.Group, Name: canary.Name, Target: belfry.Target{ARN: "arn:belfry:canary"}}
	if err := g.check(t.Context(), bird); err != nil {
		t.Errorf("the canary's target is refused: %v", err)
	}
	in := &belfry.Invocation{ScheduleARN: bird.ARN(), Scope: bird.Scope, Target: &bird.Target, Attempt: 1}
	if r := g.Invoke(t.Context(), in); r.Status != belfry.AttemptSucceeded {
		t.Errorf("the canary's run is %+v", r)
	}
	other := *bird
	other.Group = belfry.DefaultGroup
	if err := g.check(t.Context(), &other); belfry.KindOf(err) != belfry.Invalid {
		t.Errorf("the canary's target is accepted of another schedule: %v", err)
	}
}
