package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

const alertColumns = `spec, account, kind, subject, number`

func scanAlert(st *sqlite.Stmt) (monitor.NumberedAlert, error) {
	a, err := scanSpec[monitor.Alert](st)
	if err != nil {
		return monitor.NumberedAlert{}, err
	}
	// The subject's id has the name of the alert's in JSON.
	a.Subject = monitor.Subject{Account: st.ColumnText(1), Kind: monitor.SubjectKind(st.ColumnText(2)), ID: st.ColumnText(3)}
	return monitor.NumberedAlert{Alert: *a, Number: st.ColumnInt64(4)}, nil
}

func (s *Store) queryAlerts(c *sqlite.Conn, limit int, where string, args ...any) ([]monitor.NumberedAlert, error) {
	return listOf(s, c, "alerts", limit, "SELECT "+alertColumns+" FROM alerts WHERE "+where, scanAlert, args...)
}

func withoutNumbers(all []monitor.NumberedAlert) []monitor.Alert {
	out := make([]monitor.Alert, len(all))
	for i := range all {
		out[i] = all[i].Alert
	}
	return out
}

// putAlert stores a new alert, of revision 1, or what has become of one.
func putAlert(c *sqlite.Conn, a *monitor.Alert) error {
	spec, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode alert %s: %w", a.ID, err)
	}
	if a.Revision == 1 {
		return exec(c, "INSERT INTO alerts (id, account, kind, subject, revision, closed_at, next_at, spec) VALUES (?,?,?,?,?,?,?,?)",
			a.ID, a.Account, string(a.Kind), a.Subject.ID, a.Revision, a.Closed, a.Next, string(spec))
	}
	return exec(c, "UPDATE alerts SET revision=?, closed_at=?, next_at=?, spec=? WHERE id=?", a.Revision, a.Closed, a.Next, string(spec), a.ID)
}

// endSubject ends the open alert of a subject that is no more, and sees to it that
// no flip that waits opens another.
func (s *Store) endSubject(c *sqlite.Conn, of monitor.Subject, ending string, now time.Time) error {
	err := exec(c, "UPDATE flips SET processed=1 WHERE account=? AND kind=? AND subject=? AND processed=0", of.Account, string(of.Kind), of.ID)
	if err != nil {
		return err
	}
	open, err := s.queryAlerts(c, noLimit, "account=? AND kind=? AND subject=? AND closed_at=0", of.Account, string(of.Kind), of.ID)
	if err != nil {
		return err
	}
	for i := range open {
		a := &open[i].Alert
		a.Closed, a.Ending, a.Next = now, ending, time.Time{}
		a.Revision++
		if err := putAlert(c, a); err != nil {
			return err
		}
	}
	return nil
}

// WaitingFlips implements [monitor.Alarms].
func (s *Store) WaitingFlips(ctx context.Context, limit int) (list []monitor.Flip, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list = nil
		return query(c, "SELECT "+flipColumns+" FROM flips WHERE processed=0 ORDER BY id LIMIT ?", func(st *sqlite.Stmt) error {
			list = append(list, scanFlip(st))
			return nil
		}, limit)
	})
	return list, err
}

// OpenAlerts implements [monitor.Alarms].
func (s *Store) OpenAlerts(ctx context.Context, subjects []monitor.Subject) (open []monitor.Alert, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		open = nil
		for _, sub := range subjects {
			found, err := s.queryAlerts(c, noLimit, "account=? AND kind=? AND subject=? AND closed_at=0", sub.Account, string(sub.Kind), sub.ID)
			if err != nil {
				return err
			}
			open = append(open, withoutNumbers(found)...)
		}
		return nil
	})
	return open, err
}

// DueAlerts implements [monitor.Alarms].
func (s *Store) DueAlerts(ctx context.Context, now time.Time, limit int) (due []monitor.Alert, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found, err := s.queryAlerts(c, limit, "next_at>0 AND next_at<=? ORDER BY next_at", now)
		due = withoutNumbers(found)
		return err
	})
	return due, err
}

// Tell implements [monitor.Alarms].
func (s *Store) Tell(ctx context.Context, t monitor.Told, now time.Time, j monitor.Joining) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkTold(c, &t); err != nil {
			return err
		}
		for _, id := range t.Flips {
			if err := exec(c, "UPDATE flips SET processed=1 WHERE id=?", id); err != nil {
				return err
			}
		}
		for i := range t.Alerts {
			if err := putAlert(c, &t.Alerts[i]); err != nil {
				return err
			}
		}
		for i := range t.Notices {
			if err := putNotice(c, &t.Notices[i], now, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkTold refuses what was decided on flips and alerts that have changed since.
func checkTold(c *sqlite.Conn, t *monitor.Told) error {
	for _, id := range t.Flips {
		n, err := number(c, "SELECT count(*) FROM flips WHERE id=? AND processed=0", id)
		if err != nil {
			return err
		}
		if n == 0 {
			return belfry.ErrStale
		}
	}
	for i := range t.Alerts {
		a := &t.Alerts[i]
		revision, err := number(c, "SELECT revision FROM alerts WHERE id=?", a.ID)
		if err != nil {
			return err
		}
		if revision != a.Revision-1 {
			return belfry.ErrStale
		}
		if a.Revision > 1 || !a.Open() {
			continue
		}
		// Whoever else opened an alert of the subject was faster.
		ended := false
		for k := range t.Alerts[:i] {
			ended = ended || t.Alerts[k].Subject == a.Subject && !t.Alerts[k].Open()
		}
		open, err := number(c, "SELECT count(*) FROM alerts WHERE account=? AND kind=? AND subject=? AND closed_at=0", a.Account, string(a.Kind), a.Subject.ID)
		if err != nil {
			return err
		}
		if open > 0 && !ended {
			return belfry.ErrStale
		}
	}
	return nil
}

// Acknowledge implements [monitor.Alarms].
func (s *Store) Acknowledge(ctx context.Context, account string, ids []string, delivery int64, by string, now time.Time) (n int, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		n = 0
		var found []monitor.NumberedAlert
		if delivery != 0 {
			found, err = s.queryAlerts(c, noLimit, "account=? AND closed_at=0 AND id IN (SELECT alert FROM delivery_alerts WHERE delivery=?)", account, delivery)
			if err != nil {
				return err
			}
		}
		for _, id := range ids {
			one, err := s.queryAlerts(c, noLimit, "account=? AND closed_at=0 AND id=?", account, id)
			if err != nil {
				return err
			}
			found = append(found, one...)
		}
		for i := range found {
			a := &found[i].Alert
			if !a.Acked.IsZero() {
				continue
			}
			a.Acked, a.AckedBy, a.Next = now, by, time.Time{}
			a.Revision++
			if err := putAlert(c, a); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Alert implements [monitor.Alarms].
func (s *Store) Alert(ctx context.Context, account, id string) (a monitor.Alert, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found, err := s.queryAlerts(c, noLimit, "account=? AND id=?", account, id)
		if err == nil && len(found) == 0 {
			return belfry.Errorf(belfry.NotFound, "", "There is no alert %s.", id)
		}
		if err == nil {
			a = found[0].Alert
		}
		return err
	})
	return a, err
}

// Alerts implements [monitor.Alarms].
func (s *Store) Alerts(ctx context.Context, account string, open bool, before int64, limit int) (all []monitor.NumberedAlert, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		if open {
			all, err = s.queryAlerts(c, limit, "account=? AND closed_at=0 AND number<? ORDER BY number DESC", account, before)
		} else {
			all, err = s.queryAlerts(c, limit, "account=? AND number<? ORDER BY number DESC", account, before)
		}
		return err
	})
	return all, err
}

// CountAlerts implements [monitor.Alarms].
func (s *Store) CountAlerts(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		n, err = number(c, "SELECT count(*) FROM alerts WHERE closed_at=0")
		return err
	})
	return n, err
}
