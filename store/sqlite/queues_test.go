package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestQueues(t *testing.T) {
	storetest.Queues(t, func(t *testing.T) queue.Store { return openStore(t) })
}

func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	return openAt(t, t.TempDir(), sqlite.Options{NoSync: true})
}

func openAt(t testing.TB, dir string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
