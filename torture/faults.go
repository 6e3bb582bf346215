package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// What is counted of the faults.
const (
	killed  = "kills (SIGKILL)"
	stopped = "stops (SIGTERM)"
	paused  = "pauses (SIGSTOP, SIGCONT)"
	stepped = "clock steps"
	filled  = "full disks"
)

// stepRest is the least time between two steps and the next: a server gets to put
// right what they have made wrong.
const stepRest = 12 * time.Second

// diskSize is that of the file system that the data is on.
const diskSize = "size=256m"

// torture makes faults, one after the other, until ctx ends or there were enough.
func (n *lane) torture(ctx context.Context, clocks bool) {
	for ctx.Err() == nil && !n.enough() && !n.dead.Load() {
		now := n.waitNudged(ctx, 100+n.rand.IntN(n.opts.pause))
		if ctx.Err() != nil {
			return
		}
		if err := n.srv.Crashed(); err != nil {
			n.violate("the server ended by itself").add("%v", err)
			n.restart()
			continue
		}
		x := n.rand.IntN(100)
		switch {
		case now:
			n.kill(ctx, clocks)
		case clocks && x < 20 && time.Since(n.lastStep) > stepRest:
			n.stepUp(ctx)
		case x < 24:
			n.pause(ctx)
		case x < 28:
			n.count(stopped, 1)
			if err := n.srv.Stop(); err != nil {
				n.violate("the server does not stop").add("%v", err)
			}
			n.down(ctx, clocks)
		case x < 30 && n.mounted:
			n.fill(ctx)
		default:
			n.kill(ctx, clocks)
			if n.rand.IntN(4) == 0 && !n.dead.Load() { // a start that is killed at once
				n.wait(ctx, n.rand.IntN(60))
				n.kill(ctx, clocks)
			}
		}
	}
}

// nudge asks for a kill now, because something has just begun that takes a while.
func (n *lane) nudge() {
	select {
	case n.nudged <- struct{}{}:
	default:
	}
}

// waitNudged waits for so many milliseconds; true is that it was nudged.
func (n *lane) waitNudged(ctx context.Context, ms int) bool {
	select {
	case <-n.nudged:
		return true
	case <-ctx.Done():
	case <-time.After(time.Duration(ms) * time.Millisecond):
	}
	return false
}

func (n *lane) wait(ctx context.Context, ms int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(ms) * time.Millisecond):
	}
}

func (n *lane) kill(ctx context.Context, clocks bool) {
	n.count(killed, 1)
	if err := n.srv.Kill(); err != nil {
		n.violate("the server ended by itself").add("%v", err)
	}
	n.down(ctx, clocks)
}

// down is the time until the next start; mostly none.
func (n *lane) down(ctx context.Context, clocks bool) {
	if clocks && n.rand.IntN(6) == 0 && time.Since(n.lastStep) > stepRest {
		n.step(n.stepSize())
	}
	if n.rand.IntN(8) == 0 {
		n.wait(ctx, n.rand.IntN(4000))
	}
	n.restart()
}

func (n *lane) restart() {
	began := time.Now()
	if err := n.srv.Start(); err != nil {
		n.dead.Store(true)
		n.violate("the server cannot be started").add("%v", err)
		return
	}
	if took := time.Since(began); took > 15*time.Second {
		n.violate("the server took long to start").add("it was ready after %v", took)
	}
}

func (n *lane) pause(ctx context.Context) {
	n.count(paused, 1)
	if err := n.srv.Signal(syscall.SIGSTOP); err != nil {
		return
	}
	n.wait(ctx, 300+n.rand.IntN(2500))
	n.srv.Signal(syscall.SIGCONT) //nolint:errcheck // it runs
}

// stepUp steps the clock, for good or there and back.
func (n *lane) stepUp(ctx context.Context) {
	d := n.stepSize()
	n.step(d)
	if n.rand.IntN(2) == 0 {
		n.wait(ctx, 500+n.rand.IntN(6000))
		n.step(-d)
	}
}

// stepSize is from 3 s to 8 h, either way; it leads back when the clock is far off.
func (n *lane) stepSize() time.Duration {
	sizes := []time.Duration{3 * time.Second, 20 * time.Second, 70 * time.Second, 5 * time.Minute, 20 * time.Minute, time.Hour, 8 * time.Hour}
	d := pick(n.rand, sizes)
	off := n.clock.Offset()
	if n.rand.IntN(2) == 0 || off > 10*time.Hour {
		d = -d
	}
	if off < -10*time.Hour && d < 0 {
		d = -d
	}
	return d
}

func (n *lane) step(d time.Duration) {
	n.count(stepped, 1)
	n.lastStep = time.Now()
	n.clock.Step(d)
}

// mount puts the data directory on a small file system of its own, so that it can
// be filled. That is for root alone; without it there are no full disks.
func (n *lane) mount(data string) {
	n.mounted = false
	if os.Getuid() != 0 || n.opts.noMount {
		return
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, diskSize+",mode=0700"); err != nil {
		n.count("mounts refused: no full disks", 1)
		return
	}
	n.mounted = true
}

func (n *lane) unmount(data string) error {
	if !n.mounted {
		return nil
	}
	n.mounted = false
	return syscall.Unmount(data, syscall.MNT_DETACH)
}

// fill fills the disk for some seconds.
func (n *lane) fill(ctx context.Context) {
	n.count(filled, 1)
	n.mu.Lock()
	n.full = append(n.full, span{from: time.Now()})
	n.mu.Unlock()
	filler := filepath.Join(n.srv.Data, "filler")
	f, err := os.Create(filler)
	if err == nil {
		for block := make([]byte, 64<<10); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			n.violate("the disk could not be filled").add("%v", err)
		}
		f.Close()
	}
	n.wait(ctx, 500+n.rand.IntN(3000))
	os.Remove(filler)
	n.mu.Lock()
	n.full[len(n.full)-1].to = time.Now()
	n.mu.Unlock()
}
