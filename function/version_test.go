package function_test

import (
	"sync/atomic"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

const whichVersion = `
import os
def handler(event, context):
    return [os.environ["AWS_LAMBDA_FUNCTION_VERSION"], os.environ.get("VALUE"), context.invoked_function_arn]
`

func (b *bench) publish(name string) *function.Function {
	b.t.Helper()
	f, err := b.Publish(b.t.Context(), function.Publication{Ref: ref(name)})
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bench) invokeVersion(name, qualifier string) *function.Response {
	b.t.Helper()
	r, err := b.Invoke(b.t.Context(), function.Request{Function: ref(name), Qualifier: qualifier})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) setValue(name, value string) {
	b.t.Helper()
	_, err := b.UpdateSettings(b.t.Context(), ref(name), "", func(s *function.Settings) error {
		s.Environment = map[string]string{"VALUE": value}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestAVersionStaysAsItWas(t *testing.T) {
	b := newBench(t)
	f := python("f", whichVersion)
	f.Environment = map[string]string{"VALUE": "old"}
	b.deploy(f)
	if v := b.publish("f"); v.Version != 1 {
		t.Fatalf("the first version is %d", v.Version)
	}
	b.setValue("f", "new")
	arn := ref("f").ARN()
	for qualifier, want := range map[string]string{
		"1": `["1", "old", "` + arn + `:1"]`, "": `["$LATEST", "new", "` + arn + `"]`, "$LATEST": `["$LATEST", "new", "` + arn + `:$LATEST"]`,
	} {
		if r := b.invokeVersion("f", qualifier); string(r.Payload) != want {
			t.Errorf("%q: %s, want %s", qualifier, r.Payload, want)
		}
	}
	b.stop() // a restart keeps it
	b.start()
	if r := b.invokeVersion("f", "1"); r.Version != "1" || r.FunctionError != "" {
		t.Errorf("after a restart: %s, %s", r.Version, r.Payload)
	}
	if v := b.publish("f"); v.Version != 2 {
		t.Errorf("the second version is %d", v.Version)
	}
	if v := b.publish("f"); v.Version != 2 {
		t.Errorf("publishing what has not changed made version %d", v.Version)
	}
}

func TestAnAliasDividesItsInvocations(t *testing.T) {
	var random atomic.Value
	random.Store(0.0)
	b := newBench(t, func(c *function.Config) { c.Random = func() float64 { return random.Load().(float64) } })
	b.deploy(python("f", whichVersion))
	b.publish("f")
	b.setValue("f", "new")
	b.publish("f")
	edit := function.AliasEdit{Ref: ref("f"), Name: "live", Version: new("1"), Weights: map[string]float64{"2": 0.25}}
	if _, err := b.CreateAlias(t.Context(), edit); err != nil {
		t.Fatal(err)
	}
	for r, want := range map[float64]string{0: "2", 0.2499: "2", 0.25: "1", 0.9999: "1"} {
		random.Store(r)
		if got := b.invokeVersion("f", "live"); got.Version != want {
			t.Errorf("at %v version %s ran, want %s", r, got.Version, want)
		}
	}
	if f, err := b.Get(t.Context(), ref("f"), "live"); err != nil || f.Version != 1 {
		t.Errorf("the alias shows %+v, %v; want its main version", f, err)
	}
	edit.Weights = map[string]float64{"2": 1.01}
	_, err := b.UpdateAlias(t.Context(), edit)
	refused(t, err, belfry.Invalid, "ValidationException", "less than or equal to 1.0")
	edit.Weights = map[string]float64{"2": -0.01}
	_, err = b.UpdateAlias(t.Context(), edit)
	refused(t, err, belfry.Invalid, "ValidationException", "greater than or equal to 0.0")
	for weight, other := range map[float64]int{1: 2, 0: 0} {
		edit.Weights = map[string]float64{"2": weight}
		if a, err := b.UpdateAlias(t.Context(), edit); err != nil || a.Other != other {
			t.Errorf("weight %v: %+v, %v", weight, a, err)
		}
	}
}

func TestVersionsShareTheReservedConcurrency(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	b.publish("f")
	if err := b.SetReserved(t.Context(), ref("f"), new(1)); err != nil {
		t.Fatal(err)
	}
	release := b.busy("f", "gate", func(r *function.Response, err error) {
		if err != nil || r.FunctionError != "" {
			t.Errorf("the invocation within the limit: %v, %v", r, err)
		}
	})
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("f"), Qualifier: "1"})
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	release()
	b.invokeVersion("f", "1")
}
