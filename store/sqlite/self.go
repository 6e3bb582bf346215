package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// SelfStates returns what Belfry has found out about itself, by name.
func (s *Store) SelfStates(ctx context.Context) (all []monitor.SelfState, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT name, status, since, detail FROM self_checks ORDER BY name", func(st *sqlite.Stmt) error {
			all = append(all, monitor.SelfState{
				Name: st.ColumnText(0), Status: monitor.Status(st.ColumnText(1)), Since: fromMillis(st.ColumnInt64(2)), Detail: st.ColumnText(3),
			})
			return nil
		})
	})
	return all, err
}

// KeepSelf stores the states and the flips that tell of their changes.
func (s *Store) KeepSelf(ctx context.Context, states []monitor.SelfState, flips []monitor.Flip) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		for _, st := range states {
			if err := exec(c, "INSERT OR REPLACE INTO self_checks VALUES (?,?,?,?)", st.Name, string(st.Status), st.Since, st.Detail); err != nil {
				return err
			}
		}
		for i := range flips {
			if err := insertFlip(c, &flips[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// OldestDue returns when the first entry of the due queue is due.
func (s *Store) OldestDue(ctx context.Context) (time.Time, error) {
	return s.NextDue(ctx, &belfry.Due{At: time.UnixMilli(-1)})
}

// Outcome returns the recent run of an occurrence, nil when there is none.
func (s *Store) Outcome(ctx context.Context, o belfry.Occurrence) (run *belfry.Run, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		run, err = runOf(c, o)
		return err
	})
	return run, err
}

// Failures is how many calls have failed since the store was opened, for other
// reasons than their own.
func (s *Store) Failures() uint64 { return s.failures.Load() }

// writeError says what is wrong with the disk, when that is why a write failed.
func writeError(err error) error {
	if err == nil || refused(err) {
		return err
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull:
		return belfry.ErrDiskFull.Because(err)
	case sqlite.ResultReadOnly:
		return belfry.ErrDiskReadOnly.Because(err)
	case sqlite.ResultIOErr:
		return belfry.ErrDiskFailed.Because(err)
	}
	return belfry.WriteError(err)
}

// Writable tries a write that changes nothing but a note; the error says why it
// could not be made.
func (s *Store) Writable(ctx context.Context) error {
	return s.See(ctx, "write", time.Now().UTC().Format(time.RFC3339Nano))
}

// counted counts a failure that is the store's.
func (s *Store) counted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && (!refused(err) || sqlite.ErrCode(err) != sqlite.ResultError) {
		s.failures.Add(1)
	}
	return err
}
