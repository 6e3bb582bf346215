package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestEngine(t *testing.T) {
	storetest.Engine(t, func(t *testing.T) func() *sqlite.Store {
		dir := t.TempDir()
		return func() *sqlite.Store { return openAt(t, dir, sqlite.Options{NoSync: true}) }
	})
}
