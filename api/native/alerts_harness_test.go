package native_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// flip lets schedules fail, as far as the store knows.
func flip(t *testing.T, st *sqlite.Store, account string, names ...string) {
	t.Helper()
	c := monitor.Channel{ID: uuid.NewString(), Account: "999999999999", Name: "carries flips", Kind: "slack", Revision: 1, Sealed: []byte("x")}
	if err := st.CreateChannel(t.Context(), c, 9); err != nil {
		t.Fatal(err)
	}
	var flips []monitor.Flip
	for _, name := range names {
		flips = append(flips, monitor.Flip{
			Subject: monitor.Subject{Account: account, Kind: monitor.SubjectSchedule, ID: "arn:aws:scheduler:us-east-1:" + account + ":schedule/default/" + name},
			Name:    "<" + name + ">", At: time.Now().UTC(), From: monitor.Up, To: monitor.Down, Reason: monitor.ReasonFailed, Detail: "It failed.",
		})
	}
	d := monitor.Delivery{ID: uuid.NewString(), Account: c.Account, Channel: c.ID, Status: monitor.Delivered, Ended: time.Now(), Items: []monitor.Item{}}
	if err := st.LogDelivery(t.Context(), d, c, flips); err != nil {
		t.Fatal(err)
	}
}
