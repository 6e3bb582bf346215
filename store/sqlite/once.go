package sqlite

import (
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

// expiredClaims is how many claims whose time is over go with each one that is
// taken: more than one, so that they do not pile up.
const expiredClaims = 4

// takeOnce gives the claims to the holder, all or none. It returns why not: one
// of them has another holder.
func takeOnce(c *sqlite.Conn, claims []belfry.OnceClaim, holder string, now time.Time) (taken string, err error) {
	for i := range claims {
		other := ""
		err := query(c, "SELECT holder FROM once WHERE key=? AND expires_at>?",
			func(st *sqlite.Stmt) error { other = st.ColumnText(0); return nil }, claims[i].Key[:], now)
		if err != nil {
			return "", err
		}
		if other == "" || other == holder {
			continue
		}
		underWay, err := holderUnderWay(c, other)
		return claims[i].Taken(other, underWay), err
	}
	for i := range claims {
		err := exec(c, "INSERT OR REPLACE INTO once (key, holder, expires_at) VALUES (?,?,?)", claims[i].Key[:], holder, claims[i].Expires)
		if err != nil {
			return "", err
		}
	}
	return "", exec(c, "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires_at<=? ORDER BY expires_at LIMIT ?)", now, expiredClaims)
}

// giveOnceBack ends what the holder has claimed.
func giveOnceBack(c *sqlite.Conn, holder string) error {
	return exec(c, "DELETE FROM once WHERE holder=?", holder)
}

// holderUnderWay says whether the holder, a run or an event, has not ended yet.
func holderUnderWay(c *sqlite.Conn, holder string) (bool, error) {
	underWay := false
	yes := func(*sqlite.Stmt) error { underWay = true; return nil }
	err := query(c, "SELECT 1 FROM function_events WHERE id=?", yes, holder)
	id, at, _ := strings.Cut(holder, "-")
	schedule, notID := belfry.ParseID(id)
	scheduled, notTime := time.Parse(belfry.OccurrenceLayout, at)
	if err != nil || underWay || notID != nil || notTime != nil {
		return underWay, err
	}
	err = query(c, "SELECT 1 FROM runs WHERE scheduled_at=? AND schedule=? AND outcome<=1", yes, scheduled.Unix(), schedule)
	return underWay, err
}
