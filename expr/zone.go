package expr

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // Belfry knows the zones also where the system has no zoneinfo
)

// zones holds what LoadZone has loaded. It grows with the names that exist,
// about 600, and nothing in it is ever replaced, so that a zone's pointer stays
// the same.
var zones struct {
	byName     sync.Map // string to *time.Location
	byLocation sync.Map // *time.Location to func() *zone
}

// LoadZone returns the time zone of an IANA name, such as "Europe/Berlin";
// the empty name is UTC. Names of the tz database that are only links are
// accepted. Zones are cached: the same name has the same pointer for the life
// of the process. The system's zone data is preferred to the embedded copy, so
// that a system update brings new rules.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if loc, ok := zones.byName.Load(name); ok {
		return loc.(*time.Location), nil
	}
	if !zoneName(name) {
		return nil, fmt.Errorf("load time zone: %q is not an IANA time zone name; write one such as Europe/Berlin", clip(name))
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load time zone: %q is not in the tz database: %w", name, err)
	}
	stored, _ := zones.byName.LoadOrStore(name, loc)
	loc = stored.(*time.Location)
	zones.byLocation.LoadOrStore(loc, sync.OnceValue(func() *zone { return makeZone(loc) }))
	return loc, nil
}

// ZoneVersion names the time-zone data that LoadZone reads: the release of the
// system's where it says so, else that of Go, which brings a copy. That two
// versions are equal does not prove that all zones are.
func ZoneVersion() string {
	for _, dir := range []string{os.Getenv("ZONEINFO"), "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"} {
		if dir == "" {
			continue
		}
		for file, prefix := range map[string]string{"tzdata.zi": "# version ", "+VERSION": ""} {
			f, err := os.Open(filepath.Join(dir, file))
			if err != nil {
				continue
			}
			line, _ := bufio.NewReader(io.LimitReader(f, 100)).ReadString('\n')
			f.Close() //nolint:errcheck // it was only read
			if version, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok && version != "" {
				return version
			}
		}
	}
	return runtime.Version()
}

// zoneName reports whether name looks like a name of the tz database and
// neither like a path nor like one of the other files that systems keep in the
// same directory.
func zoneName(name string) bool {
	if len(name) > 50 { // the longest that EventBridge Scheduler takes
		return false
	}
	switch name {
	case "Local", "localtime", "posixrules":
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "posix" || part == "right" {
			return false
		}
		for _, c := range []byte(part) {
			if !letter(c) && !digit(c) && c != '_' && c != '-' && c != '+' {
				return false
			}
		}
	}
	return true
}

// The instants between which a zone is tabulated, in Unix seconds: the years
// that cron knows, wherever they begin and end.
const (
	cronStart int64 = -2 * 24 * 60 * 60
	cronEnd   int64 = (cronDays + 2) * 24 * 60 * 60
)

// A piece is a stretch of time in which the wall clock runs straight. Where
// clocks are set back, a piece begins and another ends where the repeated
// stretch does.
type piece struct {
	from     int64 // Unix seconds; a piece lasts until the next begins
	offset   int64 // seconds east of UTC
	repeated bool  // an earlier piece has shown the same wall times
}

func (p *piece) shows(wall, end int64) bool {
	return p.from+p.offset <= wall && wall < end+p.offset
}

// A zone is a time zone's wall clock over the years that cron knows. It does
// not change once made.
type zone struct {
	pieces []piece // the first begins at cronStart; there is at least one

	// index finds the piece of an instant: the last that begins at or before
	// each multiple of 2^indexBits seconds since cronStart.
	index []uint16

	gaps     []gap  // in order
	gapHours uint32 // the hours of the day that some gap has a minute of
}

// A gap is a stretch of wall minutes that never come, since clocks are set
// forward over it.
type gap struct {
	start, end int64
	at         int64 // the first instant after it with a whole wall minute, in Unix seconds
}

// indexBits makes buckets of about 48 days, in which clocks change once or
// twice at most.
const indexBits = 22

var utc = &zone{
	pieces: []piece{{from: cronStart}},
	index:  make([]uint16, (cronEnd-cronStart)>>indexBits+1),
}

// zoneOf returns the table of loc, from the cache if LoadZone has made loc.
func zoneOf(loc *time.Location) *zone {
	if loc == time.UTC {
		return utc
	}
	if cached, ok := zones.byLocation.Load(loc); ok {
		return cached.(func() *zone)()
	}
	return makeZone(loc)
}

func makeZone(loc *time.Location) *zone {
	var straight []piece
	for at := cronStart; at < cronEnd; {
		offset, end := offsetAt(loc, at)
		if n := len(straight); n == 0 || straight[n-1].offset != offset {
			straight = append(straight, piece{from: at, offset: offset})
		}
		at = end
	}
	z := new(zone)
	for i := range straight {
		z.pieces = append(z.pieces, cut(straight, i)...)
		if i > 0 {
			z.addGap(straight, i)
		}
	}
	if len(z.pieces) == 1 && z.pieces[0].offset == 0 {
		return utc
	}
	i := 0
	for at := cronStart; at <= cronEnd; at += 1 << indexBits {
		for i+1 < len(z.pieces) && z.pieces[i+1].from <= at {
			i++
		}
		z.index = append(z.index, uint16(i))
	}
	return z
}

// cut cuts the i-th piece where stretches begin or end that an earlier one has
// already shown. Only pieces that ended less than two days before can have.
func cut(straight []piece, i int) []piece {
	p := straight[i]
	end := cronEnd
	if i+1 < len(straight) {
		end = straight[i+1].from
	}
	earlier := straight[:i+1]
	first := i
	for first > 0 && p.from-straight[first].from < 2*24*60*60 {
		first--
	}
	starts := []int64{p.from}
	for j := first; j < i; j++ {
		for _, edge := range []int64{earlier[j].from, earlier[j+1].from} {
			at := edge + earlier[j].offset - p.offset
			if p.from < at && at < end {
				starts = append(starts, at)
			}
		}
	}
	slices.Sort(starts)
	var pieces []piece
	for _, at := range slices.Compact(starts) {
		q := piece{from: at, offset: p.offset}
		for j := first; j < i; j++ {
			q.repeated = q.repeated || earlier[j].shows(at+p.offset, earlier[j+1].from)
		}
		if n := len(pieces); n == 0 || pieces[n-1].repeated != q.repeated {
			pieces = append(pieces, q)
		}
	}
	return pieces
}

// addGap adds the gap before the i-th piece, if there is one: what is later than
// any earlier piece shows, and earlier than any later one does.
func (z *zone) addGap(straight []piece, i int) {
	g := gap{end: ceilMinute(straight[i].from + straight[i].offset)}
	g.at = g.end*60 - straight[i].offset
	for j := max(0, i-3); j < i; j++ {
		g.start = max(g.start, ceilMinute(straight[j+1].from+straight[j].offset))
	}
	for _, later := range straight[i+1 : min(i+4, len(straight))] {
		g.end = min(g.end, ceilMinute(later.from+later.offset))
	}
	if g.start >= g.end {
		return
	}
	z.gaps = append(z.gaps, g)
	for m := g.start; m < g.end; m++ {
		z.gapHours |= 1 << (m / 60 % 24)
	}
}

// find returns the piece in which the instant at lies. at must be between
// cronStart and cronEnd.
func (z *zone) find(at int64) int {
	i := int(z.index[uint64(at-cronStart)>>indexBits])
	for i+1 < len(z.pieces) && z.pieces[i+1].from <= at {
		i++
	}
	return i
}

// offsetAt returns the offset of loc at the instant at, in seconds east of UTC,
// and an instant after at until which it surely stays the same.
func offsetAt(loc *time.Location, at int64) (offset, end int64) {
	t := time.Unix(at, 0).In(loc)
	_, seconds := t.Zone()
	_, until := t.ZoneBounds()
	switch {
	case until.IsZero():
		return int64(seconds), lastInstant + 1<<32
	case until.Unix() <= at:
		// In leap years the time package ends a stretch that a rule describes
		// a day before the year does. No rule changes clocks on that day, so
		// an hour is a safe step.
		return int64(seconds), at + 60*60
	}
	return int64(seconds), until.Unix()
}

// ReplaceZone has LoadZone return loc for the name, until undo is called: what a
// newer release of the time-zone data does between two starts of a process. It is
// for tests.
func ReplaceZone(name string, loc *time.Location) (undo func()) {
	old, known := zones.byName.Swap(name, loc)
	zones.byLocation.LoadOrStore(loc, sync.OnceValue(func() *zone { return makeZone(loc) }))
	return func() {
		if known {
			zones.byName.Store(name, old)
		} else {
			zones.byName.Delete(name)
		}
	}
}
