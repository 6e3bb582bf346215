package auth

import (
	"sync"
	"time"
)

const (
	// cacheSize bounds the entries of a cache; a full one starts over.
	cacheSize = 10_000
	// cacheAge bounds how old an entry gets that another node may change.
	cacheAge = 10 * time.Second
)

// A cache remembers what was read from the store, for a while and in bounded
// memory. An entry that is forgotten while it is being read is not kept.
type cache[K comparable, V any] struct {
	mu      sync.RWMutex // guards what follows
	entries map[K]cached[V]
	changes uint64 // calls of forget
}

type cached[V any] struct {
	value V
	read  time.Time
}

// get returns the value of the key, read with load unless it is known.
func (c *cache[K, V]) get(key K, now time.Time, load func() (V, error)) (V, error) {
	c.mu.RLock()
	e, ok := c.entries[key]
	changes := c.changes
	c.mu.RUnlock()
	if age := now.Sub(e.read); ok && age >= 0 && age < cacheAge {
		return e.value, nil
	}
	v, err := load()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.entries == nil || len(c.entries) >= cacheSize {
			c.entries = make(map[K]cached[V])
		}
		c.entries[key] = cached[V]{v, now}
	}
	return v, nil
}

// forget drops the entries that drop picks; nil is all.
func (c *cache[K, V]) forget(drop func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for k := range c.entries {
		if drop == nil || drop(k) {
			delete(c.entries, k)
		}
	}
}
