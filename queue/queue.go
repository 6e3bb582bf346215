// Package queue keeps messages until somebody has dealt with them, with the
// semantics of Amazon SQS standard queues. A dead-letter queue is an ordinary
// queue.
//
// What it keeps true for others:
//
//   - A message whose Send has answered survives a crash.
//   - A message is handed to at most one receiver at a time: from its receive
//     until its visibility timeout ends, no other receive on any node gets it.
//   - It is handed out again until somebody deletes it, its queue's retention
//     period ends, or its queue's redrive policy moves it to a dead-letter
//     queue, where it keeps its id, its attributes and the time it was sent.
//   - A receipt handle deletes its message whatever happened in between, and
//     changes the visibility only while no later receive has happened.
//
// The rules are pure functions that take the time; each decision is made
// durable with one call of [Store].
package queue

import (
	"maps"
	"time"

	"github.com/belfry-run/belfry"
)

// A Queue is what a client created under a name. It is a value: holders share
// its maps and never write to them.
type Queue struct {
	ID       QueueID
	Contents Contents
	Revision int64 // 1 at creation, one more at each update
	belfry.Scope
	Name       string
	Attributes map[string]string // as clients set them, SQS names; what was not set is not here
	Tags       map[string]string
	Secret     [16]byte // receipt handles are signed with it
	Created    time.Time
	Modified   time.Time
	Purged     time.Time // zero: never

	settings settings // what Attributes say, parsed
}

// QueueID identifies a queue over its whole life; a queue that is deleted and
// created again under the same name has another one.
type QueueID int64

// Contents identifies what a queue holds between two purges. A purge gives the
// queue new, empty contents, so it takes the same short time however many
// messages there are, and a message sent with old contents is refused rather
// than lost.
type Contents int64

// ARN returns the queue's Amazon Resource Name.
func (q *Queue) ARN() string {
	return "arn:aws:sqs:" + q.Region + ":" + q.Account + ":" + q.Name
}

// Retention is how long the queue keeps a message, from the time it was sent.
func (q *Queue) Retention() time.Duration { return q.settings.retention }

// Parse reads Attributes into the form that the rules use. A store calls it on
// each queue that it loads; it fails on attributes that no version accepted.
func (q *Queue) Parse() error {
	s, err := parseSettings(q.Attributes)
	if err != nil {
		return err
	}
	q.settings = s
	return nil
}

// cutoff is the time at or before which a message must have been sent to have
// expired at now.
func (q *Queue) cutoff(now time.Time) time.Time { return now.Add(-q.settings.retention) }

// with returns a copy of q with attributes set; an empty value removes one.
func (q *Queue) with(set map[string]string, now time.Time) Queue {
	c := *q
	c.Attributes = maps.Clone(q.Attributes)
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	for k, v := range set {
		if v == "" {
			delete(c.Attributes, k)
			continue
		}
		c.Attributes[k] = v
	}
	c.Modified = now
	return c
}

// A queue name has 1 to 80 letters, digits, hyphens and underscores
// (semantics.md 4.3).
const maxNameLen = 80

func checkName(name string) error {
	if name == "" {
		return missing("QueueName")
	}
	if fifo(name) {
		return fail(codeUnsupported, belfry.Invalid, "QueueName",
			"FIFO queues are not supported yet: a queue name cannot end in .fifo.")
	}
	if !validID(name, maxNameLen) {
		return invalid("QueueName", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

func fifo(name string) bool {
	const suffix = ".fifo"
	return len(name) >= len(suffix) && name[len(name)-len(suffix):] == suffix
}

// validID reports whether s has 1 to limit letters, digits, hyphens and underscores.
func validID(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
