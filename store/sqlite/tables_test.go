package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/storetest"
	"github.com/belfry-run/belfry/table"
)

func TestTables(t *testing.T) {
	storetest.Tables(t, func(t *testing.T) table.Store { return openStore(t) })
}
