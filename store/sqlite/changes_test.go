package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestChanges(t *testing.T) {
	dir := t.TempDir()
	storetest.Changes(t, func(t *testing.T, name string) storetest.ChangeStore {
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, name), sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
