package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/storetest"
)

func TestProbes(t *testing.T) {
	storetest.Probes(t, func(t *testing.T) storetest.ProbeStore { return openStore(t) })
}
