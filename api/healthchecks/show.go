package healthchecks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry/monitor"
)

// A check is a check as clients see it. Those with a read-only key see UniqueKey
// in place of what would let them ping.
type check struct {
	Name              string  `json:"name"`
	Slug              string  `json:"slug"`
	Tags              string  `json:"tags"`
	Desc              string  `json:"desc"`
	Grace             int64   `json:"grace"` // seconds, as all durations
	Pings             int64   `json:"n_pings"`
	Status            string  `json:"status"`
	Started           bool    `json:"started"`
	LastPing          *string `json:"last_ping"`
	NextPing          *string `json:"next_ping"`
	ManualResume      bool    `json:"manual_resume"`
	Methods           string  `json:"methods"`
	Subject           string  `json:"subject"`
	SubjectFail       string  `json:"subject_fail"`
	StartKeywords     string  `json:"start_kw"`
	SuccessKeywords   string  `json:"success_kw"`
	FailureKeywords   string  `json:"failure_kw"`
	FilterSubject     bool    `json:"filter_subject"`
	FilterBody        bool    `json:"filter_body"`
	FilterHTTPBody    bool    `json:"filter_http_body"`
	FilterDefaultFail bool    `json:"filter_default_fail"`
	BadgeURL          string  `json:"badge_url"`
	LastDuration      int64   `json:"last_duration,omitempty"`

	UniqueKey string `json:"unique_key,omitempty"`
	*links

	Timeout  int64  `json:"timeout,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	Timezone string `json:"tz,omitempty"`
}

// links are what lets a client at a check.
type links struct {
	ID        string `json:"uuid"`
	PingURL   string `json:"ping_url"`
	UpdateURL string `json:"update_url"`
	PauseURL  string `json:"pause_url"`
	ResumeURL string `json:"resume_url"`
	Channels  string `json:"channels"`
}

// show returns what the caller may see of a check, as it is now.
func (a *API) show(c *call, k *monitor.Check) *check {
	base := a.base(c.Request)
	out := &check{
		Name: k.Name, Slug: k.Slug, Tags: k.Tags, Desc: k.Desc, Grace: int64(k.Grace / time.Second), Pings: k.Pings,
		Status: string(k.StatusAt(a.now())), Started: k.Started(), LastPing: instant(k.LastPing), NextPing: instant(k.NextPing()),
		ManualResume: k.ManualResume, Methods: k.Methods,
		StartKeywords: k.StartKeywords, SuccessKeywords: k.SuccessKeywords, FailureKeywords: k.FailureKeywords,
		FilterSubject: k.FilterSubject, FilterBody: k.FilterBody, FilterHTTPBody: k.FilterHTTPBody, FilterDefaultFail: k.FilterDefaultFail,
		BadgeURL: base + checkBadgePrefix + "2/" + k.Badge + ".svg", LastDuration: int64(k.LastDuration / time.Second),
	}
	if c.version == 1 && out.Started && out.Status != string(monitor.Down) {
		out.Status = "started" // version 1 has no state beside it
	}
	if k.FilterSubject {
		out.Subject, out.SubjectFail = k.SuccessKeywords, k.FailureKeywords
	}
	if k.Kind == monitor.Simple {
		out.Timeout = int64(k.Timeout / time.Second)
	} else {
		out.Schedule, out.Timezone = k.Schedule, k.Timezone
	}
	if c.readOnly {
		out.UniqueKey = k.UniqueKey()
		return out
	}
	channels := slices.Clone(k.Channels)
	slices.Sort(channels)
	self := fmt.Sprintf("%s/api/v%d/checks/%s", base, c.version, k.ID)
	out.links = &links{
		ID: k.ID, PingURL: base + pingPrefix + k.ID, UpdateURL: self, PauseURL: self + "/pause", ResumeURL: self + "/resume",
		Channels: strings.Join(channels, ","),
	}
	return out
}

// instant writes a time to the second, and one that is not set as null.
func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05+00:00")
	return &s
}
