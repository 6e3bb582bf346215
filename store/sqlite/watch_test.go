package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestWatch(t *testing.T) {
	storetest.Watch(t, func(t *testing.T) func() *sqlite.Store {
		dir := t.TempDir()
		return func() *sqlite.Store { return openAt(t, dir, sqlite.Options{NoSync: true}) }
	})
}
