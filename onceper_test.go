package belfry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
)

const onceSubject = "arn:aws:lambda:us-east-1:000000000000:function:invoice"

func TestOncePerLimits(t *testing.T) {
	long := "$." + strings.Repeat("k", 254)
	for window, ok := range map[string]bool{
		"occurrence": true, "1m": true, "44640m": true, "1h": true, "744h": true, "1d": true, "31d": true,
		"": false, "Occurrence": false, "0m": false, "44641m": false, "745h": false, "32d": false, "1": false, "d": false, "1s": false,
		"-1h": false, "+1h": false, "01h": false, "1.5h": false, " 1h": false, "1h ": false, "1h30m": false, "99999999999999999999h": false,
	} {
		o := belfry.OncePer{Window: window}
		if err := o.Check(); (err == nil) != ok {
			t.Errorf("window %q: %v, want it taken: %v", window, err, ok)
		}
	}
	for key, ok := range map[string]bool{
		"": true, "$.a": true, "$.a.b": true, "$[0]": true, "$.a[12].b": true, "$.ä b": true, long: true,
		"a": false, "$": false, "$a": false, "$.": false, "$..a": false, "$.a.": false, "$[": false, "$[]": false, "$[x]": false, "$[-1]": false,
		"$.a[0": false, "$.a]": false, "$[65536]": false, long + "k": false,
	} {
		o := belfry.OncePer{Window: "1h", Key: key}
		if err := o.Check(); (err == nil) != ok {
			t.Errorf("key %q: %v, want it taken: %v", key, err, ok)
		}
	}
}

func TestDeliveriesOfOneWindowHaveOneClaim(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const payload = `{"id": 12345678901234567890, "who": {"b": 1, "a": [true, "x"]}, "none": null}`
	base := belfry.OncePer{Window: "1h", Key: "$.id"}
	tests := []struct {
		name          string
		once, against belfry.OncePer
		a, b          string // times
		subject       string
		payload       string
		same          bool
	}{
		{"within the hour", base, base, "2026-03-08T07:00:00Z", "2026-03-08T07:59:59Z", onceSubject, payload, true},
		{"in another zone", base, base, "2026-03-08T07:00:00Z", "2026-03-08T09:30:00+02:00", onceSubject, payload, true},
		{"the next hour", base, base, "2026-03-08T07:59:59Z", "2026-03-08T08:00:00Z", onceSubject, payload, false},
		{"a day is one of UTC", belfry.OncePer{Window: "1d"}, belfry.OncePer{Window: "1d"}, "2026-03-08T00:00:00Z", "2026-03-08T23:59:59Z", onceSubject, payload, true},
		{"the next day", belfry.OncePer{Window: "1d"}, belfry.OncePer{Window: "1d"}, "2026-03-08T23:59:59Z", "2026-03-09T00:00:00Z", onceSubject, payload, false},
		{"a week begins on Monday", belfry.OncePer{Window: "7d"}, belfry.OncePer{Window: "7d"}, "2026-03-09T00:00:00Z", "2026-03-15T23:59:59Z", onceSubject, payload, true},
		{"the next week", belfry.OncePer{Window: "7d"}, belfry.OncePer{Window: "7d"}, "2026-03-15T00:00:00Z", "2026-03-16T00:00:00Z", onceSubject, payload, false},
		{"one spelling or another", belfry.OncePer{Window: "24h"}, belfry.OncePer{Window: "1d"}, "2026-03-08T00:00:00Z", "2026-03-08T01:00:00Z", onceSubject, payload, true},
		{"one occurrence", belfry.OncePer{Window: "occurrence"}, belfry.OncePer{Window: "occurrence"}, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject, payload, true},
		{"another occurrence", belfry.OncePer{Window: "occurrence"}, belfry.OncePer{Window: "occurrence"}, "2026-03-08T07:00:00Z", "2026-03-08T07:00:01Z", onceSubject, payload, false},
		{"another subject", base, base, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject + "2", payload, false},
		{"another value, in the last digit", base, base, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject, `{"id": 12345678901234567891}`, false},
		{"a number is no text", base, base, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject, `{"id": "12345678901234567890"}`, false},
		{
			"an object, its members in another order",
			belfry.OncePer{Window: "1h", Key: "$.who"},
			belfry.OncePer{Window: "1h", Key: "$.who"},
			"2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject, `{"who":{"a":[true,"x"],"b":1}}`, true,
		},
		{
			"one member of a list",
			belfry.OncePer{Window: "1h", Key: "$.who.a[1]"},
			belfry.OncePer{Window: "1h", Key: "$.who.a[1]"},
			"2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", onceSubject, `{"who":{"a":[false,"x"]}}`, true,
		},
	}
	for _, tt := range tests {
		a, err := tt.once.Claim(onceSubject, at(tt.a), payload)
		b, err2 := tt.against.Claim(tt.subject, at(tt.b), tt.payload)
		if err != nil || err2 != nil {
			t.Errorf("%s: %v, %v", tt.name, err, err2)
		}
		if (a.Key == b.Key) != tt.same {
			t.Errorf("%s: the same claim is %v, want %v", tt.name, a.Key == b.Key, tt.same)
		}
		// A run that starts as late as the flexible window and catch-up allow.
		if late := at(tt.a).Add(25 * time.Hour); !a.Expires.After(late) {
			t.Errorf("%s: the claim ends at %v", tt.name, a.Expires)
		}
	}
}

func TestAClaimSaysWhatItIsFor(t *testing.T) {
	o := belfry.OncePer{Window: "1d", Key: "$.id"}
	c, err := o.Claim(onceSubject, time.Date(2026, 3, 8, 7, 30, 0, 0, time.UTC), `{"id": "acme"}`)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Taken("run", true)
	want := `function invoice is to be delivered once per 1d, here from 2026-03-08 00:00:00 UTC, for $.id = "acme", and run is under way`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := c.Taken("run", false); !strings.HasSuffix(got, "and run has succeeded") {
		t.Error(got)
	}
	c, err = o.Claim(onceSubject, time.Now(), `{"id": "`+strings.Repeat("ä", 10_000)+`"}`)
	if got := c.Taken("run", true); err != nil || len(got) > 400 {
		t.Errorf("a long value makes %d bytes, %v", len(got), err)
	}
}

func TestAPayloadWithoutTheKeyIsRefused(t *testing.T) {
	for _, tt := range []struct{ key, payload string }{
		{"$.a", ""},
		{"$.a", "text"},
		{"$.a", "{}"},
		{"$.a", `{"a": null}`},
		{"$.a", `{"A": 1}`},
		{"$.a", "[1]"},
		{"$.a", "7"},
		{"$[1]", "[1]"},
		{"$[0]", `{"": 1}`},
		{"$.a.b", `{"a": 1}`},
		{"$.a", `{"a": 1`},
	} {
		o := belfry.OncePer{Window: "1h", Key: tt.key}
		if _, err := o.Claim(onceSubject, time.Now(), tt.payload); belfry.KindOf(err) != belfry.Invalid {
			t.Errorf("%s of %s: %v, want it refused", tt.key, tt.payload, err)
		}
	}
	// Without a key the payload need not even be JSON.
	o := belfry.OncePer{Window: "1h"}
	if _, err := o.Claim(onceSubject, time.Now(), "text"); err != nil {
		t.Error(err)
	}
	bad := belfry.OncePer{Window: "never"}
	if _, err := bad.Claim(onceSubject, time.Now(), "{}"); belfry.KindOf(err) != belfry.Invalid {
		t.Errorf("a window that cannot be right: %v", err)
	}
}
