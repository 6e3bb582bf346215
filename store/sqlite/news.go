package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// news is the journal of what the watches of schedules have to know. It belongs
// to the writer.
//
// Of a schedule that is well a success is no news, so most transactions have
// none. To know which schedules are not well, the writer keeps their ids in
// memory: those that have a watch, and those with news that is not settled.
type news struct {
	fresh   []byte              // of the open transaction
	touched []belfry.ID         // whose items they are
	last    int64               // the newest row that this process has read or written
	watched map[belfry.ID]int64 // by schedule: the row of its newest item; 0 is of an earlier process
	well    map[belfry.ID]int64 // schedules that the open transaction settles up to a row, and found well
}

// newsHead is the size of an item without its reason, bytes.
const newsHead = 52

// add puts an item into the open transaction.
func (n *news) add(item *monitor.News) {
	n.watched[item.Schedule] = math.MaxInt64 // until the row is known
	n.touched = append(n.touched, item.Schedule)
	n.fresh = appendNews(n.fresh, item)
}

// of reports whether each run of the schedule that ends is news.
func (n *news) of(id belfry.ID) bool {
	if len(n.watched) == 0 {
		return false
	}
	_, yes := n.watched[id]
	return yes
}

// finished takes what became of an attempt.
func (n *news) finished(f *belfry.Finish) {
	item := monitor.News{
		Kind: monitor.RunEnded, Occurrence: f.Occurrence, At: f.Ended,
		Outcome: f.Outcome, Started: f.Started, Reason: f.Reason,
	}
	switch f.Outcome {
	case belfry.Failed, belfry.DeadLettered:
	case belfry.Pending:
		item.Kind = monitor.RunRetries
	default:
		if !n.of(f.Schedule) {
			return
		}
	}
	n.add(&item)
}

// started takes a first attempt.
func (n *news) started(st *belfry.Start) {
	if st.Due.Retry || st.At.Sub(st.Due.At) <= monitor.MinLateAfter {
		return
	}
	n.add(&monitor.News{Kind: monitor.RunLate, Occurrence: *st.Run, At: st.At, Started: st.At, Due: st.Due.At})
}

// passed takes a gap that was recorded.
func (n *news) passed(g *belfry.Gap, at time.Time) {
	if g.Reason != belfry.GapMissed && g.Reason != belfry.GapTooOld {
		return
	}
	n.add(&monitor.News{
		Kind: monitor.RunsPassed, Occurrence: belfry.Occurrence{Schedule: g.Schedule, Time: g.From},
		At: at, To: g.To, Count: g.Count, Gap: g.Reason,
	})
}

// off takes that nothing is expected of the schedule any more.
func (n *news) off(id belfry.ID, at time.Time, reason monitor.Reason) {
	if n.of(id) {
		n.add(&monitor.News{Kind: monitor.ScheduleOff, Occurrence: belfry.Occurrence{Schedule: id}, At: at, Reason: string(reason)})
	}
}

// write puts the items into the open transaction's row.
func (n *news) write(c *sqlite.Conn) error {
	if len(n.fresh) == 0 {
		return nil
	}
	// The number comes from the store: another process may have written too.
	err := query(c, "SELECT max(value, ifnull((SELECT max(seq) FROM news), 0)) FROM meta WHERE key='news_settled'",
		func(st *sqlite.Stmt) error { n.last = st.ColumnInt64(0) + 1; return nil })
	if err != nil {
		return err
	}
	return exec(c, "INSERT INTO news VALUES (?,?)", n.last, n.fresh)
}

// committed takes note that the transaction is on the disk.
func (n *news) committed() {
	n.rowed()
	for id, through := range n.well {
		if n.watched[id] <= through { // else it has news again
			delete(n.watched, id)
		}
	}
	clear(n.well)
}

// undo forgets the items of a transaction that was rolled back. That their
// schedules stay in watched costs an item more for each until they are settled.
func (n *news) undo() {
	n.rowed()
	clear(n.well)
}

// rowed begins a new row.
func (n *news) rowed() {
	for _, id := range n.touched {
		n.watched[id] = n.last
	}
	n.touched, n.fresh = n.touched[:0], n.fresh[:0]
}

// loadNews reads which schedules are not well.
func (s *Store) loadNews(c *sqlite.Conn) error {
	n := &s.news
	n.watched, n.well = map[belfry.ID]int64{}, map[belfry.ID]int64{}
	if err := query(c, "SELECT schedule FROM watches", func(st *sqlite.Stmt) error {
		n.watched[belfry.ID(st.ColumnInt64(0))] = 0
		return nil
	}); err != nil {
		return err
	}
	var err error
	if n.last, err = settled(c); err != nil {
		return err
	}
	return query(c, "SELECT seq, items FROM news ORDER BY seq", func(st *sqlite.Stmt) error {
		n.last = st.ColumnInt64(0)
		if err := eachNews(columnBlob(st, 1), func(item *monitor.News) { n.watched[item.Schedule] = n.last }); err != nil {
			s.damaged("news", rowName(st), err) // what comes after the damage is lost; the rest is as good as ever
		}
		return nil
	})
}

// settled returns the journal's last row that was settled.
func settled(c *sqlite.Conn) (seq int64, err error) {
	err = query(c, "SELECT value FROM meta WHERE key='news_settled'", func(st *sqlite.Stmt) error { seq = st.ColumnInt64(0); return nil })
	return seq, err
}

func appendNews(b []byte, n *monitor.News) []byte {
	u64 := binary.BigEndian.AppendUint64
	gap := byte(0)
	if n.Gap == belfry.GapTooOld {
		gap = 1
	}
	reason := n.Reason
	if len(reason) > monitor.MaxNewsReason {
		cut := monitor.MaxNewsReason - len("…")
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut] + "…"
	}
	b = append(b, byte(n.Kind), byte(n.Outcome)<<1|gap)
	b = u64(b, uint64(n.Schedule))
	b = u64(b, uint64(n.Time.Unix()))
	b = u64(b, uint64(millis(n.At)))
	b = u64(b, uint64(millis(n.Started)))
	if n.Kind == monitor.RunsPassed {
		b = u64(b, uint64(millis(n.To)))
	} else {
		b = u64(b, uint64(millis(n.Due)))
	}
	b = u64(b, uint64(n.Count))
	b = binary.BigEndian.AppendUint16(b, uint16(len(reason)))
	return append(b, reason...)
}

// eachNews calls each with the items of a row, in their order.
func eachNews(b []byte, each func(*monitor.News)) error {
	for len(b) > 0 {
		if len(b) < newsHead {
			return errors.New("the journal of news is damaged")
		}
		number := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[2+8*i:])) }
		end := newsHead + int(binary.BigEndian.Uint16(b[newsHead-2:]))
		if len(b) < end {
			return errors.New("the journal of news is damaged")
		}
		n := monitor.News{
			Kind: monitor.NewsKind(b[0]), Outcome: belfry.Outcome(b[1] >> 1),
			At: fromMillis(number(2)), Started: fromMillis(number(3)),
			Count: number(5), Reason: string(b[newsHead:end]),
		}
		n.Schedule = belfry.ID(number(0))
		if n.Kind != monitor.ScheduleOff {
			n.Time = time.Unix(number(1), 0).UTC()
		}
		switch n.Kind {
		case monitor.RunsPassed:
			n.To = fromMillis(number(4))
			if n.Gap = belfry.GapMissed; b[1]&1 == 1 {
				n.Gap = belfry.GapTooOld
			}
		default:
			n.Due = fromMillis(number(4))
		}
		each(&n)
		b = b[end:]
	}
	return nil
}
