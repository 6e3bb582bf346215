package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry/memory"
)

// TestALargeCrowdIsServedInBoundedMemory lets many callers at once send and read
// what is large, to and from a server that has room for a few: all of them succeed,
// and what is in memory stays within the bound.
func TestALargeCrowdIsServedInBoundedMemory(t *testing.T) {
	const bound, large, n = 8 << 20, 900_000, 24
	s, err := Start(t.Context(), Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Dev: true, Version: "test", Functions: Functions{Pool: "0"},
		Memory: Memory{Bodies: bound, Answers: bound, Events: bound},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url := s.URL()
	must := func(want int, path, target, body string) string {
		t.Helper()
		status, answer := post(t, url+path, target, body)
		if status != want {
			t.Fatalf("%s %s: %d %.300s", target, path, status, answer)
		}
		return answer
	}
	for _, q := range []string{"q", "ended"} {
		must(200, "/", "AmazonSQS.CreateQueue", `{"QueueName":"`+q+`"}`)
	}
	must(200, "/", "DynamoDB_20120810.CreateTable", `{"TableName":"tab","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}`)
	code := zippedCode(t, "def f(event, context):\n    return event\n")
	must(201, "/2015-03-31/functions", "lambda", `{"FunctionName":"f","Runtime":"python3.11","Handler":"h.f","Timeout":60,"Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"`+code+`"}}`)
	err = lambdaCall(t, http.MethodPut, url+"/2019-09-25/functions/f/event-invoke-config", "", `{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sqs:us-east-1:000000000000:ended"}}}`)
	if err != nil {
		t.Fatal(err)
	}

	text := strings.Repeat("x", large)
	queue := url + "/000000000000/q"
	received, ended := make(chan int, n), make(chan int, n)
	var all sync.WaitGroup
	receive := func(queue string, got chan<- int) {
		for total := 0; total < n; {
			status, answer := post(t, url+"/", "AmazonSQS.ReceiveMessage", `{"QueueUrl":"`+queue+`","MaxNumberOfMessages":10,"WaitTimeSeconds":20}`)
			var out struct{ Messages []struct{ Body string } }
			if err := json.Unmarshal([]byte(answer), &out); err != nil || status != 200 {
				t.Errorf("receive: %d %v %.300s", status, err, answer)
				return
			}
			total += len(out.Messages)
			for _, m := range out.Messages {
				got <- len(m.Body)
			}
		}
	}
	for i := range n {
		for _, c := range []struct {
			want               int
			path, target, body string
		}{
			{200, "/", "AmazonSQS.SendMessage", `{"QueueUrl":"` + queue + `","MessageBody":"` + text + `"}`},
			{200, "/2015-03-31/functions/f/invocations", "lambda", `"` + text + `"`},
			{200, "/", "DynamoDB_20120810.PutItem", fmt.Sprintf(`{"TableName":"tab","ReturnValues":"ALL_OLD","Item":{"k":{"S":"%d"},"v":{"S":"%s"}}}`, i%3, text[:390_000])},
			{200, "/", "DynamoDB_20120810.Scan", `{"TableName":"tab"}`},
		} {
			all.Go(func() {
				if status, answer := post(t, url+c.path, c.target, c.body); status != c.want || c.target == "lambda" && len(answer) != large+2 {
					t.Errorf("%s: %d, %d bytes: %.300s", c.target, status, len(answer), answer)
				}
			})
		}
		all.Go(func() {
			if err := lambdaCall(t, http.MethodPost, url+"/2015-03-31/functions/f/invocations", "Event", `"`+text[:400_000]+`"`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() { receive(queue, received) })
	all.Go(func() { receive(url+"/000000000000/ended", ended) })
	all.Wait()
	for range n {
		if got := len(received); got > 0 && <-received != large {
			t.Error("a message came back in another size")
		}
		if got := len(ended); got > 0 && <-ended < 800_000 {
			t.Error("a record lacks the event or the answer")
		}
	}
	for name, b := range map[string]*memory.Budget{"bodies": s.bodies, "calls": s.calls, "answers": s.answers} {
		// A client has its answer a moment before the server knows.
		for began := time.Now(); b.Counts().Used > 0 && time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
		}
		// A batch of ten messages is larger than the half that is for large ones, and
		// gets in alone.
		if c := b.Counts(); c.Used != 0 || c.Waiting != 0 || c.Peak > bound/2+10*large || name != "answers" && c.Peak > bound || c.Peak < 2*large {
			t.Errorf("%s at the end: %+v", name, c)
		}
	}
	for began := time.Now(); s.host.Stats().EventBytes > 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d bytes of events are being tried", s.host.Stats().EventBytes)
		}
	}
}

// lambdaCall sends a request that has a type of invocation or a method of its own.
func lambdaCall(t *testing.T, method, url, kind, body string) error {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if kind != "" {
		req.Header.Set("X-Amz-Invocation-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		answer, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s %s: %s %s", method, url, res.Status, answer)
	}
	return nil
}

// TestOtherBodiesWaitForRoomToo holds the APIs beside AWS's to the bound: pings and
// the native API.
func TestOtherBodiesWaitForRoomToo(t *testing.T) {
	s := &Server{bodies: memory.NewBudget(1 << 20)} // 512 KiB for those of up to 128
	begun, end := make(chan int, 20), make(chan struct{})
	h := s.within(200<<10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		begun <- len(b)
		<-end
	}), refuseText)
	send := func(n int, length int64) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/ping/x", bytes.NewReader(make([]byte, n)))
		r.ContentLength = length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if got := send(100<<10, 100<<10); got != 200 {
				t.Errorf("a large body is answered with %d", got)
			}
		})
	}
	for began := time.Now(); s.bodies.Counts().Waiting != 1; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("six bodies in room for five: %+v", s.bodies.Counts())
		}
	}
	all.Go(func() { send(10<<10, -1) })  // small, though nobody knew
	all.Go(func() { send(300<<10, -1) }) // of the other half, and more than is wanted in memory
	var sizes []int
	for range 7 {
		sizes = append(sizes, <-begun)
	}
	if c := s.bodies.Counts(); c.Used != 700<<10 || c.Waiting != 1 {
		t.Errorf("bodies of %d bytes were let in: %+v", sizes, c)
	}
	close(end)
	all.Wait()
	if c := s.bodies.Counts(); c.Used != 0 || c.Peak > 1<<20 {
		t.Errorf("at the end: %+v", c)
	}
}

// TestABodyThatEndsEarlyIsSaid passes on what kept a body from arriving.
func TestABodyThatEndsEarlyIsSaid(t *testing.T) {
	s := &Server{bodies: memory.NewBudget(1 << 20)}
	srv := httptest.NewServer(s.within(1<<20, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "cut off", http.StatusBadRequest)
		}
	}), refuseText))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n%s", strings.Repeat("x", 100_000))
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that ends early: %v %v", answer, err)
	}
	answer.Body.Close()
	c.Close()
}
