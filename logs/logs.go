package logs

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A Ref names a group.
type Ref struct {
	belfry.Scope
	Name string
}

// ARN returns the group's Amazon Resource Name, without its streams.
func (r Ref) ARN() string {
	return "arn:aws:logs:" + r.Region + ":" + r.Account + ":log-group:" + r.Name
}

// A Group is a set of streams.
type Group struct {
	Ref
	ID        int64 // given by the store; no other group ever has it
	Created   time.Time
	Retention int // days; 0: the server's default
	Tags      map[string]string
}

// A Stream is the events of one source: of a function, an instance.
type Stream struct {
	Name         string
	Created      time.Time
	First, Last  time.Time // of its events; zero: it has none
	LastIngested time.Time
}

// An Event is a line of a log.
type Event struct {
	ID       int64 // grows in the order in which events were stored
	Stream   string
	Time     time.Time // UTC, milliseconds
	Ingested time.Time
	Request  string // id of the invocation that printed it; empty: none
	Message  string
}

// Overhead is what an event counts beside its message, in bytes: about what the
// store needs for it.
const Overhead = 100

// Size is what the event counts against the limits of stored logs, in bytes.
func (e *Event) Size() int64 { return int64(len(e.Message)) + Overhead }

// An Addition is an event for a group.
type Addition struct {
	Group int64
	Event // ID is the store's to give
}

// A Position is a place between events in the order of time and ID: behind the
// event that has them.
type Position struct{ Time, ID int64 } // Time in UTC milliseconds

// Position is the place behind the event.
func (e *Event) Position() Position { return Position{e.Time.UnixMilli(), e.ID} }

// An EventQuery selects events of one group, in the order of time and ID.
type EventQuery struct {
	Group    int64
	Streams  []string  // names; empty: all
	Prefix   string    // of the streams' names
	From, To time.Time // From is included, To is not; zero: open
	Request  string    // empty: of any
	After    *Position // nil: from the beginning
	Before   *Position // the event at it is left out; nil: to the end
	Newest   bool      // the last Limit of those that are selected, not the first
	Limit    int
	// Bytes bounds the size of the messages: what is selected ends with the one
	// before that with which they would be larger, and has one at least. 0: nothing
	// does.
	Bytes int
}

// A StreamQuery selects streams of one group.
type StreamQuery struct {
	Group  int64
	Prefix string
	// ByTime orders by the time of the last event, and then by name; else it is
	// the name alone.
	ByTime, Descending bool
	After              *Stream // only its Last and Name count; nil: from the beginning
	Limit              int
}

// A GroupQuery selects groups in the order of account, region and name.
type GroupQuery struct {
	belfry.Scope     // zero: every account and region
	After        Ref // position: the last group of the page before
	Prefix       string
	Contains     string
	Limit        int
}

// A Trim selects events to be removed, oldest first.
type Trim struct {
	Group  int64     // 0: of any group, in the order in which they were stored
	Before time.Time // zero: whenever they were; counts only with a Group
	Limit  int       // events
}

// A Store keeps groups, streams and events. storetest holds every store to the
// promises below. A call that returned nil is durable, save where it says
// otherwise; one that returned an error has written nothing.
type Store interface {
	// CreateLogGroup stores a group and sets its ID; Conflict when there is one
	// of that name.
	CreateLogGroup(ctx context.Context, g *Group) error
	// LogGroup returns NotFound when there is no such group.
	LogGroup(ctx context.Context, ref Ref) (*Group, error)
	LogGroups(ctx context.Context, q GroupQuery) ([]Group, error)
	// ChangeLogGroup makes Retention and Tags what edit leaves there; of several
	// calls at once each sees what the one before it left. NotFound as above.
	ChangeLogGroup(ctx context.Context, ref Ref, edit func(*Group) error) error
	// DeleteLogGroup removes a group. Its streams and events are not found any
	// more; TrimLogs removes them. NotFound as above.
	DeleteLogGroup(ctx context.Context, ref Ref) error
	// CountLogGroups returns how many groups there are in a scope.
	CountLogGroups(ctx context.Context, scope belfry.Scope) (int, error)

	// CreateLogStream stores a stream that stays when it has no events; Conflict
	// when there is one of that name, Quota when the group has max already.
	CreateLogStream(ctx context.Context, group int64, name string, created time.Time, max int) error
	// DeleteLogStream removes a stream with its events; NotFound when there is none.
	DeleteLogStream(ctx context.Context, group int64, name string) error
	// LogStream returns NotFound when there is no such stream.
	LogStream(ctx context.Context, group int64, name string) (*Stream, error)
	LogStreams(ctx context.Context, q StreamQuery) ([]Stream, error)

	// AppendLogs stores events, and streams for those that have none yet, all or
	// nothing. Unless it is durable, a power cut may undo it.
	AppendLogs(ctx context.Context, events []Addition, durable bool) error
	LogEvents(ctx context.Context, q EventQuery) ([]Event, error)
	// NewLogEvents returns up to limit events of the group, as [EventQuery] says of
	// up to so many bytes, that were stored after the event with that ID, in the order of ID, and where to go on. It may
	// return none although there are more: then last has grown.
	NewLogEvents(ctx context.Context, group, after int64, limit, bytes int) (events []Event, last int64, err error)
	// LastLogEvent returns the highest ID that any event has had; 0: none.
	LastLogEvent(ctx context.Context) (int64, error)
	// RequestLog returns up to limit events, of up to so many bytes, of an invocation after the position,
	// in the order of time and ID, with the groups that they are in.
	RequestLog(ctx context.Context, request string, after *Position, limit, bytes int) ([]Addition, error)

	// LogSizes returns the sizes of all events by group, of those groups that
	// have any, deleted ones included.
	LogSizes(ctx context.Context) (map[int64]int64, error)
	// TrimLogs removes events and returns the sizes of what it removed, by group;
	// empty: there is nothing of the kind.
	TrimLogs(ctx context.Context, t Trim) (map[int64]int64, error)
	// TrimLogStreams removes the streams of the group without events that nobody
	// created and whose last event was stored before the given time; all streams
	// of a group that is gone when the time is zero.
	TrimLogStreams(ctx context.Context, group int64, before time.Time) error
	// LogStreamGroups returns the groups that have streams, deleted ones included.
	LogStreamGroups(ctx context.Context) ([]int64, error)
}
