package awswire_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
	"github.com/belfry-run/belfry/memory"
)

// busy is services whose operations last until they are let go.
type busy struct {
	lambdaapi.Unimplemented
	begun chan string   // of operations
	end   chan struct{} // a value lets one go
	size  int           // of answers
}

func (b busy) Invoke(ctx context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	b.begun <- *in.FunctionName
	if *in.FunctionName == "delivered" {
		in.Payload = nil
		awswire.BodyGone(ctx)
	}
	<-b.end
	return &lambdaapi.InvokeOutput{Payload: make([]byte, b.size)}, nil
}

type busyQueues struct {
	sqsapi.Unimplemented
	busy
}

func (b busyQueues) ReceiveMessage(ctx context.Context, _ *sqsapi.ReceiveMessageInput) (*sqsapi.ReceiveMessageOutput, error) {
	if err := awswire.TakeAnswer(ctx, b.size); err != nil {
		return nil, err
	}
	b.begun <- "receive"
	<-b.end
	return &sqsapi.ReceiveMessageOutput{Messages: []sqsapi.Message{{Body: new(strings.Repeat("x", b.size))}}}, nil
}

const mib = 1 << 20

// crowd is a router with budgets of 16 MiB, in a bubble of fake time.
func crowd(size int) (b busy, bodies, calls, answers *memory.Budget, router *awswire.Router) {
	b = busy{begun: make(chan string, 100), end: make(chan struct{}, 100), size: size}
	bodies, calls, answers = memory.NewBudget(16*mib), memory.NewBudget(16*mib), memory.NewBudget(16*mib)
	lambda := lambdaapi.New(b)
	lambda.Answers = map[string]int{"ListFunctions": 2 * mib}
	lambda.Calls = map[string]bool{"Invoke": true}
	return b, bodies, calls, answers, awswire.NewRouter(
		awswire.Options{Auth: awswire.DevAuth{}, Bodies: bodies, Calls: calls, Answers: answers},
		lambda, sqsapi.New(busyQueues{busy: b}), schedulerapi.New(fakeScheduler{&recorder{answers: map[string]any{}}}))
}

func invocation(function string, n int) *http.Request {
	return padded(request("POST", "/2015-03-31/functions/"+function+"/invocations", ""), "{", "}", n)
}

func TestBodiesAreBoundedByTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, bodies, _, router := crowd(1)
		var all sync.WaitGroup
		send := func(r *http.Request) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			all.Go(func() { router.ServeHTTP(w, r) })
			synctest.Wait()
			return w
		}
		var answers []*httptest.ResponseRecorder
		for i := range 10 {
			r := invocation("f", mib)
			if i%2 == 1 {
				r.ContentLength = -1 // nobody knows beforehand how long it is
			}
			answers = append(answers, send(r))
		}
		begun := len(b.begun)
		if c := bodies.Counts(); begun == 0 || begun >= 10 || c.Waiting == 0 || c.Used > 16*mib {
			t.Fatalf("%d of 10 have begun: %+v", begun, c)
		}
		send(invocation("f", memory.Small))
		if len(b.begun) != begun+1 {
			t.Error("a small request waits behind large ones")
		}
		// What functions send while others wait to call them has room of its own.
		if w := send(padded(request("POST", "/schedule-groups/g", ""), "{", "}", mib)); w.Code != 200 {
			t.Errorf("another large request is answered with %d while calls wait", w.Code)
		}
		for range 11 {
			b.end <- struct{}{}
			synctest.Wait()
		}
		all.Wait()
		for i, w := range answers {
			if w.Code != 200 {
				t.Errorf("request %d is answered with %d %s", i, w.Code, w.Body)
			}
		}
		if c := bodies.Counts(); c.Used != 0 || c.Peak > 16*mib {
			t.Errorf("at the end the budget is %+v", c)
		}
	})
}

func TestABodyThatIsGoneLetsTheNextIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, bodies, _, router := crowd(1)
		var all sync.WaitGroup
		for range 6 { // each of 5 MiB, in a share of 8
			all.Go(func() { router.ServeHTTP(httptest.NewRecorder(), invocation("delivered", 5*mib)) })
		}
		synctest.Wait()
		if n, c := len(b.begun), bodies.Counts(); n != 6 || c.Used != 0 || c.Peak > 8*mib {
			t.Errorf("%d of 6 have begun: %+v", n, c)
		}
		for range 6 {
			b.end <- struct{}{}
		}
		all.Wait()
	})
}

func TestWhoWaitsTooLongIsRefusedInItsDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bodies, calls, answers, router := crowd(1)
		for _, budget := range []*memory.Budget{bodies, calls, answers} {
			for range 8 {
				if _, err := budget.Take(t.Context(), mib); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			name    string
			request *http.Request
			want    string
		}{
			{"lambda", invocation("f", mib), `"Type":"Service"`},
			{"sqs", padded(sqsJSON("SendMessage", ""), "{", "}", mib), "com.amazonaws.sqs#"},
			{"sqs form", sqsForm("/", "Action=SendMessage&X="+strings.Repeat("x", mib)), "<Type>Receiver</Type>"},
			{"scheduler", padded(request("POST", "/schedule-groups/g", ""), "{", "}", mib), `"Message":`},
			{"an answer", request("GET", "/2015-03-31/functions", ""), `"Type":"Service"`},
		} {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, c.request)
			if w.Code != 503 || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
			}
		}
		if len(b.begun) != 0 || bodies.Counts().Waiting != 0 {
			t.Error("what was refused has begun, or waits on")
		}
	})
}

func TestAnswersAreBoundedUntilTheyAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _, answers, router := crowd(mib)
		var all sync.WaitGroup
		readers := make(chan struct{})
		for range 10 {
			all.Go(func() {
				router.ServeHTTP(&slowWriter{httptest.NewRecorder(), readers}, sqsJSON("ReceiveMessage", `{"QueueUrl":"http://x/1/q"}`))
			})
		}
		synctest.Wait()
		if n, c := len(b.begun), answers.Counts(); n != 8 || c.Waiting != 2 {
			t.Fatalf("%d of 10 have read messages: %+v", n, c)
		}
		for range 10 {
			b.end <- struct{}{}
		}
		synctest.Wait()
		if n := len(b.begun); n != 8 {
			t.Errorf("%d have read messages before the clients have taken those before", n)
		}
		close(readers)
		all.Wait()
		if c := answers.Counts(); c.Used != 0 || c.Peak > 16*mib {
			t.Errorf("at the end the budget is %+v", c)
		}
	})
}

// slowWriter is a client that takes nothing before it is told to.
type slowWriter struct {
	*httptest.ResponseRecorder
	ready chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	<-w.ready
	return w.ResponseRecorder.Write(p)
}

func TestAnAnswerThatIsNotTakenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _, answers, router := crowd(mib)
		p := make(pipes, 1)
		server := &http.Server{Handler: router}
		done := make(chan struct{})
		go func() { defer close(done); server.Serve(p) }()
		c, conn := net.Pipe()
		p <- conn
		b.end <- struct{}{}
		body := `{"QueueUrl":"http://x/1/q"}`
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		<-b.begun
		if n := answers.Counts().Used; n < mib {
			t.Errorf("%d bytes are taken", n)
		}
		io.ReadFull(c, make([]byte, 1000))
		time.Sleep(time.Minute) // in fake time
		synctest.Wait()
		if n := answers.Counts().Used; n != 0 {
			t.Errorf("%d bytes are taken for a client that does not read", n)
		}
		c.Close()
		close(p)
		<-done
		server.Close()
	})
}
