package sqlite_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/store/storetest"
)

func TestAlerts(t *testing.T) {
	storetest.Alerts(t, func(t *testing.T) monitor.AlertStore { return openStore(t) })
}

// A process that was killed while it was sending leaves a claim behind; the next
// one need not wait for its end.
func TestAClaimEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	open := func() *sqlite.Store { return openAt(t, dir, sqlite.Options{NoSync: true}) }
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	claims := func(s *sqlite.Store) []monitor.Claim {
		t.Helper()
		c, err := s.ClaimDeliveries(t.Context(), now, now.Add(time.Hour), 9)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s := open()
	c := monitor.Channel{ID: "c", Account: "000000000000", Name: "c", Kind: "slack", Revision: 1, Enabled: true, Sealed: []byte("x")}
	if err := s.CreateChannel(t.Context(), c, 9); err != nil {
		t.Fatal(err)
	}
	n := monitor.Notice{Account: c.Account, Channel: c.ID, Due: now, Items: []monitor.Item{{Name: "s"}}}
	if err := s.Tell(t.Context(), monitor.Told{Notices: []monitor.Notice{n}}, now, monitor.Joining{Burst: 9, Items: 9}); err != nil {
		t.Fatal(err)
	}
	first := claims(s)
	if len(first) != 1 || len(claims(s)) != 0 {
		t.Fatalf("claims: %+v", first)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	second := claims(open())
	if len(second) != 1 || second[0].ID != first[0].ID || second[0].Tries != 2 {
		t.Errorf("after the restart: %+v", second)
	}
}
