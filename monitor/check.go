package monitor

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"time"
)

// A Kind says what a check's pings are held against.
type Kind string

// The kinds of check.
const (
	Simple     Kind = "simple"     // a ping is due Timeout after the last one
	Cron       Kind = "cron"       // Schedule is a cron expression of five fields
	OnCalendar Kind = "oncalendar" // Schedule is a systemd calendar expression
)

// The settings that a check has unless something else is said.
const (
	DefaultTimeout  = 24 * time.Hour
	DefaultGrace    = time.Hour
	DefaultSchedule = "* * * * *"
	DefaultTimezone = "UTC"
)

// A Check is a job that is to ping.
type Check struct {
	Number  int64  // ascending in the order of creation, given by the store
	ID      string // a UUID, in lower case
	Account string // 12 digits
	Badge   string // a UUID, the check's name in badge URLs
	Created time.Time
	Settings

	Status Status    // New, Up, Down or Paused
	Since  time.Time // when Status began
	Pings  int64     // that have come, of all kinds
	// LastPing is when the last success or failure came; zero: none since the
	// check was created or resumed.
	LastPing     time.Time
	LastStart    time.Time     // zero: it is not running
	LastStartRID string        // the start's run id; empty: none
	LastDuration time.Duration // between a start and its end, at most 72 h; 0: not known
	// Expected is when the next ping is due, by LastPing and the settings; zero:
	// none is. It is set when Status is Up.
	Expected time.Time
	// AlertAfter is when it goes down unless a ping comes; zero: never.
	AlertAfter time.Time
}

// Settings are what clients say about a check.
type Settings struct {
	Name, Slug string
	Tags       string // separated by blanks
	Desc       string

	Kind     Kind
	Timeout  time.Duration // between pings, of a Simple check
	Grace    time.Duration // how late a ping may be, and how long a run may take
	Schedule string        // of a Cron or OnCalendar check
	Timezone string        // IANA name, in which Schedule is read

	ManualResume bool   // pings do not end a pause
	Methods      string // "POST": pings by other methods are ignored; empty: all count
	// Channels are the ids of the alert channels that the check asks for.
	Channels []string

	// Keywords, separated by commas, that Filter* look for.
	StartKeywords, SuccessKeywords, FailureKeywords string
	FilterSubject, FilterBody                       bool // of e-mail
	FilterHTTPBody                                  bool
	FilterDefaultFail                               bool // what matches nothing is a failure; else it is ignored
}

// DefaultSettings returns the settings of a check about which nothing is said.
func DefaultSettings() Settings {
	return Settings{Kind: Simple, Timeout: DefaultTimeout, Grace: DefaultGrace, Schedule: DefaultSchedule, Timezone: DefaultTimezone}
}

// Subject returns what the check's flips are about.
func (c *Check) Subject() Subject { return Subject{Account: c.Account, Kind: SubjectCheck, ID: c.ID} }

// TagList returns the check's tags.
func (s *Settings) TagList() []string { return strings.Fields(s.Tags) }

// UniqueKey returns the check's name for callers that may only read. It tells
// nothing about ID, with which everybody may ping.
func (c *Check) UniqueKey() string {
	sum := sha1.Sum([]byte(strings.ReplaceAll(c.ID, "-", "")[:16]))
	return hex.EncodeToString(sum[:])
}

// DisplayName returns what people call the check: its name, or its id when it
// has none.
func (c *Check) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
