package sqlite_test

import (
	"testing"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestAlerts(t *testing.T) {
	storetest.Alerts(t, func(t *testing.T) monitor.AlertStore { return openStore(t) })
}
