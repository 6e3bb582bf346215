package logs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belfry-run/belfry/api/awswire/logsapi"
	"github.com/belfry-run/belfry/logs"
)

// PutLogEvents stores events that a client made.
func (a *api) PutLogEvents(ctx context.Context, in *logsapi.PutLogEventsInput) (*logsapi.PutLogEventsOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	events := make([]logs.Event, len(in.LogEvents))
	for i, e := range in.LogEvents {
		events[i] = logs.Event{Time: fromMillis(e.Timestamp), Message: *e.Message}
	}
	r, err := a.logs.Put(ctx, ref, *in.LogStreamName, events)
	if err != nil {
		return nil, err
	}
	out := &logsapi.PutLogEventsOutput{NextSequenceToken: new(strings.Repeat("0", 56))}
	if r != (logs.Rejected{}) {
		out.RejectedLogEventsInfo = &logsapi.RejectedLogEventsInfo{
			TooNewLogEventStartIndex: r.TooNewFrom, TooOldLogEventEndIndex: r.TooOldTo, ExpiredLogEventEndIndex: r.ExpiredTo,
		}
	}
	return out, nil
}

// GetLogEvents pages through a stream, in both directions.
func (a *api) GetLogEvents(ctx context.Context, in *logsapi.GetLogEventsInput) (*logsapi.GetLogEventsOutput, error) {
	ref, err := group(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	q := logs.EventQuery{
		Streams: []string{*in.LogStreamName}, From: fromMillis(in.StartTime), To: fromMillis(in.EndTime), Limit: or(in.Limit, logs.MaxPage),
		Newest: !or(in.StartFromHead, false),
	}
	var at logs.Position // where an empty page stays
	if in.NextToken != nil {
		forward := strings.HasPrefix(*in.NextToken, "f/")
		if at, err = parsePosition(*in.NextToken); err != nil {
			return nil, err
		}
		if q.Newest = !forward; forward {
			q.After = &at
		} else {
			q.Before = &at
		}
	}
	page, err := a.logs.Events(ctx, ref, q)
	if err != nil {
		return nil, err
	}
	first, last := at, at
	if len(page) > 0 {
		first, last = page[0].Position(), page[len(page)-1].Position()
	}
	out := &logsapi.GetLogEventsOutput{
		Events: []logsapi.OutputLogEvent{}, NextForwardToken: new(positionToken("f", last)), NextBackwardToken: new(positionToken("b", first)),
	}
	for i := range page {
		e := &page[i]
		out.Events = append(out.Events, logsapi.OutputLogEvent{
			Timestamp: new(e.Time.UnixMilli()), Message: &e.Message, IngestionTime: new(e.Ingested.UnixMilli()),
		})
	}
	return out, nil
}

func positionToken(direction string, p logs.Position) string {
	return fmt.Sprintf("%s/%028d%028d/s", direction, p.Time, p.ID)
}

func parsePosition(s string) (p logs.Position, err error) {
	digits := strings.TrimSuffix(s[min(2, len(s)):], "/s")
	if len(digits) == 56 && (strings.HasPrefix(s, "f/") || strings.HasPrefix(s, "b/")) {
		if _, err := fmt.Sscanf(digits[:28]+" "+digits[28:], "%d %d", &p.Time, &p.ID); err == nil {
			return p, nil
		}
	}
	return p, invalid("nextToken", "The specified nextToken is invalid.")
}

// FilterLogEvents searches a group.
func (a *api) FilterLogEvents(ctx context.Context, in *logsapi.FilterLogEventsInput) (*logsapi.FilterLogEventsOutput, error) {
	ref, err := group(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("logStreamNamePrefix", "logStreamNames and logStreamNamePrefix cannot be given both.")
	}
	match, err := logs.ParsePattern(or(in.FilterPattern, ""))
	if err != nil {
		return nil, err
	}
	q := logs.EventQuery{
		Streams: in.LogStreamNames, Prefix: or(in.LogStreamNamePrefix, ""), From: fromMillis(in.StartTime), To: fromMillis(in.EndTime),
		Limit: or(in.Limit, logs.MaxPage),
	}
	if !q.To.IsZero() {
		q.To = q.To.Add(time.Millisecond) // here the end is included
	}
	if in.NextToken != nil {
		q.After = &logs.Position{}
		if err := parseToken(in.NextToken, q.After); err != nil {
			return nil, err
		}
	}
	page, next, err := a.logs.Filter(ctx, ref, q, func(e *logs.Event) bool { return match(e.Message) })
	if err != nil {
		return nil, err
	}
	out := &logsapi.FilterLogEventsOutput{Events: []logsapi.FilteredLogEvent{}, SearchedLogStreams: []logsapi.SearchedLogStream{}}
	if next != nil {
		out.NextToken = token(next)
	}
	for i := range page {
		e := &page[i]
		out.Events = append(out.Events, logsapi.FilteredLogEvent{
			LogStreamName: &e.Stream, Timestamp: new(e.Time.UnixMilli()), Message: &e.Message, IngestionTime: new(e.Ingested.UnixMilli()),
			EventId: new(fmt.Sprintf("%028d%028d", e.Time.UnixMilli(), e.ID)),
		})
	}
	return out, nil
}
