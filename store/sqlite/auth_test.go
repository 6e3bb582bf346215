package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestAuth(t *testing.T) {
	storetest.Auth(t, func(t *testing.T) auth.Store { return openStore(t) })
}
