package queue

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A Store makes queues and messages durable. Every method is one step: it
// happens as a whole or not at all, and is durable when it has returned nil.
// Any number of nodes may use the same store at once; times are given by the
// caller and kept to the millisecond.
//
// Errors that a caller can act on are a [belfry.Error]: NotFound and Conflict
// as said below, Unavailable when the outcome is unknown.
type Store interface {
	Directory
	Messages
}

// Directory is the part of a [Store] that keeps the queues.
type Directory interface {
	// CreateQueue adds q, with an ID, empty Contents and Revision 1, unless
	// its scope has a queue of that name. It returns the queue as stored and
	// whether this call made it: of two calls at once exactly one did, and
	// both get the same queue.
	CreateQueue(ctx context.Context, q Queue) (stored Queue, created bool, err error)

	// Queue returns the queue of that name, or NotFound.
	Queue(ctx context.Context, scope belfry.Scope, name string) (Queue, error)

	// Queues returns at most limit queues of the scope whose names begin with
	// prefix and are greater than after, in order of their names (bytewise).
	Queues(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) ([]Queue, error)

	// UpdateQueue replaces the attributes, the tags and the Modified time of
	// the queue with q's ID, if its Revision is still q's, and adds one to the
	// Revision. Conflict when another update came first, NotFound when the
	// queue is gone.
	UpdateQueue(ctx context.Context, q Queue) error

	// DeleteQueue removes the queue and all that it holds. The second call is
	// NotFound. It takes the same short time however much the queue holds.
	DeleteQueue(ctx context.Context, id QueueID) error

	// PurgeQueue gives the queue new, empty Contents, unless it was purged
	// after notAfter: then it changes nothing and returns false. NotFound when
	// the queue is gone.
	PurgeQueue(ctx context.Context, id QueueID, at, notAfter time.Time) (purged bool, err error)
}

// Messages is the part of a [Store] that keeps what the queues hold. A method
// whose Contents are not a queue's present ones returns NotFound: the queue
// was deleted or purged, and the caller looks it up again.
type Messages interface {
	// Send adds messages that nobody has received yet: all of them or none.
	// IDs are the caller's and new. A call whose outcome is unknown is not
	// repeated by the store.
	Send(ctx context.Context, c Contents, msgs []Stored) error

	// Receive hands out messages, as the request says. See [Claim].
	Receive(ctx context.Context, c Claim) (Claimed, error)

	// Delete removes the received messages with these ids; those that are
	// gone already are no error.
	Delete(ctx context.Context, c Contents, ids []ID) error

	// ChangeVisibility moves the end of the visibility timeout of each
	// message whose number of receives is still the one given, and reports
	// for each whether it did. Of two receivers of a message, only the later
	// changes anything.
	ChangeVisibility(ctx context.Context, c Contents, changes []VisibilityChange) (changed []bool, err error)

	// Counts says how many messages there are at now, without those sent at
	// or before cutoff. Its cost grows with the messages that are delayed or
	// in flight, not with those that wait.
	Counts(ctx context.Context, c Contents, now, cutoff time.Time) (Counts, error)

	// Sweep removes at most limit messages that are past their queue's
	// retention at now or whose queue was deleted or purged, and returns how
	// many; fewer than limit means that there were no more. It may leave a
	// message that was sent with a delay up to that delay longer. Two sweeps
	// at once are harmless.
	Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error)

	// Retime ends delays and visibility timeouts of messages that were sent or
	// received after the time ahead, that is to say under a clock that has been set
	// back: those of messages that nobody has received at now, others at back at the
	// latest. It returns how many there were.
	Retime(ctx context.Context, now, ahead, back time.Time) (changed int, err error)
}

// Stored is a message as the store keeps it.
type Stored struct {
	ID         ID // its time is when the message was sent
	Body       string
	Attributes []byte // encoded; nil: none
	Sender     string // account of the sender
	Trace      string // AWSTraceHeader; empty: none
	Group      string // MessageGroupId; empty: none
	Source     string // ARN of the queue that dead-lettered it; empty: none

	Visible       time.Time // the end of its delay or visibility timeout
	Receives      int       // in this queue; 0: never
	Earlier       int       // receives in the queues that dead-lettered it
	FirstReceived time.Time // zero: never
}

// A Claim asks for messages.
//
// The store takes at most Max of those whose Visible is not after Now, about
// in the order of Visible, and for each sets Visible to Until, adds one to
// Receives, and sets FirstReceived to Now if it is the first. No other claim
// gets them before Until, on this node or another.
//
// Messages sent at or before Cutoff are not handed out; the store may remove
// them. When MaxReceives is not 0, a message that was received that often is
// moved to the contents DeadLetter instead, visible at once, with its ID, its
// FirstReceived and Source set, and its receives as Earlier ones. When those contents are gone it is handed out like the others,
// so that it is not lost.
//
// When Bytes is not 0, the sizes of what is handed out add up to no more. A claim
// whose messages are larger hands out none, and says in Needs how large they are;
// with Part it hands out those that fit, and one at least.
type Claim struct {
	Contents           Contents
	Max                int
	Now, Until, Cutoff time.Time
	MaxReceives        int
	DeadLetter         Contents
	Source             string // the Source of dead-lettered messages
	Bytes              int    // of bodies and attributes; 0: any number
	Part               bool
}

// Claimed answers a [Claim].
type Claimed struct {
	Messages     []Stored
	DeadLettered int // messages moved to the dead-letter queue by this claim
	Needs        int // bytes of the messages that would have been handed out, were they not too large
	// More is set when the store stopped before it had looked at all that is
	// visible; another claim may find messages at once.
	More bool
	// Next is, when there are no Messages, the time at which to ask again:
	// that at which the first message that is there now becomes visible, or
	// an earlier one where the store is shared and other nodes' messages
	// would not be noticed otherwise. Zero: there is no such time.
	Next time.Time
}

// A VisibilityChange is what one receiver wants of a message.
type VisibilityChange struct {
	ID       ID
	Receives int // of the receive whose handle the receiver holds
	Until    time.Time
}

// Counts is the number of messages by state.
type Counts struct {
	Visible  int64 // can be received now
	InFlight int64 // received, and their visibility timeout has not ended
	Delayed  int64 // never received, and their delay has not ended
}
