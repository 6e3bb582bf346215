package app

import (
	"context"
	"fmt"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// Functions say what functions are kept from. Empty is the default.
type Functions struct {
	// Isolation is the highest level to use: none, uid, rootless, full, or auto for
	// the best that this machine permits. The default is auto; with Dev none,
	// unless a level is required.
	Isolation string
	// RequireIsolation is the lowest level to start with; the default is none.
	RequireIsolation string
	// Egress is the way out of functions that do not choose theirs, none, proxy or
	// host, and EgressMax the widest that they can choose. The defaults are proxy,
	// with Dev host; and Egress.
	Egress, EgressMax string
	Processes         int // and threads of an isolated instance; 0: 64
	// Pool is how many processes are kept for starts to come, see
	// [function.ParsePool].
	Pool string
}

// apply sets in c what f says.
func (f Functions) apply(c *function.Config, dev bool) (err error) {
	isolation, egress := "auto", function.EgressProxy
	if dev {
		egress = function.EgressHost
		if f.RequireIsolation == "" || f.RequireIsolation == sandbox.None.String() {
			isolation = "none"
		}
	}
	if f.Isolation != "" {
		isolation = f.Isolation
	}
	if c.Isolation, err = sandbox.ParseLevel(isolation); err != nil {
		return fmt.Errorf("--isolation: %w", err)
	}
	if f.RequireIsolation != "" {
		if c.RequireIsolation, err = sandbox.ParseLevel(f.RequireIsolation); err != nil {
			return fmt.Errorf("--require-isolation: %w", err)
		}
	}
	c.Egress = egress
	if f.Egress != "" {
		if c.Egress, err = function.ParseEgress(f.Egress); err != nil {
			return fmt.Errorf("--egress: %w", err)
		}
	}
	if f.EgressMax != "" {
		if c.EgressMax, err = function.ParseEgress(f.EgressMax); err != nil {
			return fmt.Errorf("--egress-max: %w", err)
		}
	}
	c.Processes = f.Processes
	if f.Pool != "" {
		if c.Pool, err = function.ParsePool(f.Pool); err != nil {
			return fmt.Errorf("--pool: %w", err)
		}
	}
	return nil
}

// isolation is what the native API tells of the isolation of functions.
func (s *Server) isolation() native.Isolation {
	r := s.host.Isolation()
	return native.Isolation{Level: r.Level.String(), NotEnforced: r.Missing, Reasons: r.Reasons}
}

// runtimes is what the native API tells of the runtimes of functions.
func (s *Server) runtimes(ctx context.Context) []native.Runtime {
	list := []native.Runtime{}
	for _, r := range s.host.Runtimes(ctx) {
		list = append(list, native.Runtime(r))
	}
	return list
}
