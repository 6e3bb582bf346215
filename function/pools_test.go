package function_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// counter answers with its process and how often that was called.
const counter = `
import os, time
n = 0
def handler(event, context):
    global n
    n += 1
    if "wait" in event:
        open(event["wait"] + ".began", "w").close()
        while not os.path.exists(event["wait"]): time.sleep(0.005)
    if event.get("do") == "exit": os._exit(1)
    if event.get("do") == "sleep": time.sleep(60)
    return {"pid": os.getpid(), "n": n, "value": os.environ.get("VALUE")}
`

type counted struct {
	PID, N int
	Value  string
}

func (b *bench) count(name, payload string) counted {
	b.t.Helper()
	return decode[counted](b.t, []byte(b.result(name, payload)))
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestAWarmInstanceIsReused(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	first, second := b.count("f", ""), b.count("f", "")
	if first.PID != second.PID || second.N != 2 {
		t.Errorf("%+v then %+v, want the same process", first, second)
	}
	if s := b.Stats(); s.Instances != 1 || s.Idle != 1 || s.Starts != 1 || s.Invocations != 2 || s.MemoryPromised != 128 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnInstanceIsNotReusedAfter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct{ name, do string }{{"an exit", "exit"}, {"a time-out", "sleep"}} {
		t.Run(c.name, func(t *testing.T) {
			f := python(c.do, counter)
			f.Timeout = time.Second
			b.deploy(f)
			first := b.count(c.do, "")
			if r := b.invoke(c.do, `{"do": "`+c.do+`"}`); r.FunctionError == "" {
				t.Fatalf("no error: %s", r.Payload)
			}
			if alive(first.PID) {
				t.Error("the process still lives")
			}
			if again := b.count(c.do, ""); again.PID == first.PID || again.N != 1 {
				t.Errorf("%+v after %+v, want a new process", again, first)
			}
		})
	}
}

func TestAnInstanceThatDiesIdleIsReplaced(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	first := b.count("f", "")
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead instance is noticed", func() bool { return b.Stats().Instances == 0 })
	if again := b.count("f", ""); again.N != 1 {
		t.Errorf("%+v, want a new process", again)
	}
}

func TestATimeoutEndsWhatTheHandlerStarted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	note := filepath.Join(t.TempDir(), "pid")
	f := python("f", `
import subprocess, time
def handler(event, context):
    p = subprocess.Popen(["sleep", "600"])
    open(event, "w").write(str(p.pid))
    time.sleep(60)
`)
	f.Timeout = time.Second
	b.deploy(f)
	b.invoke("f", fmt.Sprintf("%q", note))
	pid := readPID(t, note)
	eventually(t, "the handler's child has ended", func() bool { return !running(pid) })
}

func readPID(t *testing.T, path string) (pid int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// running says whether a process is there and not a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestIdleInstancesEnd(t *testing.T) {
	clock := newHandClock()
	b := newBench(t, func(c *function.Config) { c.Clock = clock })
	b.deploy(python("f", counter))
	first := b.count("f", "")
	clock.advance(function.DefaultIdle - time.Second)
	eventually(t, "the janitor looks again", func() bool { return len(clock.armed) > 1 })
	if !alive(first.PID) {
		t.Fatal("ended before its time")
	}
	eventually(t, "the instance ends", func() bool {
		clock.advance(time.Second)
		return b.Stats().Instances == 0 && !alive(first.PID)
	})
}

// busy starts an invocation that waits for a file, and returns how to end it.
func (b *bench) busy(name, id string, answered func(*function.Response, error)) (release func()) {
	b.t.Helper()
	gate := filepath.Join(b.t.TempDir(), id)
	var done sync.WaitGroup
	done.Go(func() {
		answered(b.Invoke(context.WithoutCancel(b.t.Context()), function.Request{Function: ref(name), Payload: fmt.Appendf(nil, `{"wait": %q}`, gate)}))
	})
	eventually(b.t, "the handler runs", func() bool { _, err := os.Stat(gate + ".began"); return err == nil })
	return func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			b.t.Error(err)
		}
		done.Wait()
	}
}

func TestARedeployDrains(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	warm := b.count("f", "")
	var old counted
	release := b.busy("f", "gate", func(r *function.Response, err error) {
		if err != nil || r.FunctionError != "" {
			t.Errorf("the invocation on the old code: %v %v", r, err)
			return
		}
		old = decode[counted](t, r.Payload)
	})
	if _, err := b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error {
		s.Environment = map[string]string{"VALUE": "new"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fresh := b.count("f", ""); fresh.PID == warm.PID || fresh.Value != "new" {
		t.Errorf("after the update: %+v, want a new process with the new environment", fresh)
	}
	release()
	if old.PID != warm.PID || old.Value != "" {
		t.Errorf("the invocation under way ended as %+v", old)
	}
	eventually(t, "the old process ends", func() bool { return !alive(warm.PID) })
}

func TestDeleteEndsInstances(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	first := b.count("f", "")
	if err := b.Delete(t.Context(), ref("f"), ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process ends", func() bool { return !alive(first.PID) })
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
	refused(t, err, belfry.NotFound, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:f")
}

func TestConcurrencyIsBoundedAndCallersWait(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.PerFunction = 2; c.MaxWait = time.Minute })
	b.deploy(python("f", counter))
	var pids sync.Map
	var ok atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			r, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
			if err != nil {
				t.Error(err)
				return
			}
			ok.Add(1)
			pids.Store(decode[counted](t, r.Payload).PID, true)
		})
	}
	all.Wait()
	n := 0
	pids.Range(func(any, any) bool { n++; return true })
	if ok.Load() != 40 || n > 2 {
		t.Errorf("%d answers from %d processes, want 40 from at most 2", ok.Load(), n)
	}
}

func TestACallerThatWaitsTooLongIsThrottled(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.PerFunction = 1; c.MaxWait = 50 * time.Millisecond; c.MaxWaiting = 1 })
	b.deploy(python("f", counter))
	release := b.busy("f", "gate", func(r *function.Response, err error) {
		if err != nil {
			t.Error(err)
		}
	})
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Invoke(ctx, function.Request{Function: ref("f")}); err == nil {
		t.Error("a caller that has left was served")
	}
	release()
	b.count("f", "")
	if s := b.Stats(); s.Throttles != 1 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestAPatientCallerWaitsForTheHost: what a schedule runs fails by no limit of the
// host's, only by one of the function's.
func TestAPatientCallerWaitsForTheHost(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.PerFunction = 1; c.MaxWait = 10 * time.Millisecond; c.MaxWaiting = 1 })
	b.deploy(python("f", counter))
	gate := b.gate()
	request := func(payload string) function.Request {
		return function.Request{Function: ref("f"), Payload: []byte(payload), Patient: true}
	}
	first := make(chan error, 1)
	go func() {
		_, err := b.Invoke(t.Context(), request(`{"wait": "`+gate.path+`"}`))
		first <- err
	}()
	gate.began()
	others := make(chan error, 5)
	for range cap(others) {
		go func() {
			_, err := b.Invoke(t.Context(), request("{}"))
			others <- err
		}()
	}
	eventually(t, "all wait", func() bool { return b.Stats().Waiting == cap(others) })
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.") // one that is not
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.Invoke(ctx, request("{}")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the end of its context", err)
	}
	if err := b.SetReserved(t.Context(), ref("f"), new(1)); err != nil {
		t.Fatal(err)
	}
	_, err = b.Invoke(t.Context(), request("{}"))
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	gate.open()
	for range cap(others) {
		if err := <-others; err != nil {
			t.Error(err)
		}
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestTheWaitingRoomIsBounded(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.PerFunction = 1; c.MaxWait = time.Minute; c.MaxWaiting = 1 })
	b.deploy(python("f", counter))
	release := b.busy("f", "gate", func(*function.Response, error) {})
	var waiting sync.WaitGroup
	waiting.Go(func() { b.count("f", "") })
	eventually(t, "one waits", func() bool { return b.Stats().Waiting == 1 })
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	release()
	waiting.Wait()
}

func TestMemoryBudgetMakesIdleInstancesGiveWay(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.MemoryBudget = 300; c.MaxWait = 20 * time.Millisecond })
	for _, name := range []string{"a", "b", "c"} {
		b.deploy(python(name, counter))
	}
	a1 := b.count("a", "")
	b1 := b.count("b", "")
	b.count("c", "") // no room for three: the one idle longest goes
	eventually(t, "the oldest ends", func() bool { return !alive(a1.PID) })
	if again := b.count("b", ""); again.PID != b1.PID {
		t.Errorf("b ran as %+v, want the process of %+v", again, b1)
	}
	releaseB := b.busy("b", "b", func(*function.Response, error) {})
	releaseC := b.busy("c", "c", func(*function.Response, error) {})
	_, err := b.Invoke(t.Context(), function.Request{Function: ref("a")})
	refused(t, err, belfry.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	releaseB()
	releaseC()
	big := python("big", counter)
	big.Memory = 1024
	b.deploy(big)
	b.count("big", "") // larger than all there is: it runs alone
	if s := b.Stats(); s.Instances != 1 || s.MemoryPromised != 300 {
		t.Errorf("stats %+v", s)
	}
}

func TestACallerThatLeavesEndsItsInvocation(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	first := b.count("f", "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.Invoke(ctx, function.Request{Function: ref("f"), Payload: []byte(`{"do": "sleep"}`)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	eventually(t, "the process ends", func() bool { return !alive(first.PID) })
}

func TestCloseWaitsForInvocations(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	idle := b.count("f", "")
	var answer counted
	release := b.busy("f", "gate", func(r *function.Response, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		answer = decode[counted](t, r.Payload)
	})
	closed := make(chan struct{})
	go func() { b.stop(); close(closed) }()
	eventually(t, "new callers are refused", func() bool {
		_, err := b.Invoke(t.Context(), function.Request{Function: ref("f")})
		return belfry.KindOf(err) == belfry.Unavailable
	})
	release()
	<-closed
	if answer.N != 2 || alive(answer.PID) || alive(idle.PID) {
		t.Errorf("answer %+v; processes must have ended", answer)
	}
}

func TestCloseCutsInvocationsOff(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	first := b.count("f", "")
	done := make(chan error, 1)
	gate := filepath.Join(t.TempDir(), "never")
	go func() {
		_, err := b.Invoke(context.WithoutCancel(t.Context()), function.Request{Function: ref("f"), Payload: fmt.Appendf(nil, `{"wait": %q}`, gate)})
		done <- err
	}()
	eventually(t, "the handler runs", func() bool { _, err := os.Stat(gate + ".began"); return err == nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); err == nil {
		t.Error("Close did not say that it cut somebody off")
	}
	if err := <-done; belfry.KindOf(err) != belfry.Unavailable {
		t.Errorf("the caller got %v", err)
	}
	if alive(first.PID) {
		t.Error("the process still lives")
	}
}

// TestInstancesOfAllFunctionsAreBounded: what is idle gives way, also processes of
// the pool, and callers wait for what is not.
func TestInstancesOfAllFunctionsAreBounded(t *testing.T) {
	b := newBench(t, func(c *function.Config) { c.MaxInstances = 1; c.MaxWait = time.Minute })
	for _, name := range []string{"f", "g"} {
		b.deploy(python(name, counter))
	}
	for range 2 {
		b.count("f", "")
		b.count("g", "")
		if s := b.Stats(); s.Instances+s.Blanks != 1 {
			t.Errorf("%d instances and %d blanks, want 1 in all", s.Instances, s.Blanks)
		}
	}
	release := b.busy("f", "gate", func(*function.Response, error) {})
	var waiting sync.WaitGroup
	waiting.Go(func() { b.count("g", "") })
	eventually(t, "one waits", func() bool { return b.Stats().Waiting == 1 })
	release()
	waiting.Wait()
}
