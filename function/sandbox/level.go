package sandbox

import (
	"fmt"
	"strings"
)

// A Level says how much keeps a program from its host. Each is weaker than the
// one after it.
type Level uint8

const (
	// None is when programs run as the server's user.
	None Level = iota
	// UID gives each program a user of its own, no privileges, and filtered
	// system calls. Files and network are the host's.
	UID
	// Rootless adds namespaces for files, processes and network. Limits hold only
	// where the server may make cgroups.
	Rootless
	// Full is namespaces, a user for each program, and limits of memory and processes.
	Full
	// Best is a wish: the highest level that this machine permits.
	Best
)

var levelNames = [...]string{None: "none", UID: "uid", Rootless: "rootless", Full: "full", Best: "auto"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel reads none, uid, rootless, full or auto.
func ParseLevel(s string) (Level, error) {
	for l, name := range levelNames {
		if s == name {
			return Level(l), nil
		}
	}
	return None, fmt.Errorf("there is no isolation level %q; there are none, uid, rootless, full, and auto for the best of them that works", s)
}

// A Report is what programs are kept from here, and what not.
type Report struct {
	Level   Level
	Missing []string // what is not enforced, in words; empty: all is
	Reasons []string // why no higher level works
}

// namespaces says whether programs have files, processes and network of their own.
func (r Report) namespaces() bool { return r.Level >= Rootless }

// Network says whether programs can be kept from the host's network.
func (r Report) Network() bool { return r.namespaces() }

// Require returns an error that says what is missing when the level is below l.
func (r Report) Require(l Level) error {
	if r.Level >= l || l == Best {
		return nil
	}
	why := strings.Join(r.Reasons, "; ")
	if why == "" {
		why = "no more was asked for"
	}
	return fmt.Errorf("isolation %s is required, and this machine gives %s, without %s. Why: %s", l, r.Level, strings.Join(r.Missing, ", "), why)
}
