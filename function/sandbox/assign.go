package sandbox

import (
	"context"
	"errors"
	"os"

	"github.com/belfry-run/belfry/function/sandbox/shim"
)

// An Assignment is what a process that was started for nobody in particular
// gets when it is known for whom: folders, each on one of the spec's Places, and
// limits.
type Assignment = shim.Assignment

// Assign shows folders to a process that runs, and sets its limits anew. It
// works once, for a process that has Places. A program that is in one of them
// by then does not see what is shown there until it enters it again. The process
// must not be frozen. While the sandbox works on it, meanwhile is called, unless it
// is nil.
//
// After an error the process is in no state to be used: kill it. The error is
// meanwhile's, or ctx's when that ends first, and os.ErrProcessDone when the process
// has ended.
func (p *Process) Assign(ctx context.Context, a Assignment, meanwhile func() error) error {
	if !p.places {
		return errors.New("this process has no places for an assignment")
	}
	p.places = false
	program, err := a.Program(p.order)
	if err != nil {
		return err
	}
	if a.Memory != p.memory || a.Storage != p.order.Storage {
		if err := p.group.limit(p.box.limits(a.Memory, a.Storage, p.order.Processes)); err != nil {
			return err
		}
	}
	if err := p.send(program); err != nil {
		return errors.Join(os.ErrProcessDone, err)
	}
	if meanwhile != nil {
		if err := meanwhile(); err != nil {
			return err
		}
	}
	select {
	case refused := <-p.assigned:
		return refused
	case <-p.ended:
		return os.ErrProcessDone
	case <-ctx.Done():
		return ctx.Err()
	}
}
