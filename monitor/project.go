package monitor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/belfry-run/belfry"
)

// A Project is what lets the outside world at an account's checks.
type Project struct {
	Account string
	Created time.Time
	// PingKey stands in ping URLs with a slug, BadgeKey in those of badges; empty:
	// there is none.
	PingKey, BadgeKey string
	// ReadWrite and ReadOnly are the SHA-256 of the API keys; empty: there is none.
	// The keys themselves are not kept.
	ReadWrite, ReadOnly string
}

// A KeyKind names one of a project's keys.
type KeyKind string

// The keys of a project.
const (
	PingKey      KeyKind = "ping"
	BadgeKey     KeyKind = "badge"
	ReadWriteKey KeyKind = "read_write"
	ReadOnlyKey  KeyKind = "read_only"
)

// Lengths of keys, in characters of [keyAlphabet], as Healthchecks' keys have
// them: 131 and 190 bits.
const (
	pingKeyLength = 22
	apiKeyLength  = 32
)

const keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newKey returns a random key of n characters, all of the alphabet equally
// likely.
func newKey(n int) string {
	key := make([]byte, 0, n)
	var b [64]byte
	for {
		rand.Read(b[:])
		for _, c := range b {
			if c < 4*62 {
				if key = append(key, keyAlphabet[c%62]); len(key) == n {
					return string(key)
				}
			}
		}
	}
}

// Project returns the account's project, or NotFound.
func (s *Service) Project(ctx context.Context, account string) (Project, error) {
	return s.store.Project(ctx, account)
}

// EnsureProject returns the account's project. When there is none it is made,
// with a ping key and a badge key.
func (s *Service) EnsureProject(ctx context.Context, account string) (Project, error) {
	if p, err := s.store.Project(ctx, account); belfry.KindOf(err) != belfry.NotFound || err == nil {
		return p, err
	}
	ping, badge := newKey(pingKeyLength), newKey(pingKeyLength)
	return s.store.ChangeProject(ctx, account, func(p *Project) error {
		if p.Created.IsZero() {
			p.Created, p.PingKey, p.BadgeKey = s.now(), ping, badge
		}
		return nil
	})
}

// NewKey gives the account's project, made if it is not there, a new key in
// place of the one that it has, and returns the key. Of API keys nobody can read
// it later.
func (s *Service) NewKey(ctx context.Context, account string, kind KeyKind) (string, error) {
	if _, err := s.EnsureProject(ctx, account); err != nil {
		return "", err
	}
	key := newKey(pingKeyLength)
	kept := key
	if kind.secret() {
		key = newKey(apiKeyLength)
		kept = digest(key)
	}
	_, err := s.store.ChangeProject(ctx, account, func(p *Project) error { return p.set(kind, kept) })
	return key, err
}

// RemoveKey takes a key from the account's project; NotFound when it has none
// of that kind.
func (s *Service) RemoveKey(ctx context.Context, account string, kind KeyKind) error {
	_, err := s.store.ChangeProject(ctx, account, func(p *Project) error {
		if p.key(kind) == "" {
			return belfry.Errorf(belfry.NotFound, "kind", "The project has no %s key.", kind)
		}
		return p.set(kind, "")
	})
	return err
}

// ProjectByKey returns the project that has that key, as clients show it, or
// NotFound.
func (s *Service) ProjectByKey(ctx context.Context, kind KeyKind, key string) (Project, error) {
	if kind.secret() {
		key = digest(key)
	}
	return s.store.FindProject(ctx, kind, key)
}

func (k KeyKind) secret() bool { return k == ReadWriteKey || k == ReadOnlyKey }

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

func (p *Project) field(kind KeyKind) *string {
	switch kind {
	case PingKey:
		return &p.PingKey
	case BadgeKey:
		return &p.BadgeKey
	case ReadWriteKey:
		return &p.ReadWrite
	case ReadOnlyKey:
		return &p.ReadOnly
	}
	return nil
}

func (p *Project) key(kind KeyKind) string {
	if f := p.field(kind); f != nil {
		return *f
	}
	return ""
}

func (p *Project) set(kind KeyKind, value string) error {
	f := p.field(kind)
	if f == nil {
		return belfry.Errorf(belfry.Invalid, "kind", "kind is %q; it must be %q, %q, %q or %q.", kind, PingKey, BadgeKey, ReadWriteKey, ReadOnlyKey)
	}
	*f = value
	return nil
}
