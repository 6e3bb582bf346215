package monitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry/monitor"
)

// What the watch of schedules, a check and Belfry's watch of itself can tell is told,
// and its end.
func TestEachReasonIsTold(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		tell := func(s monitor.Subject, bad monitor.Status, reason monitor.Reason, well monitor.Reason) {
			d.Helper()
			name := string(s.Kind) + " " + string(reason)
			for _, step := range []struct {
				to     monitor.Status
				reason monitor.Reason
				want   string
			}{{bad, reason, " a down: " + name}, {monitor.Up, well, " a up: " + name}} {
				d.flipSubject(s, name, step.to, step.reason)
				d.Wake()
				d.sleep(time.Minute) // so that no message waits for more of its cause
				if got := d.take(); len(got) != 1 || !strings.HasSuffix(got[0], step.want) {
					d.Errorf("%s: sent %q, want one that ends with %q", name, got, step.want)
				}
			}
		}
		for reason, status := range map[monitor.Reason]monitor.Status{
			monitor.ReasonFailed: monitor.Down, monitor.ReasonDeadLettered: monitor.Down, monitor.ReasonMissed: monitor.Down,
			monitor.ReasonNeverFired: monitor.Down, monitor.ReasonLate: monitor.Grace, monitor.ReasonTooLong: monitor.Grace,
		} {
			tell(scheduleSubject(string(reason)), status, reason, monitor.ReasonRecovered)
		}
		for _, reason := range []monitor.Reason{monitor.ReasonTimeout, monitor.ReasonFail} {
			tell(monitor.Subject{Account: alertAccount, Kind: monitor.SubjectCheck, ID: uuid.NewString()}, monitor.Down, reason, monitor.ReasonSuccess)
		}
		tell(monitor.Subject{Account: alertAccount, Kind: monitor.SubjectServer, ID: "disk"}, monitor.Down, monitor.ReasonFailed, monitor.ReasonRecovered)
	})
}
