package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry/queue"
)

func TestReceiveLimits(t *testing.T) {
	run(t, func(f *fixture) {
		for _, c := range []struct {
			o       queue.ReceiveOptions
			message string // empty: accepted
		}{
			{queue.ReceiveOptions{Max: new(1)}, ""},
			{queue.ReceiveOptions{Max: new(10)}, ""},
			{queue.ReceiveOptions{Max: new(0)}, "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
			{queue.ReceiveOptions{Max: new(11)}, "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
			{queue.ReceiveOptions{WaitTime: new(0)}, ""},
			{queue.ReceiveOptions{WaitTime: new(20)}, ""},
			{queue.ReceiveOptions{WaitTime: new(21)}, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
			{queue.ReceiveOptions{WaitTime: new(-1)}, "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
			{queue.ReceiveOptions{VisibilityTimeout: new(0)}, ""},
			{queue.ReceiveOptions{VisibilityTimeout: new(43200)}, ""},
			{queue.ReceiveOptions{VisibilityTimeout: new(43201)}, "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."},
			{queue.ReceiveOptions{VisibilityTimeout: new(-1)}, "Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."},
			{queue.ReceiveOptions{Attributes: make([]string, 101)}, "At most 100 message attribute names can be asked for; you have sent 101."},
			{queue.ReceiveOptions{Attributes: []string{""}}, "A message attribute name has 1 to 256 characters."},
		} {
			_, err := f.Receive(f.Context(), scope, "q", c.o)
			if c.message == "" {
				f.ok(err)
				continue
			}
			f.refused(err, "InvalidParameterValueException", c.message)
		}
		_, err := f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{System: []string{"All", "Nonsense"}})
		f.refused(err, "InvalidAttributeName", "Unknown Attribute Nonsense.")
		_, err = f.Receive(f.Context(), scope, "absent", queue.ReceiveOptions{})
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
	})
}

func TestReceiveReturnsWhatIsAskedFor(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"VisibilityTimeout": "0"})
		_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "b", Attributes: []queue.Attribute{
			text("Help.Me", "1"), text("Help.You", "2"), text("Helper", "3"), text("Foo", "Bar"),
		}})
		f.ok(err)
		for patterns, want := range map[string]string{
			"":              "",
			"All":           "Foo Help.Me Help.You Helper",
			".*":            "Foo Help.Me Help.You Helper",
			"Help.*":        "Help.Me Help.You",
			"Foo Helper":    "Foo Helper",
			"foo":           "",
			"Help":          "",
			"Absent Foo .x": "Foo",
		} {
			got, err := f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{Attributes: strings.Fields(patterns)})
			f.ok(err)
			var names []string
			for _, a := range got[0].Attributes {
				names = append(names, a.Name)
			}
			f.equal(strings.Join(names, " "), want)
			f.equal(got[0].AttributesMD5 == "", want == "")
			if patterns == "Foo Helper" || patterns == "Absent Foo .x" {
				continue
			}
			f.equal(len(got[0].System), 0)
		}
		// The digest is that of the subset: Foo=Bar is a recorded vector.
		got, err := f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{Attributes: []string{"Foo"}, System: []string{"SenderId", "SentTimestamp"}})
		f.ok(err)
		f.equal(got[0].AttributesMD5, "ae7155c6026991b6d54b11589678bf9c")
		f.equal(got[0].System, map[string]string{"SentTimestamp": "946684800000"})
	})
}

func TestDelay(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"DelaySeconds": "5"})
		f.send("q", "queue's")
		_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "own", DelaySeconds: new(2)})
		f.ok(err)
		_, err = f.Send(f.Context(), scope, "q", queue.Message{Body: "none", DelaySeconds: new(0)})
		f.ok(err)
		f.equal(f.takeOne("q").Body, "none")
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesDelayed"), "2")
		time.Sleep(2*time.Second - time.Millisecond)
		f.empty("q")
		time.Sleep(time.Millisecond)
		f.equal(f.takeOne("q").Body, "own")
		time.Sleep(3 * time.Second)
		f.equal(f.takeOne("q").Body, "queue's")
	})
}

func TestVisibilityTimeout(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		first := f.takeOne("q")
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "1")
		time.Sleep(30*time.Second - time.Millisecond)
		f.empty("q")
		time.Sleep(time.Millisecond)
		second := f.takeOne("q")
		f.equal([]any{second.ID == first.ID, second.Handle == first.Handle}, []any{true, false})
		f.equal(second.System["ApproximateReceiveCount"], "2")
		f.equal(second.System["ApproximateFirstReceiveTimestamp"], "946684800000")

		f.set("q", map[string]string{"VisibilityTimeout": "3"})
		time.Sleep(30 * time.Second)
		f.takeOne("q")
		time.Sleep(3 * time.Second)
		f.takeOne("q")
	})
}

func TestDelete(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		old := f.takeOne("q")
		time.Sleep(30 * time.Second)
		f.takeOne("q")
		f.ok(f.Delete(f.Context(), scope, "q", old.Handle)) // an old handle deletes still
		f.ok(f.Delete(f.Context(), scope, "q", old.Handle)) // twice is no error
		time.Sleep(30 * time.Second)
		f.empty("q")
		f.equal(f.attribute("q", "ApproximateNumberOfMessages"), "0")
	})
}

func TestReceiptHandlesThatAreNone(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("other", nil)
		f.send("q", "m")
		h := f.takeOne("q").Handle
		forged := []byte(h)
		forged[3] ^= 1
		cut := h[:len(h)-4]
		for what, handle := range map[string]string{"garbage": "garbage", "forged": string(forged), "cut": cut, "spaced": h + "\n"} {
			f.refused(f.Delete(f.Context(), scope, "q", handle), "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
			f.refused(f.ChangeVisibility(f.Context(), scope, "q", handle, 0), "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
			results, err := f.DeleteBatch(f.Context(), scope, "q", []queue.DeleteEntry{{ID: "x", Handle: handle}})
			f.ok(err)
			f.refused(results[0].Err, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
			if f.Failed() {
				f.Fatal(what)
			}
		}
		f.refused(f.Delete(f.Context(), scope, "other", h), "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
		f.refused(f.Delete(f.Context(), scope, "q", ""), "MissingRequiredParameterException", "The request must contain the parameter ReceiptHandle.")
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "1")
	})
}

func TestDeleteBatch(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "a")
		f.send("q", "b")
		got := f.take("q")
		results, err := f.DeleteBatch(f.Context(), scope, "q", []queue.DeleteEntry{
			{ID: "1", Handle: got[0].Handle}, {ID: "2", Handle: "x"}, {ID: "3", Handle: got[1].Handle},
		})
		f.ok(err)
		f.equal([]any{results[0].Err, results[2].Err}, []any{nil, nil})
		f.refused(results[1].Err, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "0")
	})
}

func TestChangeVisibility(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		m := f.takeOne("q")
		f.ok(f.ChangeVisibility(f.Context(), scope, "q", m.Handle, 100))
		time.Sleep(100*time.Second - time.Millisecond)
		f.empty("q")
		f.ok(f.ChangeVisibility(f.Context(), scope, "q", m.Handle, 0)) // releases at once
		again := f.takeOne("q")
		gone := func(h string) {
			f.refused(f.ChangeVisibility(f.Context(), scope, "q", h, 5), "InvalidParameterValueException",
				"Value "+h+" for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.")
		}
		gone(m.Handle) // somebody else has received it since
		time.Sleep(time.Minute)
		f.ok(f.ChangeVisibility(f.Context(), scope, "q", again.Handle, 5)) // after its time-out, and nobody has
		f.empty("q")
		f.ok(f.Delete(f.Context(), scope, "q", again.Handle))
		gone(again.Handle)
	})
}

func TestChangeVisibilityLimits(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		h := f.takeOne("q").Handle
		for _, n := range []int{0, 43200} {
			f.ok(f.ChangeVisibility(f.Context(), scope, "q", h, n))
		}
		for _, n := range []int{-1, 43201} {
			f.refused(f.ChangeVisibility(f.Context(), scope, "q", h, n), "InvalidParameterValueException",
				fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", n))
		}
		time.Sleep(100 * time.Second)
		f.ok(f.ChangeVisibility(f.Context(), scope, "q", h, 43100))
		f.refused(f.ChangeVisibility(f.Context(), scope, "q", h, 43101), "InvalidParameterValueException",
			"Value 43101 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
		results, err := f.ChangeVisibilityBatch(f.Context(), scope, "q", []queue.VisibilityEntry{
			{ID: "a", Handle: "x"}, {ID: "b", Handle: h, Timeout: 7}, {ID: "c", Handle: h, Timeout: 43101},
		})
		f.ok(err)
		f.refused(results[0].Err, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
		f.equal(results[1].Err, nil)
		f.refused(results[2].Err, "InvalidParameterValueException",
			"Value 43101 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
		time.Sleep(7 * time.Second)
		f.takeOne("q")
	})
}

func TestRetention(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"MessageRetentionPeriod": "60"})
		f.send("q", "first")
		time.Sleep(time.Second)
		f.send("q", "second")
		f.equal(len(f.take("q")), 2)
		time.Sleep(59*time.Second - time.Millisecond)
		f.equal(len(f.take("q")), 2) // the first's last millisecond
		time.Sleep(time.Millisecond)
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "1")
		f.set("q", map[string]string{"MessageRetentionPeriod": "61"})
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "2") // not swept yet
		time.Sleep(30 * time.Second)
		f.empty("q")
		f.equal(f.attribute("q", "ApproximateNumberOfMessages"), "0")
	})
}

func TestRedrive(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("dead", map[string]string{"MessageRetentionPeriod": "120"})
		f.set("q", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":2}`})
		sent, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "poison", Attributes: []queue.Attribute{text("Foo", "Bar")}})
		f.ok(err)
		for range 2 {
			f.takeOne("q")
			f.empty("dead")
			time.Sleep(time.Second)
		}
		f.equal(f.attribute("dead", "ApproximateNumberOfMessages"), "0") // only a receive moves it
		f.empty("q")
		got, err := f.Receive(f.Context(), scope, "dead", queue.ReceiveOptions{Attributes: []string{"All"}, System: []string{"All"}, VisibilityTimeout: new(0)})
		f.ok(err)
		f.equal([]any{got[0].ID, got[0].Body, got[0].AttributesMD5}, []any{sent.ID, "poison", "ae7155c6026991b6d54b11589678bf9c"})
		f.equal(got[0].System["DeadLetterQueueSourceArn"], "arn:aws:sqs:eu-west-1:000000000000:q")
		f.equal(got[0].System["SentTimestamp"], "946684800000")
		f.equal(got[0].System["ApproximateReceiveCount"], "3") // it goes on from the two before
		f.equal(got[0].System["ApproximateFirstReceiveTimestamp"], "946684800000")
		// Its age counts from when it was sent, two seconds ago.
		time.Sleep(118*time.Second - time.Millisecond)
		f.equal(f.attribute("dead", "ApproximateNumberOfMessages"), "1")
		time.Sleep(time.Millisecond)
		f.empty("dead")
	})
}

func TestRedriveWithoutItsTargetKeepsTheMessage(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("dead", nil)
		f.set("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`})
		f.send("q", "m")
		f.ok(f.DeleteQueue(f.Context(), scope, "dead"))
		for range 3 {
			f.takeOne("q")
		}
	})
}

// poll starts a long poll and returns what it answers and after how long.
func (f *fixture) poll(ctx context.Context, name string, wait *int) func() (bodies []string, took time.Duration, err error) {
	var wg sync.WaitGroup
	var bodies []string
	var took time.Duration
	var err error
	wg.Go(func() {
		began := time.Now()
		var got []queue.Received
		got, err = f.Receive(ctx, scope, name, queue.ReceiveOptions{Max: new(10), WaitTime: wait})
		took = time.Since(began)
		for _, m := range got {
			bodies = append(bodies, m.Body)
		}
	})
	return func() ([]string, time.Duration, error) {
		wg.Wait()
		return bodies, took, err
	}
}

func (f *fixture) polled(answer func() ([]string, time.Duration, error), bodies []string, after time.Duration) {
	f.Helper()
	got, took, err := answer()
	f.ok(err)
	f.equal([]any{got, took.String()}, []any{bodies, after.String()})
}

func TestLongPoll(t *testing.T) {
	for what, c := range map[string]struct {
		before func(*fixture) // the poll
		after  func(*fixture) // the poll has been waiting for 3 s
		wait   *int
		want   []string
		took   time.Duration
	}{
		"a message that is there": {
			before: func(f *fixture) { f.send("q", "m") },
			wait:   new(20), want: []string{"m"},
		},
		"nothing comes": {wait: new(20), took: 20 * time.Second},
		"the queue's wait": {
			before: func(f *fixture) { f.set("q", map[string]string{"ReceiveMessageWaitTimeSeconds": "7"}) },
			took:   7 * time.Second,
		},
		"the call's wait of 0 wins": {
			before: func(f *fixture) { f.set("q", map[string]string{"ReceiveMessageWaitTimeSeconds": "7"}) },
			wait:   new(0),
		},
		"a send wakes it": {
			after: func(f *fixture) { f.send("q", "m") },
			wait:  new(20), want: []string{"m"}, took: 3 * time.Second,
		},
		"a delay ends": {
			before: func(f *fixture) {
				_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "late", DelaySeconds: new(5)})
				f.ok(err)
			},
			wait: new(20), want: []string{"late"}, took: 5 * time.Second,
		},
		"a delay that starts during the poll ends": {
			after: func(f *fixture) {
				_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "late", DelaySeconds: new(5)})
				f.ok(err)
			},
			wait: new(20), want: []string{"late"}, took: 8 * time.Second,
		},
		"a visibility timeout ends": {
			before: func(f *fixture) {
				f.set("q", map[string]string{"VisibilityTimeout": "11"})
				f.send("q", "m")
				f.take("q")
			},
			wait: new(20), want: []string{"m"}, took: 11 * time.Second,
		},
		"a purge does not end it, and it gets what comes later": {
			after: func(f *fixture) {
				f.ok(f.PurgeQueue(f.Context(), scope, "q"))
				f.send("q", "new")
			},
			wait: new(20), want: []string{"new"}, took: 3 * time.Second,
		},
		"the service closes": {
			after: func(f *fixture) { f.Close(); f.Close() },
			wait:  new(20), took: 3 * time.Second,
		},
	} {
		t.Run(what, func(t *testing.T) {
			run(t, func(f *fixture) {
				if c.before != nil {
					c.before(f)
				}
				answer := f.poll(f.Context(), "q", c.wait)
				if c.after != nil {
					time.Sleep(3 * time.Second)
					c.after(f)
				}
				f.polled(answer, c.want, c.took)
			})
		})
	}
}

func TestLongPollGetsWhatIsReleased(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		m := f.takeOne("q")
		answer := f.poll(f.Context(), "q", new(20))
		time.Sleep(4 * time.Second)
		f.ok(f.ChangeVisibility(f.Context(), scope, "q", m.Handle, 0))
		f.polled(answer, []string{"m"}, 4*time.Second)
	})
}

func TestLongPollOfADeadLetterQueue(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("dead", nil)
		f.set("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`})
		f.send("q", "m")
		f.takeOne("q")
		answer := f.poll(f.Context(), "dead", new(20))
		time.Sleep(2 * time.Second)
		f.empty("q")
		f.polled(answer, []string{"m"}, 2*time.Second)
	})
}

func TestLongPollGoesByChangedAttributes(t *testing.T) {
	run(t, func(f *fixture) {
		answer := f.poll(f.Context(), "q", new(20))
		time.Sleep(time.Second)
		f.set("q", map[string]string{"VisibilityTimeout": "2"})
		f.send("q", "m")
		f.polled(answer, []string{"m"}, time.Second)
		time.Sleep(2 * time.Second)
		f.takeOne("q")
	})
}

func TestLongPollOfADeletedQueue(t *testing.T) {
	run(t, func(f *fixture) {
		answer := f.poll(f.Context(), "q", new(20))
		time.Sleep(2 * time.Second)
		f.ok(f.DeleteQueue(f.Context(), scope, "q"))
		_, took, err := answer()
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
		f.equal(took.String(), "2s")
	})
}

func TestLongPollEndsWithItsCaller(t *testing.T) {
	run(t, func(f *fixture) {
		ctx, cancel := context.WithTimeout(f.Context(), 5*time.Second)
		defer cancel()
		_, took, err := f.poll(ctx, "q", new(20))()
		f.equal([]any{errors.Is(err, context.DeadlineExceeded), took.String()}, []any{true, "5s"})
		// The message that comes afterwards is for the next receiver.
		f.send("q", "m")
		f.takeOne("q")
	})
}

func TestOneMessageForEachOfManyPolls(t *testing.T) {
	run(t, func(f *fixture) {
		const polls = 20
		var answers []func() ([]string, time.Duration, error)
		for range polls {
			answers = append(answers, f.poll(f.Context(), "q", new(20)))
		}
		synctest.Wait()
		for i := range polls {
			time.Sleep(100 * time.Millisecond)
			f.send("q", fmt.Sprint(i))
		}
		seen := map[string]bool{}
		for _, a := range answers {
			bodies, took, err := a()
			f.ok(err)
			if len(bodies) != 1 || took > 2*time.Second {
				t.Fatalf("a poll got %v after %v", bodies, took)
			}
			seen[bodies[0]] = true
		}
		f.equal(len(seen), polls)
	})
}

func TestRunSweeps(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"MessageRetentionPeriod": "60"})
		ctx, cancel := context.WithCancel(f.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Service.Run(ctx) })
		f.send("q", "m")
		time.Sleep(2*time.Minute + time.Second)
		cancel()
		wg.Wait()
		// A longer retention does not bring back what has been swept.
		f.set("q", map[string]string{"MessageRetentionPeriod": "86400"})
		f.empty("q")
		f.equal(f.attribute("q", "ApproximateNumberOfMessages"), "0")
	})
}

// TestAClockThatWasAheadHidesNothing: what was sent and received while the clock was
// eight hours ahead is there when it is right again, and not in eight hours; what was
// delayed, or is in flight, under the right clock stays so.
func TestAClockThatWasAheadHidesNothing(t *testing.T) {
	run(t, func(f *fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Service.Run(ctx) })
		f.create("right", nil)
		f.send("right", "in flight")
		_, err := f.Receive(ctx, scope, "right", queue.ReceiveOptions{VisibilityTimeout: new(600)})
		f.ok(err)
		_, err = f.Send(ctx, scope, "right", queue.Message{Body: "delayed", DelaySeconds: new(600)})
		f.ok(err)
		f.clock.ahead.Store(int64(8 * time.Hour))
		f.send("q", "received")
		f.equal(len(f.take("q")), 1)
		f.send("q", "sent")
		_, err = f.Send(ctx, scope, "q", queue.Message{Body: "late", DelaySeconds: new(900)})
		f.ok(err)
		f.clock.ahead.Store(0)
		time.Sleep(2 * time.Minute)
		f.equal(len(f.take("q")), 3)
		f.equal(len(f.take("right")), 0)
		cancel()
		wg.Wait()
	})
}

func TestAReceiveAsksForRoom(t *testing.T) {
	run(t, func(f *fixture) {
		asked := 0
		receive := func(room error) ([]queue.Received, error) {
			asked = 0
			return f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{Max: new(10), WaitTime: new(5), Room: func(_ context.Context, n int) error {
				asked = n
				time.Sleep(time.Minute) // others are served first
				return room
			}})
		}
		body := strings.Repeat("x", queue.SmallReceive/2)
		f.send("q", body)
		f.send("q", body)
		got, err := receive(nil)
		f.ok(err)
		f.equal([]int{len(got), asked}, []int{2, 0})
		f.send("q", body+"y")
		f.send("q", body)
		_, err = receive(errors.New("none"))
		f.equal([]any{err.Error(), asked}, []any{"none", queue.SmallReceive + 1})
		time.Sleep(30 * time.Second)
		f.equal(f.attribute("q", "ApproximateNumberOfMessages"), "4") // nobody has got any
		f.ok(f.PurgeQueue(f.Context(), scope, "q"))
		time.Sleep(2 * time.Second)
		f.send("q", strings.Repeat("x", 1<<20))
		got, err = receive(nil)
		f.ok(err)
		f.equal([]int{len(got), asked}, []int{1, 1 << 20})
		time.Sleep(30*time.Second - time.Millisecond)
		f.empty("q") // the visibility timeout begins when it is handed out
	})
}
