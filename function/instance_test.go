package function

import (
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A still is a process that only knows whether it is frozen.
type still struct{ frozen atomic.Bool }

func (p *still) wait() exit       { return exit{} }
func (p *still) kill()            {}
func (p *still) freeze()          { p.frozen.Store(true) }
func (p *still) thaw()            { p.frozen.Store(false) }
func (p *still) status() *os.File { return nil }

func TestAnInstanceIsFrozenWhenNothingIsToCome(t *testing.T) {
	const ms = time.Millisecond
	for name, steps := range map[string]func(in *instance, after func(d time.Duration, frozen bool)){
		"after an invocation": func(in *instance, after func(time.Duration, bool)) {
			in.thaw()
			in.freezeSoon()
			after(freezeDelay-ms, false)
			after(ms, true)
		},
		"after the last of several": func(in *instance, after func(time.Duration, bool)) {
			for range 3 {
				in.thaw()
				in.freezeSoon()
				after(freezeDelay-ms, false)
			}
			after(ms, true)
		},
		"not during one": func(in *instance, after func(time.Duration, bool)) {
			in.thaw()
			in.freezeSoon()
			in.thaw()
			after(time.Hour, false)
		},
		"not until the time of one that is due": func(in *instance, after func(time.Duration, bool)) {
			in.freeze()
			after(0, true)
			in.wake(time.Second)
			after(time.Second-ms, false)
			after(ms, true)
		},
		"soon after that one, when it came": func(in *instance, after func(time.Duration, bool)) {
			in.wake(time.Second)
			after(ms, false)
			in.thaw()
			in.freezeSoon()
			after(freezeDelay-ms, false)
			after(ms, true)
			after(time.Hour, true)
		},
		"not though another one is due, while it is busy": func(in *instance, after func(time.Duration, bool)) {
			in.thaw()
			in.wake(ms)
			after(time.Second, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &still{}
				steps(&instance{process: p}, func(d time.Duration, frozen bool) {
					t.Helper()
					time.Sleep(d)
					synctest.Wait()
					if got := p.frozen.Load(); got != frozen {
						t.Errorf("after %s more it is frozen: %t", d, got)
					}
				})
			})
		})
	}
}
