package healthchecks

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/belfry-run/belfry/monitor"
)

const (
	maxPings = 1000 // in an answer
	// maxFlips is the most flips in an answer, the newest: one every 13 minutes
	// for as long as they are kept.
	maxFlips = 10_000

	maxSeconds = 31_536_000     // a year
	maxUnix    = 10_000_000_000 // in the year 2286
)

// A ping is a ping as clients see it.
type ping struct {
	Type       string   `json:"type"`
	Date       string   `json:"date"`
	N          int64    `json:"n"`
	Scheme     string   `json:"scheme"`
	RemoteAddr string   `json:"remote_addr"`
	Method     string   `json:"method"`
	UserAgent  string   `json:"ua"`
	RID        *string  `json:"rid"`
	BodyURL    *string  `json:"body_url"`
	Duration   *float64 `json:"duration,omitempty"` // seconds
}

// listPings writes the newest pings, the last one first.
func (a *API) listPings(c *call) (answer, error) {
	k, err := a.find(c)
	if err != nil {
		return answer{}, err
	}
	pings, err := a.monitor.Pings(c.Context(), c.account, k.ID, min(maxPings, a.monitor.PingLog()))
	if err != nil {
		return answer{}, err
	}
	out := make([]ping, 0, len(pings))
	for i := range pings {
		p := &pings[i]
		one := ping{
			Type: string(p.Action), Date: p.At.UTC().Format("2006-01-02T15:04:05.000000+00:00"), N: p.N,
			Scheme: p.Scheme, RemoteAddr: p.RemoteAddr, Method: p.Method, UserAgent: p.UserAgent,
		}
		if p.RID != "" {
			one.RID = &p.RID
		}
		if p.BodySize > 0 {
			url := fmt.Sprintf("%s/api/v%d/checks/%s/pings/%d/body", a.base(c.Request), c.version, k.ID, p.N)
			one.BodyURL = &url
		}
		if p.Duration > 0 {
			seconds := p.Duration.Seconds()
			one.Duration = &seconds
		}
		out = append(out, one)
	}
	return found(map[string][]ping{"pings": out}), nil
}

func (a *API) pingBody(c *call) (answer, error) {
	k, err := a.find(c)
	if err != nil {
		return answer{}, err
	}
	n, err := strconv.ParseInt(c.PathValue("n"), 10, 64)
	if err != nil || n < 1 {
		return answer{}, monitor.NotExist()
	}
	body, err := a.monitor.PingBody(c.Context(), c.account, k.ID, n)
	if err != nil {
		return answer{}, err
	}
	return found(body), nil
}

// A flip is a flip as clients see it: up is 1 or 0.
type flip struct {
	Timestamp *string `json:"timestamp"`
	Up        int     `json:"up"`
}

// listFlips writes the changes of a check's state, the last one first.
func (a *API) listFlips(c *call) (answer, error) {
	k, err := a.find(c)
	if err != nil {
		return answer{}, err
	}
	q, err := a.flipQuery(c)
	if err != nil {
		return answer{}, err
	}
	flips, err := a.monitor.Flips(c.Context(), c.account, k.ID, q)
	if err != nil {
		return answer{}, err
	}
	out := make([]flip, 0, len(flips))
	for i := range flips {
		one := flip{Timestamp: instant(flips[i].At)}
		if flips[i].To == monitor.Up {
			one.Up = 1
		}
		out = append(out, one)
	}
	return found(map[string][]flip{"flips": out}), nil
}

// flipQuery reads seconds, start and end, of which end is not included.
func (a *API) flipQuery(c *call) (monitor.FlipQuery, error) {
	q := monitor.FlipQuery{Limit: maxFlips}
	start, err := number(c, "start", maxUnix)
	if err != nil {
		return q, err
	}
	end, err := number(c, "end", maxUnix)
	if err != nil {
		return q, err
	}
	seconds, err := number(c, "seconds", maxSeconds)
	if err != nil {
		return q, err
	}
	if start > 0 {
		q.From = time.Unix(start, 0)
	}
	if end >= 0 {
		q.To = time.Unix(end, 0).Add(-time.Millisecond)
	}
	if seconds > 0 {
		if from := a.now().Add(-time.Duration(seconds) * time.Second); from.After(q.From) {
			q.From = from
		}
	}
	return q, nil
}

// number reads a whole number from 0 to most, -1 when there is none.
func number(c *call, name string, most int64) (int64, error) {
	text := c.URL.Query().Get(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, &refusal{http.StatusBadRequest, fmt.Sprintf("%s is not a number from 0 to %d", name, most)}
	}
	return n, nil
}
