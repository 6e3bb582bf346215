package function

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// An instance is one process of a function. It serves one invocation at a
// time and belongs to whoever has taken it from the pool.
type instance struct {
	fn     *Function // as it was when the process started
	born   time.Time
	stream string
	link   link
	logs   *capture

	process  process
	status   *os.File // /proc/PID/status
	services []func() // ends what the host serves in the instance's network

	exited chan struct{} // closed when the process has been waited for
	exit   exit          // valid from then on

	frost  sync.Mutex // guards what follows; held while frozen is changed
	busy   bool       // an invocation is under way
	frozen bool
	awake  time.Time   // when it is to be frozen, should it be idle until then
	chill  *time.Timer // looks whether to freeze; nil: none ever has
	looks  bool        // it will look, at
	lookAt time.Time

	ending sync.Once
	ended  chan struct{} // closed when nothing is left of it

	initTime  time.Duration // of the start, until an invocation has reported it
	peak      int           // highest resident memory seen, MB
	unsampled time.Duration // that it has run since that was looked at

	// The pools' lock guards these.
	use       instanceUse
	idleSince time.Time
	place     *list.Element // in the list of the idle
	promised  time.Time     // when an invocation is due that it is kept for
	ahead     bool          // started before anybody asked, and not used yet
}

const (
	initGrace = 10 * time.Second // that a start may take beyond the function's time-out
	exitGrace = time.Second      // between a closed connection and the exit

	freezeDelay = 100 * time.Millisecond // of an instance that has become idle

	// sampleAfter is how long an instance runs until its memory is looked at again,
	// which takes as long as a small handler does. In that time it could have taken
	// a few megabytes.
	sampleAfter = time.Millisecond
)

// launch starts the process for an instance of f.
func (h *Host) launch(ctx context.Context, f *Function) (*instance, error) {
	folders := f.folders()
	now := h.cfg.Clock.Now()
	in := &instance{fn: f, born: now, stream: newStream(f, now), exited: make(chan struct{}), ended: make(chan struct{})}
	out, err := h.egressOf(&f.Settings)
	if err != nil { // the server's settings have changed since the function's
		return nil, &startError{err: err}
	}
	if err := h.mergeLayers(f); err != nil { // it is there, unless somebody has emptied the data directory
		return nil, err
	}
	l := &launch{view: h.viewOf(h.codes.taskDir(folders[0]), h.optDir(f), out), memory: f.Memory, storage: f.Storage}
	if l.env, err = h.environment(ctx, f, &l.view, in.stream); err != nil {
		return nil, err
	}
	if isProvided(f.Runtime) {
		err = h.launchProvided(in, l)
	} else {
		err = h.launchInterpreted(ctx, in, l)
	}
	if err != nil {
		return nil, err
	}
	if blank := h.adopt(ctx, f, l); blank != nil {
		blank.fn, blank.born, blank.stream = in.fn, in.born, in.stream
		in = blank
		in.logs.belongTo(h.newRecorder(f, in.stream))
	} else if err := h.begin(ctx, in, l); err != nil {
		return nil, err
	}
	if l.assign != nil {
		if err := in.framed().begin(); err != nil {
			in.end()
			<-in.ended
			return nil, err
		}
	}
	in.logs.platform(f, initStart(f, l.banner))
	h.codes.hold(folders...)
	h.pools.add(in)
	h.processes.Go(func() {
		<-in.exited
		h.codes.release(folders...)
		if a, ok := in.link.(*runtimeAPI); ok {
			a.leave()
		}
		h.pools.exited(in)
		<-in.ended
	})
	return in, nil
}

// begin starts a process for an instance, and tells a bootstrap what it is to be.
func (h *Host) begin(ctx context.Context, in *instance, l *launch) error {
	if l.assign != nil {
		link, theirs, err := newFramed()
		if err != nil {
			return err
		}
		in.link, l.files = link, []*os.File{theirs}
	}
	err := h.exec(ctx, in, l)
	for _, file := range l.files {
		file.Close() // the process has its own
	}
	if err != nil {
		in.link.close()
		return err
	}
	if l.assign == nil {
		return nil
	}
	if err := in.tell(l.assign); err != nil {
		in.end()
		<-in.ended
		return err
	}
	return nil
}

// framed is the link to a bootstrap of Belfry's own.
func (in *instance) framed() *framed {
	return in.link.(*framed) //nolint:forcetypeassert // begin and startBlank have made it
}

// tell tells a bootstrap what it is to be, before it begins.
func (in *instance) tell(a *assignment) error {
	return in.framed().assign(time.Now().Add(initGrace), a)
}

func (h *Host) launchProvided(in *instance, l *launch) error {
	program, err := findBootstrap(h.codes.taskDir(in.fn.codeKey()), h.optDir(in.fn), &l.view)
	if err != nil {
		return err
	}
	api := newRuntimeAPI()
	addr, err := l.listen(api)
	if err != nil {
		return fmt.Errorf("listen for the runtime: %w", err)
	}
	l.env["AWS_LAMBDA_RUNTIME_API"] = addr
	// A program in Go would find its limit of processor time in /sys, which it is not
	// shown, and with more threads than that its own get into each other's way.
	if cores := h.box.Cores(in.fn.Memory); cores > 0 && cores < runtime.NumCPU() && l.env["GOMAXPROCS"] == "" {
		l.env["GOMAXPROCS"] = strconv.Itoa(cores)
	}
	in.link, l.argv, l.dir, l.banner = api, []string{program}, l.task, in.fn.Runtime
	return nil
}

// kill ends the process and what it started.
func (in *instance) kill() { in.process.kill() }

// thaw lets the process run for an invocation.
func (in *instance) thaw() {
	in.frost.Lock()
	defer in.frost.Unlock()
	in.busy = true
	if in.frozen {
		in.process.thaw()
		in.frozen = false
	}
}

// freezeSoon ends an invocation, before the next one can have the instance. The
// process is frozen a moment later, unless the next has begun by then: one that
// follows at once would pay for it. A timer looks once in that time, and not after
// each of many invocations.
func (in *instance) freezeSoon() {
	in.frost.Lock()
	defer in.frost.Unlock()
	in.busy, in.awake = false, time.Now().Add(freezeDelay)
	in.lookBy(in.awake)
}

// wake lets the process run for a while though it is idle, unless an invocation has it:
// one is about to come, which would have to wait for that.
func (in *instance) wake(d time.Duration) {
	in.frost.Lock()
	defer in.frost.Unlock()
	if in.busy {
		return
	}
	if in.frozen {
		in.process.thaw()
		in.frozen = false
	}
	in.awake = time.Now().Add(d)
	in.lookBy(in.awake)
}

// lookBy has it looked at at the time t, or before. The caller holds the lock.
func (in *instance) lookBy(t time.Time) {
	switch {
	case in.looks && !in.lookAt.After(t):
		return
	case in.chill == nil:
		in.chill = time.AfterFunc(time.Until(t), in.look)
	default:
		in.chill.Reset(time.Until(t))
	}
	in.looks, in.lookAt = true, t
}

// look freezes the process when it has been idle for long enough, and otherwise
// looks again when it will have been.
func (in *instance) look() {
	in.frost.Lock()
	defer in.frost.Unlock()
	in.looks = false
	if in.busy || in.frozen {
		return
	}
	if time.Now().Before(in.awake) {
		in.lookBy(in.awake)
		return
	}
	in.process.freeze()
	in.frozen = true
}

// freeze stops the process that was started ahead, unless an invocation has it.
func (in *instance) freeze() {
	in.frost.Lock()
	defer in.frost.Unlock()
	if !in.busy && !in.frozen {
		in.process.freeze()
		in.frozen = true
	}
}

func (in *instance) hasExited() bool {
	select {
	case <-in.exited:
		return true
	default:
		return false
	}
}

// waitExit waits up to d for the process to exit, and then kills it.
func (in *instance) waitExit(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-in.exited:
		return
	case <-t.C:
	}
	in.kill()
	<-in.exited
}

// end kills the process and lets go of what belongs to it. It does not wait.
func (in *instance) end() {
	in.ending.Do(func() {
		go func() {
			defer close(in.ended)
			in.kill()
			<-in.exited
			in.link.close()
			for _, stop := range in.services {
				stop()
			}
			in.logs.close()
		}()
	})
}

// sampleMemory notes the highest resident memory so far, as the kernel counts it,
// of a process that has run for so long since the last call.
func (in *instance) sampleMemory(ran time.Duration) {
	in.unsampled += ran
	if in.status == nil || in.peak > 0 && in.unsampled < sampleAfter {
		return
	}
	in.unsampled = 0
	var buf [2048]byte
	n, _ := in.status.ReadAt(buf[:], 0) // io.EOF, or the process is gone
	_, after, ok := bytes.Cut(buf[:n], []byte("VmHWM:"))
	if !ok {
		return
	}
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	if kb, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil {
		in.peak = max(in.peak, (kb+1023)/1024)
	}
}

// A startError is a function whose own program cannot be started.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// findBootstrap looks for the program of a provided runtime in the folders of the
// function's code and of its layers, and returns its path as the instance sees it.
func findBootstrap(task, opt string, v *view) (program string, err error) {
	for _, place := range []struct{ dir, seen, lambda string }{{task, v.task, isolatedTask}, {opt, v.opt, isolatedOpt}} {
		if place.dir == "" {
			continue
		}
		switch info, err := os.Stat(filepath.Join(place.dir, "bootstrap")); {
		case err != nil || !info.Mode().IsRegular():
		case info.Mode()&0o111 == 0:
			return "", &startError{err: errors.New("fork/exec " + place.lambda + "/bootstrap: permission denied")}
		default:
			return place.seen + "/bootstrap", nil
		}
	}
	return "", &startError{err: errors.New("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")}
}
