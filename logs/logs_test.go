package logs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/logs"
	"github.com/belfry-run/belfry/store/sqlite"
)

var group = logs.Ref{Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"}, Name: "/aws/lambda/f"}

// handClock stands until it is set.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (*handClock) After(time.Duration) <-chan time.Time { return nil }

func open(t *testing.T, change func(*logs.Config)) (*logs.Service, *handClock) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := &handClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c := logs.Config{Store: store, Clock: clock}
	if change != nil {
		change(&c)
	}
	s, err := logs.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s, clock
}

func messages(t *testing.T, s *logs.Service, q logs.EventQuery) string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	list, err := s.Events(t.Context(), group, q)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range list {
		all = append(all, list[i].Message)
	}
	return strings.Join(all, "|")
}

func TestWhatWasRecordedIsReadAtOnceInTheOrderOfTime(t *testing.T) {
	s, clock := open(t, nil)
	for i, m := range []string{"c", "a", "b"} {
		s.Record(group, "s", clock.now.Add(time.Duration([]int{3, 1, 2}[i])*time.Second), "r", m)
	}
	if got := messages(t, s, logs.EventQuery{}); got != "a|b|c" {
		t.Errorf("got %s", got)
	}
	if got := messages(t, s, logs.EventQuery{Limit: 2, Newest: true}); got != "b|c" {
		t.Errorf("the newest: %s", got)
	}
	if got := messages(t, s, logs.EventQuery{From: clock.now.Add(2 * time.Second), To: clock.now.Add(3 * time.Second)}); got != "b" {
		t.Errorf("from is included, to is not: %s", got)
	}
	ref, list, _, err := s.RequestLog(t.Context(), group.Account, "r", nil, 10)
	if err != nil || *ref != group || len(list) != 3 {
		t.Errorf("%v %v %v", ref, list, err)
	}
	if _, _, _, err := s.RequestLog(t.Context(), "111111111111", "r", nil, 10); belfry.KindOf(err) != belfry.NotFound {
		t.Errorf("another account: %v", err)
	}
}

func TestWhatDoesNotFitIsDroppedAndSaid(t *testing.T) {
	s, clock := open(t, func(c *logs.Config) { c.Buffer = 3 * (logs.Overhead + 1) })
	for range 5 {
		s.Record(group, "s", clock.now, "r", "x")
	}
	if st := s.Stats(); st.Dropped != 2 || st.Waiting != 3*(logs.Overhead+1) {
		t.Errorf("%+v", st)
	}
	s.Flush(t.Context())
	s.Record(group, "s", clock.now, "r", "y")
	if got := messages(t, s, logs.EventQuery{}); !strings.HasPrefix(got, "x|x|x|[belfry: 2 lines of log were dropped here") || !strings.HasSuffix(got, "|y") {
		t.Errorf("got %s", got)
	}
}

func TestEventsGoWhenTheirTimeIsUp(t *testing.T) {
	s, clock := open(t, nil)
	other := group
	other.Name = "kept"
	for _, g := range []logs.Ref{group, other} {
		s.Record(g, "s", clock.now, "", "old")
	}
	s.Flush(t.Context())
	if err := s.SetRetention(t.Context(), other, 30); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		days int
		want int
	}{{14, 1}, {1, 0}} { // the default is 14 days
		clock.advance(time.Duration(c.days) * 24 * time.Hour)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		streams, err := s.Streams(t.Context(), group, logs.StreamQuery{Limit: 10})
		if err != nil || len(streams) != c.want {
			t.Errorf("%d streams are left, %v; want %d", len(streams), err, c.want)
		}
	}
	if list, err := s.Events(t.Context(), other, logs.EventQuery{Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("of the group with a policy: %v %v", list, err)
	}
	if err := s.SetRetention(t.Context(), other, 2); belfry.KindOf(err) != belfry.Invalid {
		t.Errorf("2 days: %v", err)
	}
}

func TestBeyondALimitTheOldestGo(t *testing.T) {
	s, clock := open(t, func(c *logs.Config) { c.GroupSize = 100 * (logs.Overhead + 3) })
	for i := range 100 {
		s.Record(group, "s", clock.now, "", fmt.Sprintf("%03d", i))
	}
	s.Flush(t.Context())
	if err := s.Sweep(t.Context()); err != nil || s.Stats().Trimmed != 0 {
		t.Errorf("at the limit %d bytes went, %v", s.Stats().Trimmed, err)
	}
	s.Record(group, "s", clock.now, "", "100")
	s.Flush(t.Context())
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	if st.Bytes > 100*(logs.Overhead+3) || st.Trimmed == 0 {
		t.Errorf("%+v", st)
	}
}

func TestADeletedGroupTakesItsEventsAlong(t *testing.T) {
	s, clock := open(t, nil)
	s.Record(group, "s", clock.now, "r", "x")
	if err := s.DeleteGroup(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil || s.Stats().Bytes != 0 {
		t.Errorf("%d bytes are left, %v", s.Stats().Bytes, err)
	}
	s.Record(group, "s", clock.now, "r", "y") // as a function that goes on does
	if got := messages(t, s, logs.EventQuery{}); got != "y" {
		t.Errorf("got %s", got)
	}
}

func TestFollowingGoesOnWhereItWasAndEndsWithTheService(t *testing.T) {
	s, clock := open(t, nil)
	s.Record(group, "s", clock.now, "", "before")
	s.Flush(t.Context())
	got := make(chan string, 10)
	follow := func(ctx context.Context, after int64) error {
		return s.Follow(ctx, group, after, time.Hour, func(events []logs.Event, _ int64) error {
			if len(events) == 0 {
				got <- "begun"
			}
			for i := range events {
				got <- events[i].Message
			}
			return nil
		})
	}
	ended := make(chan error, 2)
	go func() { ended <- follow(t.Context(), -1) }()
	next := func(want string) {
		t.Helper()
		select {
		case m := <-got:
			if m != want {
				t.Fatalf("got %s, want %s", m, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s never came", want)
		}
	}
	next("begun")
	s.Record(group, "s", clock.now, "", "after")
	s.Flush(t.Context())
	next("after")
	go func() { ended <- follow(t.Context(), 0) }()
	for _, want := range []string{"begun", "before", "after"} {
		next(want)
	}
	s.Stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestPut(t *testing.T) {
	s, clock := open(t, nil)
	if err := s.CreateGroup(t.Context(), group, nil); err != nil {
		t.Fatal(err)
	}
	event := func(d time.Duration) logs.Event { return logs.Event{Time: clock.now.Add(d), Message: d.String()} }
	if _, err := s.Put(t.Context(), group, "s", []logs.Event{event(0)}); belfry.KindOf(err) != belfry.NotFound {
		t.Errorf("without a stream: %v", err)
	}
	if err := s.CreateStream(t.Context(), group, "s"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Put(t.Context(), group, "s", []logs.Event{event(0), event(2 * time.Hour), event(2*time.Hour + time.Millisecond)})
	if err != nil || r.TooNewFrom == nil || *r.TooNewFrom != 2 || r.TooOldTo != nil {
		t.Errorf("%+v %v", r, err)
	}
	for name, batch := range map[string][]logs.Event{
		"order": {event(0), event(-1)},
		"span":  {event(-24*time.Hour - time.Millisecond), event(0)},
		"size":  {{Time: clock.now, Message: strings.Repeat("x", 1<<20-25)}},
	} {
		if _, err := s.Put(t.Context(), group, "s", batch); belfry.KindOf(err) != belfry.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Put(t.Context(), group, "s", []logs.Event{{Time: clock.now, Message: strings.Repeat("x", 1<<20-26)}}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "an ERROR here", true},
		{"ERROR", "an error here", false},
		{"a b", "b and a", true},
		{"a x", "b and a", false},
		{"?x ?a", "b and a", true},
		{"?x ?y", "b and a", false},
		{"and -b", "b and a", false},
		{`"b and"`, "b and a", true},
		{`"and b"`, "b and a", false},
		{`{ $.level = "ERROR" }`, `{"level":"ERROR"}`, true},
		{`{ $.level = "ERR*" && $.n > 1.5 }`, `{"level":"ERROR","n":2}`, true},
		{`{ ($.n <= 1 || $.a[1].b != "x") }`, `{"n":2,"a":[0,{"b":"y"}]}`, true},
		{`{ $.x NOT EXISTS }`, `{"n":2}`, true},
		{`{ $.x IS NULL }`, `{"x":null}`, true},
		{`{ $.x is true }`, `{"x":false}`, false},
		{`{ $.level = "ERROR" }`, `level ERROR`, false},
		{`{ $.a = "*b*" }`, `{"a":"abc"}`, true},
		{`{ $.a = "ab*bc" }`, `{"a":"abc"}`, false}, // one b is not two
		{`{ $.a = "a*b*c" }`, `{"a":"a\nb c b c"}`, true},
		{`{ $.a != "a*" }`, `{"a":"ab"}`, false},
		// It cost as much as the product of both: 21 s for a page of such messages.
		{`{ $.a = "` + strings.Repeat("*a", 200) + `*b" }`, `{"a":"` + strings.Repeat("a", 256_000) + `"}`, false},
	} {
		match, err := logs.ParsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := match(c.message); got != c.want {
			t.Errorf("%s on %.100s: %v", c.pattern, c.message, got)
		}
	}
	for _, bad := range []string{"[a, b]", "%x%", `"open`, `a"b`, "{ $.a = 1", "{ a = 1 }", `{ $.a < "x" }`, "{ $.a }", "{ ($.a = 1 }", "?", "{ $.a = 1 $.b = 2 }"} {
		if _, err := logs.ParsePattern(bad); belfry.KindOf(err) != belfry.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestReadingIsBoundedByBytes(t *testing.T) {
	s, _ := open(t, func(c *logs.Config) { c.Page = 1000 })
	for i := range 30 {
		s.Record(group, "s", time.Date(2026, 3, 1, 11, 0, i, 0, time.UTC), "r", strings.Repeat("x", 299)+fmt.Sprintf("%02d", i))
	}
	s.Record(group, "s", time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC), "r", strings.Repeat("y", 2000)) // larger than a page
	bounded := func(list []logs.Event) {
		t.Helper()
		size := 0
		for i := range list {
			size += len(list[i].Message)
		}
		if size > 1000 && len(list) > 1 {
			t.Errorf("a page has %d bytes", size)
		}
	}
	pages := func(next func(*logs.Position) ([]logs.Event, *logs.Position)) (n int) {
		for at := (*logs.Position)(nil); ; {
			var list []logs.Event
			list, at = next(at)
			bounded(list)
			if n += len(list); at == nil {
				return n
			}
		}
	}
	if n := pages(func(at *logs.Position) ([]logs.Event, *logs.Position) {
		_, list, next, err := s.RequestLog(t.Context(), "", "r", at, 100)
		if err != nil {
			t.Fatal(err)
		}
		return list, next
	}); n != 31 {
		t.Errorf("the log of the request has %d events", n)
	}
	if n := pages(func(at *logs.Position) ([]logs.Event, *logs.Position) {
		list, next, err := s.Filter(t.Context(), group, logs.EventQuery{Limit: 100, After: at}, func(*logs.Event) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		return list, next
	}); n != 31 {
		t.Errorf("the filter finds %d events", n)
	}
	if list, next, err := s.Filter(t.Context(), group, logs.EventQuery{Limit: 100}, func(e *logs.Event) bool { return e.Message[0] == 'y' }); err != nil || len(list) != 1 || next != nil {
		t.Errorf("the filter finds %d events, %v, %v: what does not match must not end a page", len(list), next, err)
	}
	for _, newest := range []bool{false, true} {
		list, err := s.Events(t.Context(), group, logs.EventQuery{Limit: 100, Newest: newest})
		if bounded(list); err != nil || len(list) == 0 {
			t.Errorf("a page of %d events, %v", len(list), err)
		}
	}
	n, all := 0, errors.New("all are there")
	err := s.Follow(t.Context(), group, 0, time.Hour, func(list []logs.Event, _ int64) error {
		if bounded(list); len(list) > 1 { // an eighth of a page
			t.Errorf("%d events at once are sent to one who follows", len(list))
		}
		if n += len(list); n == 31 {
			return all
		}
		return nil
	})
	if !errors.Is(err, all) {
		t.Errorf("followed %d events: %v", n, err)
	}
}

// FuzzWildcards holds a selector's wildcards against a regular expression.
func FuzzWildcards(f *testing.F) {
	f.Add("a*b*c", "aXbXc")
	f.Add("*a*a*b", "aaaaaaab")
	f.Add("", "*")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 1000 || strings.ContainsAny(pattern, "\"\\\x00") || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			t.Skip()
		}
		match, err := logs.ParsePattern(`{ $.a = "` + pattern + `" }`)
		if err != nil {
			t.Fatal(err)
		}
		message, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		if got, want := match(string(message)), regexp.MustCompile("(?s)^"+strings.Join(parts, ".*")+"$").MatchString(text); got != want {
			t.Errorf("%q matches %q: %t, want %t", pattern, text, got, want)
		}
	})
}
