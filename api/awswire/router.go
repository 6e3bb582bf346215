package awswire

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/memory"
)

// A Router serves several AWS services on one port.
type Router struct {
	auth     Authenticator
	authz    Authorizer
	log      *slog.Logger
	observe  func(Observation)
	services []*Service
	bodies   *memory.Budget
	callers  *memory.Budget
	answers  *memory.Budget
	calls    sync.Pool
}

// Options configure a Router.
type Options struct {
	Auth Authenticator // required
	// Authorizer decides what callers with temporary credentials may do; nil
	// lets them do everything in their account.
	Authorizer Authorizer
	Logger     *slog.Logger // nil: slog.Default()
	// Observe, when it is set, is told of every request that was answered. It
	// may be called from many goroutines at once.
	Observe func(Observation)
	// Bodies bounds the bytes of requests' bodies that are in memory at once, until
	// the operation is done, and Answers those of answers, until the client has taken
	// them; nil: nothing does. Operations whose answers can be large take of Answers
	// beforehand as much as [Service.Answers] says, or what they find, with
	// [TakeAnswer].
	Bodies, Answers *memory.Budget
	// Calls is Bodies for calls of functions, which may wait for others that are
	// running, and those send requests themselves: in one budget they would wait for
	// each other.
	Calls *memory.Budget
}

// An Observation is one answered request. Service and Operation are names that
// the server knows, or empty; so they are safe as labels of metrics.
type Observation struct {
	Service   string
	Operation string
	Status    int
	Took      time.Duration
}

// NewRouter returns a router of the services, which nobody may change any more.
func NewRouter(o Options, services ...*Service) *Router {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	rt := &Router{auth: o.Auth, authz: o.Authorizer, log: o.Logger, observe: o.Observe, services: services, bodies: o.Bodies, callers: o.Calls, answers: o.Answers}
	rt.calls.New = func() any { return new(Call) }
	for _, s := range services {
		s.prepare()
	}
	return rt
}

// Match says whether r is an AWS request: it carries AWS credentials, a
// target, an Action, a form for "/" or a queue, or its path is one of a
// service's. Paths of other APIs, which may be signed too, are to be looked at
// before.
func (rt *Router) Match(r *http.Request) bool {
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") || r.Header.Get("X-Amz-Target") != "" ||
		strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") || hasAction(r) {
		return true
	}
	if isForm(r) && r.URL.Path == "/" {
		return true
	}
	return rt.byPath(r) != nil
}

// ServeHTTP answers r, always in the dialect of the service that it is for.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := rt.calls.Get().(*Call)
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	c.w, c.r = w, r
	c.id = &identity{requestID: newRequestID(), endpoint: scheme + r.Host, authorizer: rt.authz, answers: rt.answers}
	c.header = w.Header()

	ctx, answered := memory.Scope(r.Context())
	defer answered()
	err := rt.serve(ctx, c)
	c.body.release()
	c.id.body.Release()
	if err != nil {
		rt.refuse(c, err)
	}
	rt.write(c, w)

	if rt.observe != nil {
		o := Observation{Status: c.status, Took: time.Since(start)}
		if c.service != nil {
			o.Service = c.service.Name
		}
		if c.op != nil {
			o.Operation = c.op.Name
		}
		rt.observe(o)
	}
	c.reset()
	rt.calls.Put(c)
}

// reset lets go of all that belongs to a request and keeps the buffers.
func (c *Call) reset() {
	c.decoder.Reset(nil)
	c.check.Reset()
	out := c.out[:0]
	if cap(out) > keptBuffer {
		out = nil
	}
	*c = Call{decoder: c.decoder, check: c.check, out: out}
}

func (rt *Router) serve(ctx context.Context, c *Call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &belfry.Error{Message: "panic", Err: fmt.Errorf("%v\n%s", p, debug.Stack())}
		}
	}()
	if err := rt.route(c); err != nil {
		return err
	}
	if c.id.caller, err = rt.auth.Authenticate(c.r, c.body.bytes()); err != nil {
		return err
	}
	c.status = c.op.Status
	answer, err := take(ctx, rt.answers, c.op.answer)
	if err != nil {
		return err
	}
	memory.Keep(ctx, answer)
	err = c.op.Run(context.WithValue(ctx, identityKey{}, c.id), c)
	answer.Shrink(len(c.out))
	return err
}
