package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/logs"
)

// Logs holds a store to what [logs.Store] promises. open opens an empty one.
func Logs[S logs.Store](t *testing.T, open func(t *testing.T) S) {
	for _, c := range []struct {
		name string
		run  func(*logCase)
	}{
		{"a group comes back as it was created, once", (*logCase).groups},
		{"groups are listed by name, prefix and part, a page at a time", (*logCase).groupPages},
		{"a change of a group that fails changes nothing", (*logCase).change},
		{"a group that is made again is another one", (*logCase).again},
		{"streams are made by clients and by events, and listed in both orders", (*logCase).streams},
		{"events come in the order of time and ID, between positions", (*logCase).events},
		{"new events come in the order in which they were stored", (*logCase).fresh},
		{"pages have no more bytes than are asked for, and one event at least", (*logCase).bytes},
		{"the log of an invocation is found by its id", (*logCase).request},
		{"trims remove the oldest, and sizes are true", (*logCase).trims},
		{"empty streams go unless a client made them", (*logCase).emptyStreams},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&logCase{T: t, Store: open(t), ctx: t.Context()}) })
	}
}

type logCase struct {
	*testing.T
	logs.Store
	ctx context.Context
}

var (
	logT0    = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	logScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}
)

func (l *logCase) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *logCase) kind(err error, want belfry.Kind) {
	l.Helper()
	if belfry.KindOf(err) != want || err == nil {
		l.Fatalf("error is %v, want kind %v", err, want)
	}
}

func (l *logCase) group(name string) *logs.Group {
	l.Helper()
	g := &logs.Group{Ref: logs.Ref{Scope: logScope, Name: name}, Created: logT0}
	l.must(l.CreateLogGroup(l.ctx, g))
	return g
}

// add stores events one after the other, each at so many milliseconds.
func (l *logCase) add(g *logs.Group, stream, request string, at ...int) {
	l.Helper()
	var list []logs.Addition
	for _, ms := range at {
		list = append(list, logs.Addition{Group: g.ID, Event: logs.Event{
			Stream: stream, Time: logT0.Add(time.Duration(ms) * time.Millisecond), Ingested: logT0.Add(time.Second), Request: request, Message: fmt.Sprintf("ü%d\n", ms),
		}})
	}
	l.must(l.AppendLogs(l.ctx, list, false))
}

func (l *logCase) texts(q logs.EventQuery) string {
	l.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := l.LogEvents(l.ctx, q)
	l.must(err)
	return texts(list)
}

func texts(list []logs.Event) (all string) {
	for i := range list {
		all += list[i].Message
	}
	return all
}

func (l *logCase) same(got, want any) {
	l.Helper()
	if d := cmp.Diff(want, got); d != "" {
		l.Errorf("(-want +got)\n%s", d)
	}
}

func (l *logCase) groups() {
	g := &logs.Group{Ref: logs.Ref{Scope: logScope, Name: "a"}, Created: logT0, Tags: map[string]string{"k": "v"}}
	_, err := l.LogGroup(l.ctx, g.Ref)
	l.kind(err, belfry.NotFound)
	l.must(l.CreateLogGroup(l.ctx, g))
	got, err := l.LogGroup(l.ctx, g.Ref)
	l.must(err)
	l.same(got, g)
	l.kind(l.CreateLogGroup(l.ctx, &logs.Group{Ref: g.Ref}), belfry.Conflict)
	n, err := l.CountLogGroups(l.ctx, logScope)
	l.must(err)
	l.same(n, 1)
	l.must(l.DeleteLogGroup(l.ctx, g.Ref))
	l.kind(l.DeleteLogGroup(l.ctx, g.Ref), belfry.NotFound)
}

func (l *logCase) groupPages() {
	for _, name := range []string{"b", "a/x", "a/y", "c"} {
		l.group(name)
	}
	other := logs.Ref{Scope: belfry.Scope{Account: "000000000001", Region: "eu-west-1"}, Name: "z"}
	l.must(l.CreateLogGroup(l.ctx, &logs.Group{Ref: other}))
	for _, c := range []struct {
		q    logs.GroupQuery
		want string
	}{
		{logs.GroupQuery{Scope: logScope, Limit: 9}, "a/x a/y b c "},
		{logs.GroupQuery{Scope: logScope, Limit: 2, After: logs.Ref{Name: "a/x"}}, "a/y b "},
		{logs.GroupQuery{Scope: logScope, Limit: 9, Prefix: "a/"}, "a/x a/y "},
		{logs.GroupQuery{Scope: logScope, Limit: 9, Prefix: "%"}, ""},
		{logs.GroupQuery{Scope: logScope, Limit: 9, Contains: "y"}, "a/y "},
		{logs.GroupQuery{Limit: 9, After: logs.Ref{Scope: logScope, Name: "b"}}, "c z "},
	} {
		page, err := l.LogGroups(l.ctx, c.q)
		l.must(err)
		var got strings.Builder
		for i := range page {
			got.WriteString(page[i].Name + " ")
		}
		l.same(got.String(), c.want)
	}
}

func (l *logCase) change() {
	g := l.group("a")
	l.must(l.ChangeLogGroup(l.ctx, g.Ref, func(g *logs.Group) error { g.Retention, g.Tags = 7, map[string]string{"k": "v"}; return nil }))
	refusal := belfry.Errorf(belfry.Invalid, "", "no")
	l.kind(l.ChangeLogGroup(l.ctx, g.Ref, func(g *logs.Group) error { g.Retention = 1; return refusal }), belfry.Invalid)
	got, err := l.LogGroup(l.ctx, g.Ref)
	l.must(err)
	g.Retention, g.Tags = 7, map[string]string{"k": "v"}
	l.same(got, g)
	g.Name = "none"
	l.kind(l.ChangeLogGroup(l.ctx, g.Ref, func(*logs.Group) error { return nil }), belfry.NotFound)
}

func (l *logCase) again() {
	old := l.group("a")
	l.add(old, "s", "", 1)
	l.must(l.DeleteLogGroup(l.ctx, old.Ref))
	g := l.group("a")
	if g.ID == old.ID {
		l.Error("the number is used again")
	}
	l.same(l.texts(logs.EventQuery{Group: g.ID}), "")
	of, err := l.LogStreamGroups(l.ctx)
	l.must(err)
	l.same(of, []int64{old.ID})
	l.must(l.TrimLogStreams(l.ctx, old.ID, time.Time{}))
	of, err = l.LogStreamGroups(l.ctx)
	l.must(err)
	l.same(len(of), 0)
}

func (l *logCase) streams() {
	g := l.group("a")
	l.must(l.CreateLogStream(l.ctx, g.ID, "made", logT0, 3))
	l.kind(l.CreateLogStream(l.ctx, g.ID, "made", logT0, 3), belfry.Conflict)
	l.kind(l.CreateLogStream(l.ctx, g.ID, "more", logT0, 1), belfry.Quota)
	l.add(g, "z", "", 5, 9)
	l.add(g, "m", "", 20)
	l.add(g, "z", "", 7)
	got, err := l.LogStream(l.ctx, g.ID, "z")
	l.must(err)
	l.same(got, &logs.Stream{
		Name: "z", Created: logT0.Add(time.Second), First: logT0.Add(5 * time.Millisecond), Last: logT0.Add(9 * time.Millisecond), LastIngested: logT0.Add(time.Second),
	})
	for _, c := range []struct {
		q    logs.StreamQuery
		want string
	}{
		{logs.StreamQuery{Limit: 9}, "m made z "},
		{logs.StreamQuery{Limit: 1, After: &logs.Stream{Name: "m"}}, "made "},
		{logs.StreamQuery{Limit: 9, Prefix: "ma"}, "made "},
		{logs.StreamQuery{Limit: 9, Descending: true}, "z made m "},
		{logs.StreamQuery{Limit: 9, ByTime: true, Descending: true}, "m z made "},
		{logs.StreamQuery{Limit: 9, ByTime: true, Descending: true, After: &logs.Stream{Name: "m", Last: logT0.Add(20 * time.Millisecond)}}, "z made "},
	} {
		c.q.Group = g.ID
		page, err := l.LogStreams(l.ctx, c.q)
		l.must(err)
		var got strings.Builder
		for i := range page {
			got.WriteString(page[i].Name + " ")
		}
		l.same(got.String(), c.want)
	}
	l.must(l.DeleteLogStream(l.ctx, g.ID, "z"))
	l.kind(l.DeleteLogStream(l.ctx, g.ID, "z"), belfry.NotFound)
	l.same(l.texts(logs.EventQuery{Group: g.ID}), "ü20\n")
}

func (l *logCase) events() {
	g, other := l.group("a"), l.group("b")
	l.add(g, "s", "", 3, 1, 3)
	l.add(g, "t", "r", 2)
	l.add(other, "s", "", 2)
	all, err := l.LogEvents(l.ctx, logs.EventQuery{Group: g.ID, Limit: 9})
	l.must(err)
	l.same(texts(all), "ü1\nü2\nü3\nü3\n")
	if all[2].ID >= all[3].ID {
		l.Error("of one time, the first that was stored is not the first")
	}
	at := func(i int) *logs.Position { return new(all[i].Position()) }
	for _, c := range []struct {
		q    logs.EventQuery
		want string
	}{
		{logs.EventQuery{Streams: []string{"t"}}, "ü2\n"},
		{logs.EventQuery{Streams: []string{"t", "s"}}, "ü1\nü2\nü3\nü3\n"},
		{logs.EventQuery{Streams: []string{"none"}}, ""},
		{logs.EventQuery{Prefix: "t"}, "ü2\n"},
		{logs.EventQuery{Request: "r"}, "ü2\n"},
		{logs.EventQuery{From: all[1].Time, To: all[2].Time}, "ü2\n"},
		{logs.EventQuery{After: at(2)}, "ü3\n"},
		{logs.EventQuery{Before: at(2)}, "ü1\nü2\n"},
		{logs.EventQuery{Before: at(3), Newest: true, Limit: 2}, "ü2\nü3\n"},
		{logs.EventQuery{Limit: 2}, "ü1\nü2\n"},
	} {
		c.q.Group = g.ID
		l.same(l.texts(c.q), c.want)
	}
}

func (l *logCase) fresh() {
	g, other := l.group("a"), l.group("b")
	l.add(g, "s", "", 9)
	start, err := l.LastLogEvent(l.ctx)
	l.must(err)
	l.add(other, "s", "", 1)
	l.add(g, "s", "", 8, 7)
	list, last, err := l.NewLogEvents(l.ctx, g.ID, start, 1, 0)
	l.must(err)
	l.same(texts(list), "ü8\n")
	list, last, err = l.NewLogEvents(l.ctx, g.ID, last, 5, 0)
	l.must(err)
	l.same(texts(list), "ü7\n")
	list, again, err := l.NewLogEvents(l.ctx, g.ID, last, 5, 0)
	l.must(err)
	if len(list) > 0 || again != last {
		l.Errorf("at the end: %v, on from %d to %d", list, last, again)
	}
	_, err = l.TrimLogs(l.ctx, logs.Trim{Limit: 100})
	l.must(err)
	end, err := l.LastLogEvent(l.ctx)
	l.must(err)
	l.same(end, last)
}

func (l *logCase) bytes() {
	g := l.group("a")
	start, err := l.LastLogEvent(l.ctx)
	l.must(err)
	l.add(g, "s", "r", 1, 2, 3, 4) // each of 4 bytes
	for size, want := range map[int]string{1: "ü1\n", 4: "ü1\n", 11: "ü1\nü2\n", 12: "ü1\nü2\nü3\n", 0: "ü1\nü2\nü3\nü4\n"} {
		l.same(l.texts(logs.EventQuery{Group: g.ID, Limit: 9, Bytes: size}), want)
		list, last, err := l.NewLogEvents(l.ctx, g.ID, start, 9, size)
		l.must(err)
		l.same(texts(list), want)
		l.same(last, start+int64(len(list)))
		additions, err := l.RequestLog(l.ctx, "r", nil, 9, size)
		l.must(err)
		l.same(len(additions), len(list))
	}
	l.same(l.texts(logs.EventQuery{Group: g.ID, Limit: 9, Bytes: 8, Newest: true}), "ü3\nü4\n")
}

func (l *logCase) request() {
	g := l.group("a")
	const id = "3393b247-3f99-8a75-b122-8cd45c8c5123"
	l.add(g, "s", id, 2, 1)
	l.add(g, "s", "free text", 3)
	for request, want := range map[string]string{id: "ü1\nü2\n", "free text": "ü3\n", "none": ""} {
		list, err := l.RequestLog(l.ctx, request, nil, 9, 0)
		l.must(err)
		var got strings.Builder
		for i := range list {
			got.WriteString(list[i].Message)
			l.same(list[i].Request, request)
			l.same(list[i].Group, g.ID)
		}
		l.same(got.String(), want)
	}
}

func (l *logCase) trims() {
	g, other := l.group("a"), l.group("b")
	l.add(other, "s", "", 5)
	l.add(g, "s", "", 3, 1, 2)
	one := int64(len("ü1\n")) + logs.Overhead
	sizes, err := l.LogSizes(l.ctx)
	l.must(err)
	l.same(sizes, map[int64]int64{g.ID: 3 * one, other.ID: one})
	for _, c := range []struct {
		trim logs.Trim
		want map[int64]int64
	}{
		{logs.Trim{Group: g.ID, Before: logT0.Add(2 * time.Millisecond), Limit: 9}, map[int64]int64{g.ID: one}}, // that at 2 stays
		{logs.Trim{Group: g.ID, Limit: 1}, map[int64]int64{g.ID: one}},
		{logs.Trim{Limit: 1}, map[int64]int64{other.ID: one}},
		{logs.Trim{Group: other.ID, Limit: 1}, map[int64]int64{}},
	} {
		freed, err := l.TrimLogs(l.ctx, c.trim)
		l.must(err)
		l.same(freed, c.want)
	}
	l.same(l.texts(logs.EventQuery{Group: g.ID}), "ü3\n")
	sizes, err = l.LogSizes(l.ctx)
	l.must(err)
	l.same(sizes, map[int64]int64{g.ID: one})
}

func (l *logCase) emptyStreams() {
	g := l.group("a")
	l.must(l.CreateLogStream(l.ctx, g.ID, "made", logT0, 9))
	l.add(g, "gone", "", 1)
	l.add(g, "stays", "", 2)
	_, err := l.TrimLogs(l.ctx, logs.Trim{Group: g.ID, Limit: 1})
	l.must(err)
	l.must(l.TrimLogStreams(l.ctx, g.ID, logT0.Add(time.Second))) // when they were stored
	_, err = l.LogStream(l.ctx, g.ID, "gone")
	l.must(err)
	l.must(l.TrimLogStreams(l.ctx, g.ID, logT0.Add(time.Second+time.Millisecond)))
	_, err = l.LogStream(l.ctx, g.ID, "gone")
	l.kind(err, belfry.NotFound)
	page, err := l.LogStreams(l.ctx, logs.StreamQuery{Group: g.ID, Limit: 9})
	l.must(err)
	l.same(len(page), 2)
}
