package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestExamples deploys the examples, lets their schedules run them, and looks at
// what came of it, on a server that keeps nothing from functions.
func TestExamples(t *testing.T) {
	t.Parallel()
	checkExamples(t, startServer(t))
}

// TestExamplesIsolated is the same on a server that checks signatures and roles,
// and whose functions reach by the proxy alone what they need.
func TestExamplesIsolated(t *testing.T) {
	t.Parallel()
	checkExamples(t, startSigned(t, "--require-isolation", bestLevel(), "--egress-allow", sinkNetwork))
}

// checkExamples deploys all examples first, since each is due after a while.
func checkExamples(t *testing.T, s *server) {
	t.Helper()
	var checks []func(t *testing.T)
	for _, prepare := range []func(*testing.T, *server) func(*testing.T){
		expiredSessions, salesReport, fetchCatalogue, certificates, sendMail,
	} {
		checks = append(checks, prepare(t, s))
	}
	for _, check := range checks {
		check(t)
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func expiredSessions(t *testing.T, s *server) func(t *testing.T) {
	now := time.Now()
	s.table("sessions", "id", "",
		map[string]any{"id": text("over"), "expires_at": number(unix(now.Add(-2 * time.Hour)))},
		map[string]any{"id": text("kept for an hour"), "expires_at": number(unix(now.Add(-30 * time.Minute)))},
		map[string]any{"id": text("live"), "expires_at": number(unix(now.Add(time.Hour)))},
		map[string]any{"id": text("without an end")},
	)
	s.deployExample(t, "expired-sessions", nil)
	return func(t *testing.T) {
		s.ran(t, "expired-sessions", "succeeded")
		left := s.items("sessions", "id")
		if len(left) != 3 || left["over"] != nil {
			t.Errorf("of the sessions are left %v", left)
		}
	}
}

func salesReport(t *testing.T, s *server) func(t *testing.T) {
	yesterday := time.Now().UTC().Add(30*time.Second).AddDate(0, 0, -1).Format(time.DateOnly)
	order := func(day, id, customer, amount string) map[string]any {
		return map[string]any{"day": text(day), "id": text(id), "customer": text(customer), "amount": number(amount)}
	}
	s.table("orders", "day", "id",
		order(yesterday, "1", "Ann & <Bob>", "10.50"), order(yesterday, "2", "Carol", "20.25"), order("2020-01-01", "3", "Dan", "99"))
	store := newStore(t)
	s.deployExample(t, "sales-report", nil, "STORE_URL="+store.url)
	return func(t *testing.T) {
		s.ran(t, "sales-report", "succeeded")
		page := store.get("/orders-" + yesterday + ".html")
		for _, want := range []string{"Orders of " + yesterday, "Ann &amp; &lt;Bob&gt;", "<td>20.25", "total<th>30.75"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %q:\n%s", want, page)
			}
		}
		if strings.Contains(page, "Dan") {
			t.Errorf("the page has the order of another day:\n%s", page)
		}
	}
}

func fetchCatalogue(t *testing.T, s *server) func(t *testing.T) {
	store := newStore(t)
	s.deployExample(t, "fetch-catalogue", nil, "SOURCE_URL="+store.url+"/api?shop=7", "STORE_URL="+store.url)
	return func(t *testing.T) {
		s.ran(t, "fetch-catalogue", "succeeded")
		const want = `[{"id":1,"name":"hammer"},{"id":2,"name":"new saw"},{"id":3,"name":"drill"}]`
		if got := store.get("/catalogue.json"); got != want {
			t.Errorf("the store has %s, want %s", got, want)
		}
	}
}

func certificates(t *testing.T, s *server) func(t *testing.T) {
	good, ending := tlsHost(t, 90*24*time.Hour), tlsHost(t, 5*24*time.Hour+time.Hour)
	s.deployExample(t, "certificates", []string{`"example.org"`, `"` + good + `"`, "example.com:443", ending})
	return func(t *testing.T) {
		r := s.ran(t, "certificates", "dead_lettered")
		if len(r.Attempts) != 1 || !strings.Contains(r.Attempts[0].ErrorMessage, "the certificate of "+ending+" ends in 5 days") ||
			strings.Contains(r.Attempts[0].ErrorMessage, good) {
			t.Errorf("the run says %+v", r)
		}
	}
}

func sendMail(t *testing.T, s *server) func(t *testing.T) {
	now := time.Now()
	mail := func(id, state string, at time.Time) map[string]any {
		return map[string]any{
			"id": text(id), "state": text(state), "send_at": number(unix(at)), "to": text(id + "@example.net"),
			"subject": text("About " + id), "body": text("Body of " + id),
		}
	}
	s.table("outbox", "id", "", mail("due", "waiting", now), mail("later", "waiting", now.Add(24*time.Hour)), mail("done", "sent", now.Add(-time.Hour)))
	sink := newMailSink(t)
	s.deployExample(t, "send-mail", nil, "SMTP_HOST="+sink.host, "SMTP_PORT="+sink.port)
	return func(t *testing.T) {
		s.ran(t, "send-mail", "succeeded")
		got := sink.received()
		if len(got) != 1 || !strings.Contains(got[0], "To: due@example.net") || !strings.Contains(got[0], "Message-ID: <due@example.org>") || !strings.Contains(got[0], "Body of due") {
			t.Errorf("the mail server got %q, want the mail that was due", got)
		}
		outbox := s.items("outbox", "id")
		for id, want := range map[string]string{"due": "sent", "later": "waiting", "done": "sent"} {
			if state := outbox[id]["state"]["S"]; state != want {
				t.Errorf("%s is %v, want %s", id, state, want)
			}
		}
	}
}
