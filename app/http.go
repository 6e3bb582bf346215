package app

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
	"github.com/belfry-run/belfry/api/awswire/iamapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/stsapi"
	"github.com/belfry-run/belfry/api/dynamodb"
	"github.com/belfry-run/belfry/api/events"
	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/api/iam"
	"github.com/belfry-run/belfry/api/lambda"
	apilogs "github.com/belfry-run/belfry/api/logs"
	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/api/scheduler"
	"github.com/belfry-run/belfry/api/sqs"
	"github.com/belfry-run/belfry/lock"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// handler routes a request: the native API and the operator's pages by their
// path, everything else by AWS's rules.
func (s *Server) handler(f *figures, secret []byte) http.Handler {
	q := s.c.Quotas
	aws := awswire.NewRouter(
		awswire.Options{Auth: s.signatures, Authorizer: s.authorizer(), Logger: s.log, Observe: f.request, Bodies: s.bodies, Calls: s.calls, Answers: s.answers},
		schedulerapi.New(scheduler.New(s.engine, secret, scheduler.Rates{Create: q.CreateRate, Schedules: q.ScheduleRate, Others: q.OtherRate})),
		eventsapi.New(events.New(s.engine)),
		lambda.New(s.host),
		sqs.New(s.queues),
		dynamodb.New(s.tables),
		apilogs.New(s.logs),
		iamapi.New(iam.New(s.auth)),
		stsapi.New(iam.NewSTS(s.auth)),
	)
	code := lambda.CodeHandler(s.host)
	own := s.within(native.MaxBody, native.New(native.Config{
		Engine: s.engine, Watcher: s.watcher, Self: s.self, Alerts: s.alerts, Probes: s.probes, Monitor: s.monitor, Auth: s.auth,
		Locks: lock.New(s.store, time.Now), Logs: s.logs, RequestID: requestID, Functions: functionSettings{s.host}, Region: regionOf,
		Authenticate: s.authenticate, Open: s.c.Dev, Log: s.log, Isolation: s.isolation(), Runtimes: s.runtimes,
		Unreadable: s.unreadable, Deep: s.deep, Backup: s.nativeBackup,
	}), refuseJSON)
	acknowledge := native.Acknowledger(s.alerts, s.log)
	checks := s.within(max(healthchecks.MaxRequest, s.monitor.BodyLimit()), healthchecks.New(healthchecks.Config{
		Monitor: s.monitor, Log: s.log, Now: time.Now, Secret: secret, Channels: s.channelNames, URL: s.c.PublicURL, Dev: s.c.Dev,
	}), refuseText)
	metrics := promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{})
	return s.keepIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, lambda.CodePrefix):
			code.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/belfry/"):
			own.ServeHTTP(w, r)
		case strings.HasPrefix(path, monitor.AckPath):
			acknowledge.ServeHTTP(w, r)
		case healthchecks.Serves(path):
			checks.ServeHTTP(w, r)
		case path == "/healthz":
			s.health(w, r)
		case path == "/metrics":
			metrics.ServeHTTP(w, r)
		default:
			aws.ServeHTTP(w, r)
		}
	}))
}

// writeEvery is how old the answer of a tried write may be, so that whoever asks
// for it cannot keep the disk busy.
const writeEvery = time.Second

// A writeProbe remembers whether the store could be written to.
type writeProbe struct {
	mu   sync.Mutex
	next time.Time // guarded by mu, like err
	err  error
}

func (p *writeProbe) try(ctx context.Context, s *sqlite.Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); !now.Before(p.next) {
		p.err, p.next = s.Writable(ctx), now.Add(writeEvery)
	}
	return p.err
}

// health says whether the server serves; with ?write=1 also whether it can store
// anything, which it tries.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !s.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("not ready\n"))
		return
	}
	if r.URL.Query().Get("write") == "1" {
		ctx, cancel := context.WithTimeout(r.Context(), backlogTime)
		defer cancel()
		if err := s.writes.try(ctx, s.store); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			text := "The store cannot be written to; the server's log says why."
			if e, ok := errors.AsType[*belfry.Error](err); ok {
				text = e.Message
			}
			_, _ = w.Write([]byte("not writable: " + text + "\n"))
			return
		}
		_, _ = w.Write([]byte("ready and writable\n"))
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
