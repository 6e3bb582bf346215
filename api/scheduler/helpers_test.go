package scheduler_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/scheduler"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Monotonic() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// nowhere is a target that takes everything.
type nowhere struct{}

func (nowhere) Invoke(context.Context, *belfry.Invocation) belfry.Result {
	return belfry.Result{Status: belfry.AttemptSucceeded}
}

func (nowhere) SendDeadLetter(context.Context, *belfry.Schedule, string, map[string]string) error {
	return nil
}

// A bench is the API over an engine and a store.
type bench struct {
	t      *testing.T
	router http.Handler
	key    string // access key of the requests: an account
}

func newBench(t *testing.T, rates scheduler.Rates, edit func(*engine.Config)) *bench {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	c := engine.Config{
		Store: st, Clock: clock{}, Invoker: nowhere{}, DeadLetters: nowhere{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: engine.NewMetrics(prometheus.NewRegistry()),
	}
	if edit != nil {
		edit(&c)
	}
	e := engine.New(c)
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Stop(context.WithoutCancel(t.Context()))
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	key, err := st.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t, awswire.NewRouter(awswire.Options{Auth: awswire.DevAuth{}}, schedulerapi.New(scheduler.New(e, key, rates))), "000000000000"}
}

// do makes a request; body may be nil. It returns the status, the error's code
// and what the answer holds.
func (b *bench) do(method, path string, body any) (status int, code string, answer map[string]any) {
	b.t.Helper()
	text := ""
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		text = string(j)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+b.key+"/20260101/eu-west-1/scheduler/aws4_request, SignedHeaders=host, Signature=0")
	w := httptest.NewRecorder()
	b.router.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		b.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	if id := w.Header().Get("X-Amzn-Requestid"); len(id) != 36 {
		b.t.Errorf("%s %s: request id %q", method, path, id)
	}
	return w.Code, w.Header().Get("X-Amzn-Errortype"), answer
}

// must is do for a request that succeeds.
func (b *bench) must(method, path string, body any) map[string]any {
	b.t.Helper()
	status, code, answer := b.do(method, path, body)
	if status != http.StatusOK {
		b.t.Fatalf("%s %s: %d %s %v", method, path, status, code, answer)
	}
	return answer
}

// refused is do for a request that fails so.
func (b *bench) refused(status int, code, message, method, path string, body any) {
	b.t.Helper()
	s, c, answer := b.do(method, path, body)
	if s != status || c != code || answer["Message"] != message || len(answer) != 1 {
		b.t.Errorf("%s %s: %d %s %v, want %d %s %s", method, path, s, c, answer, status, code, message)
	}
}

type object = map[string]any

// good is a request that is right, with some members changed.
func good(change ...any) object {
	o := object{
		"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": object{"Mode": "OFF"},
		"Target": object{"Arn": "arn:aws:sqs:eu-west-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/r"},
	}
	for i := 0; i < len(change); i += 2 {
		o[change[i].(string)] = change[i+1]
	}
	return o
}
