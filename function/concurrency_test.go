package function_test

import (
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

func TestReservedConcurrencyIsALimit(t *testing.T) {
	b := newBench(t)
	first := b.deploy(python("f", counter))
	reserve := func(n *int) {
		t.Helper()
		if err := b.SetReserved(t.Context(), ref("f"), n); err != nil {
			t.Fatal(err)
		}
	}
	throttled := func() {
		t.Helper()
		_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
		refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
		if !function.OverReserved(err) {
			t.Error("the reason is not the function's own limit")
		}
	}
	warm := b.count("f", "")

	reserve(new(0))
	throttled()
	reserve(new(1))
	if again := b.count("f", ""); again.PID != warm.PID {
		t.Errorf("%+v after %+v: a limit has ended an instance", again, warm)
	}
	release := b.busy("f", "gate", func(r *function.Response, err error) {
		if err != nil || r.FunctionError != "" {
			t.Errorf("the invocation within the limit: %v, %v", r, err)
		}
	})
	throttled()
	reserve(new(2))
	b.count("f", "")
	release()
	reserve(nil)
	f, err := b.Get(t.Context(), ref("f"), "")
	if err != nil || f.Reserved != nil || f.Revision != first.Revision {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestReservationsLeaveSomeForTheOthers(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"f", "g"} {
		b.deploy(python(name, counter))
	}
	const below = "below its minimum value of [100]."
	refused(t, b.SetReserved(t.Context(), ref("f"), new(901)), belfry.Invalid, "InvalidParameterValueException", below)
	refused(t, b.SetReserved(t.Context(), ref("f"), new(-1)), belfry.Invalid, "ValidationException", "greater than or equal to 0")
	refused(t, b.SetReserved(t.Context(), ref("absent"), new(1)), belfry.NotFound, "ResourceNotFoundException", "Function not found")
	for range 2 { // its own reservation does not count twice
		if err := b.SetReserved(t.Context(), ref("f"), new(900)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, b.SetReserved(t.Context(), ref("g"), new(1)), belfry.Invalid, "InvalidParameterValueException", below)
	if err := b.SetReserved(t.Context(), ref("g"), new(0)); err != nil {
		t.Fatal(err)
	}
	u, err := b.Usage(t.Context(), scope)
	if err != nil || u.Functions != 2 || u.Reserved != 900 || u.CodeSize == 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
}
