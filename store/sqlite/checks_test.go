package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestChecks(t *testing.T) {
	storetest.Checks(t, func(t *testing.T) monitor.Store { return openStore(t) })
}
