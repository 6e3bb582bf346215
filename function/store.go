package function

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A Store keeps functions and the events that wait for them. A call that
// returned nil is durable; one that returned an error has written nothing.
type Store interface {
	// PutFunction stores f. replaces is the Change it was made from; empty
	// means that f is new. Conflict when there is another Change, or any for
	// a new one; NotFound when there is none to replace.
	PutFunction(ctx context.Context, f *Function, replaces string) error
	// Function returns NotFound when there is no such function.
	Function(ctx context.Context, ref Ref) (*Function, error)
	// PublishVersion stores f as PutFunction does, with its Published, and v as the
	// version of the next number, which no version of that name ever had; it
	// returns the number. Both happen or none does.
	PublishVersion(ctx context.Context, f *Function, replaces string, v *Function) (number int, err error)
	// Version returns a version of a function, Latest for 0; NotFound when there
	// is none.
	Version(ctx context.Context, ref Ref, version int) (*Function, error)
	// DeleteVersion stores f as PutFunction does and removes the version, which is
	// not 0; it is no error when there is none.
	DeleteVersion(ctx context.Context, f *Function, replaces string, version int) error
	// Functions returns up to q.Limit functions after q.After in the order of
	// account, region, name and version.
	Functions(ctx context.Context, q Query) ([]*Function, error)
	// DeleteFunction removes a function of that Change, its versions and the events that
	// wait for it, with what they have claimed. Conflict when it has another one; NotFound when there is none.
	DeleteFunction(ctx context.Context, ref Ref, change string) error

	// PublishLayer stores l as the version of the next number, which no version of
	// that layer ever had; it returns the number.
	PublishLayer(ctx context.Context, l *Layer) (number int, err error)
	// PutLayer stores a version that is there, in place of the state with the Change
	// replaces. Conflict when it has another one; NotFound when there is none.
	PutLayer(ctx context.Context, l *Layer, replaces string) error
	// Layer returns a version of a layer; NotFound when there is none.
	Layer(ctx context.Context, ref LayerRef, version int) (*Layer, error)
	// Layers returns up to q.Limit versions after q.After and q.AfterVersion in the
	// order of account, region, name and version.
	Layers(ctx context.Context, q LayerQuery) ([]*Layer, error)
	// DeleteLayer removes a version of a layer; NotFound when there is none.
	DeleteLayer(ctx context.Context, ref LayerRef, version int) error

	// PutEvent stores an event, or replaces the one with its ID.
	PutEvent(ctx context.Context, e *Event) error
	// UpdateEvent stores Tries, Backoffs and Due of an event; NotFound when
	// it has gone.
	UpdateEvent(ctx context.Context, e *Event) error
	// Event returns NotFound when there is no such event.
	Event(ctx context.Context, id string) (*Event, error)
	// DeleteEvent removes an event; it is no error when there is none. What it
	// has claimed stays so.
	DeleteEvent(ctx context.Context, id string) error
	// FailEvent removes an event that did not succeed, and ends what it has
	// claimed; it is no error when there is none.
	FailEvent(ctx context.Context, id string) error
	// ClaimEvent gives the claim to the event, unless another event or a run has
	// it at the time now; taken then says who. An event may claim again what it
	// has. NotFound when the event has gone.
	ClaimEvent(ctx context.Context, id string, claim belfry.OnceClaim, now time.Time) (taken string, err error)
	// PendingEvents returns all events without payload and client context, in
	// the order of Due and ID.
	PendingEvents(ctx context.Context) ([]*Event, error)
}

// A Query selects functions.
type Query struct {
	belfry.Scope     // zero: every account and region
	After        Ref // position: the last function of the page before; in a scope only its name counts
	Limit        int

	Versions     bool   // published versions as well
	AfterVersion int    // the version of After, when they are selected
	Name         string // of the one function whose versions are selected; needs a scope. AfterVersion is the position, -1 before Latest
}

// An Event is an asynchronous invocation that was accepted and has not ended, or
// the record of one that is on its way to an endpoint.
type Event struct {
	ID            string // the request id; the same for every try
	Function      Ref
	Qualifier     string // version or alias, as it was asked for; empty: none
	Endpoint      string // URL that Payload is posted to; empty: it is for the function
	Payload       []byte
	ClientContext []byte // JSON; nil is none
	Size          int    // bytes of both; given by the store
	Tries         int    // that ended with an error of the function
	Backoffs      int    // in a row that did not reach the function
	Accepted      time.Time
	Due           time.Time // of the next try, UTC, milliseconds
}
