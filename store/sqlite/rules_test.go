package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/store/storetest"
)

func TestRules(t *testing.T) {
	storetest.Rules(t, func(t *testing.T) storetest.EngineStore { return openStore(t) })
}
