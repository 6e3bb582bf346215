package function

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/belfry-run/belfry/function/sandbox"
)

// isolate finds the level of isolation, says so in the log, and refuses one
// that is below what is required.
func (h *Host) isolate(ctx context.Context) error {
	box, err := sandbox.New(ctx, sandbox.Config{
		Wish: h.cfg.Isolation, ID: h.id, Dir: h.cfg.Dir, Root: filepath.Join(h.cfg.Dir, "root"),
		Env: []string{hostVariable + "=" + h.id}, Spawn: h.spawner.start, Trial: h.cfg.Trial, Logger: h.log,
	})
	if err != nil {
		return fmt.Errorf("prepare the isolation of functions: %w", err)
	}
	h.box, h.isolation = box, box.Report()
	r := h.isolation
	if err := r.Require(h.cfg.RequireIsolation); err != nil {
		box.Close()
		return err
	}
	about := []any{
		"isolation", r.Level.String(), "not_enforced", r.Missing, "egress", h.cfg.Egress,
		"memory_budget_mb", h.cfg.MemoryBudget, "instances_per_function", h.cfg.PerFunction,
	}
	if len(r.Reasons) > 0 {
		about = append(about, "why_not_more", r.Reasons)
	}
	if r.Level == sandbox.None {
		h.log.WarnContext(ctx, "functions run WITHOUT ISOLATION: as the server's user, with its files and its network", about...)
	} else if len(r.Missing) > 0 {
		h.log.WarnContext(ctx, "functions run isolated in part", about...)
	} else {
		h.log.InfoContext(ctx, "functions run isolated", about...)
	}
	return nil
}

// Isolation says what functions are kept from. It is known once the host has started.
func (h *Host) Isolation() sandbox.Report { return h.isolation }
