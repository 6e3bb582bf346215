package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestFunctions(t *testing.T) {
	storetest.Functions(t, func(t *testing.T) function.Store { return openStore(t) })
}

func TestLayers(t *testing.T) {
	storetest.Layers(t, func(t *testing.T) function.Store { return openStore(t) })
}
