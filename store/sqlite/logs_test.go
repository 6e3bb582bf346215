package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestLogs(t *testing.T) {
	storetest.Logs(t, func(t *testing.T) *sqlite.Store { return openAt(t, t.TempDir(), sqlite.Options{NoSync: true}) })
}
