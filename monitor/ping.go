package monitor

import (
	"context"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// An Action is what a ping says.
type Action string

// The actions. PingIgnored is what the rules make of a ping that does not count.
const (
	PingSuccess Action = "success"
	PingStart   Action = "start"
	PingFail    Action = "fail"
	PingLog     Action = "log"
	PingIgnored Action = "ign"
)

// NoExitStatus is the exit status of a ping that has none.
const NoExitStatus = -1

// What is kept of a ping's words, in characters; the rest is cut off.
const (
	maxUserAgent  = 200
	maxMethod     = 10
	maxScheme     = 10
	maxRemoteAddr = 45 // the longest IPv6 address
)

// A Ping is a message about a job's run, as it was recorded.
type Ping struct {
	N          int64 // counts a check's pings from 1
	At         time.Time
	Action     Action
	Scheme     string // as the client says: http, https, ...
	RemoteAddr string
	Method     string
	UserAgent  string
	RID        string // the run's id, a UUID in lower case; empty: none
	ExitStatus int    // 0 to 255, or NoExitStatus
	BodySize   int    // bytes that are kept
	// Duration is how long the run took whose end this is: since the start with
	// the same RID, at most 72 h. 0: not known. Only lists set it.
	Duration time.Duration
	Body     []byte // when it is written; lists leave it out
}

// A Request is a ping as it comes: a Ping whose N, At and Duration do not count,
// and of whose words and Body the service keeps a bounded part.
type Request = Ping

// Ping records a ping to the check with that id, and what follows from it.
// NotFound when there is none. What was recorded is returned.
func (s *Service) Ping(ctx context.Context, id string, r Request) (Ping, error) {
	return s.ping(ctx, id, r, (*Settings).filter)
}

// ping records a ping whose action is what filter makes of it.
func (s *Service) ping(ctx context.Context, id string, r Request, filter func(*Settings, *Ping) Action) (Ping, error) {
	at := s.now()
	r.trim(s.c.BodyLimit)
	var p Ping
	_, err := s.change(ctx, id, func(c *Check, _ time.Time) (Change, error) {
		p = r
		p.At = at
		p.Action = filter(&c.Settings, &p)
		c.Pings++
		p.N = c.Pings
		flips := append(c.overdue(at, time.Time{}), c.take(&p)...)
		more, err := s.settle(c, at)
		return Change{Ping: &p, Keep: s.c.PingLog, Flips: append(flips, more...)}, err
	})
	s.c.Metrics.pinged(&p, err)
	return p, err
}

// PingSlug records a ping to the check with that slug in the project with that
// ping key. NotFound when there is none, Conflict when there are several. With
// create, a check that is not there is made, with default settings and all alert
// channels; NotFound when the account has twice as many checks as it may.
func (s *Service) PingSlug(ctx context.Context, key, slug string, create bool, r Request) (p Ping, created bool, err error) {
	id, created, err := s.bySlug(ctx, key, slug, create)
	if err != nil {
		s.c.Metrics.pinged(&p, err)
		return p, false, err
	}
	p, err = s.Ping(ctx, id, r)
	return p, created, err
}

// bySlug finds or makes the check that a ping is for.
func (s *Service) bySlug(ctx context.Context, key, slug string, create bool) (id string, created bool, err error) {
	project, err := s.store.FindProject(ctx, PingKey, key)
	if belfry.KindOf(err) == belfry.NotFound {
		err = NotExist()
	}
	if err != nil {
		return "", false, err
	}
	found, err := s.store.ListChecks(ctx, CheckQuery{Account: project.Account, Slug: slug, Limit: 2})
	switch {
	case err != nil:
		return "", false, err
	case len(found) > 1:
		return "", false, belfry.Errorf(belfry.Conflict, "", "ambiguous slug")
	case len(found) == 1:
		return found[0].ID, false, nil
	case !create:
		return "", false, NotExist()
	}
	c, created, err := s.createBySlug(ctx, project.Account, slug)
	return c.ID, created, err
}

func (s *Service) createBySlug(ctx context.Context, account, slug string) (c Check, created bool, err error) {
	settings := DefaultSettings()
	settings.Name, settings.Slug = slug, slug
	if s.c.Channels != nil {
		if settings.Channels, err = s.c.Channels(ctx, account); err != nil {
			return c, false, err
		}
	}
	if err := s.check(&settings); err != nil {
		return c, false, err
	}
	c, created, err = s.store.CreateCheck(ctx, s.newCheck(account, settings), Like{Slug: true}, 2*s.c.MaxChecks)
	if belfry.KindOf(err) == belfry.Quota {
		err = NotExist() // as Healthchecks answers
	}
	return c, created, err
}

// trim bounds what is kept.
func (p *Ping) trim(bodyLimit int) {
	p.UserAgent = firstRunes(p.UserAgent, maxUserAgent)
	p.Method = firstRunes(p.Method, maxMethod)
	p.Scheme = firstRunes(p.Scheme, maxScheme)
	p.RemoteAddr = firstRunes(p.RemoteAddr, maxRemoteAddr)
	p.Body = p.Body[:min(len(p.Body), bodyLimit)]
	p.BodySize = len(p.Body)
}

// firstRunes returns the first n characters of s, valid UTF-8.
func firstRunes(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// filter returns what the settings make of a ping: the keywords in its body
// overrule what it says itself.
func (s *Settings) filter(p *Ping) Action {
	switch {
	case s.Methods == "POST" && p.Method != "POST":
		return PingIgnored
	case !s.FilterHTTPBody:
		return p.Action
	}
	return s.byKeywords(strings.ToValidUTF8(string(p.Body), "�"))
}

// byKeywords returns what the first of the keywords says that is found.
func (s *Settings) byKeywords(text string) Action {
	switch {
	case containsAny(text, s.FailureKeywords):
		return PingFail
	case containsAny(text, s.SuccessKeywords):
		return PingSuccess
	case containsAny(text, s.StartKeywords):
		return PingStart
	case s.FilterDefaultFail:
		return PingFail
	}
	return PingIgnored
}

// containsAny reports whether text has one of the keywords, which are separated
// by commas.
func containsAny(text, keywords string) bool {
	for k := range strings.SplitSeq(keywords, ",") {
		if k = strings.TrimSpace(k); k != "" && strings.Contains(text, k) {
			return true
		}
	}
	return false
}

// Pings returns at most limit pings of the account's check, newest first, with
// their durations. Errors are those of Check.
func (s *Service) Pings(ctx context.Context, account, id string, limit int) ([]Ping, error) {
	if _, err := s.Check(ctx, account, id); err != nil {
		return nil, err
	}
	pings, err := s.store.ListPings(ctx, id, s.c.PingLog)
	if err != nil {
		return nil, err
	}
	setDurations(pings)
	return pings[:min(limit, len(pings))], nil
}

// PingBody returns the body of the nth ping of the account's check, NotFound
// when it has none or is no longer kept. Other errors are those of Check.
func (s *Service) PingBody(ctx context.Context, account, id string, n int64) ([]byte, error) {
	c, err := s.Check(ctx, account, id)
	if err != nil {
		return nil, err
	}
	if n <= c.Pings-int64(s.c.PingLog) {
		return nil, NotExist() // if it has not been removed yet
	}
	return s.store.PingBody(ctx, id, n)
}

// setDurations gives each end among pings, which are newest first, the time
// since its start: the last one with the same RID, unless another end with that
// RID came between.
func setDurations(pings []Ping) {
	starts := map[string]time.Time{}
	for i := len(pings) - 1; i >= 0; i-- {
		switch p := &pings[i]; p.Action {
		case PingStart:
			starts[p.RID] = p.At
		case PingSuccess, PingFail:
			if at, ok := starts[p.RID]; ok {
				p.Duration = duration(at, p.At)
				delete(starts, p.RID)
			}
		}
	}
}
