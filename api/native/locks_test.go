package native_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/lock"
	"github.com/belfry-run/belfry/store/sqlite"
)

// someAccount is who asks in the tests of what belongs to an account.
const someAccount = "111111111111"

// serveLocks is the API over locks alone, at midnight.
func serveLocks(t *testing.T, test func(t *testing.T, s server)) {
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		who := func(*http.Request, []byte) (auth.Caller, error) { return auth.Caller{Account: someAccount}, nil }
		test(t, server{native.New(native.Config{
			Locks: lock.New(st, time.Now), Log: slog.New(slog.DiscardHandler), Open: true, Authenticate: who,
		})})
	})
}

// send makes a request with a body.
func (s server) send(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, "/belfry/v1/"+path, strings.NewReader(body)))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return w.Code, out
}

// refusal is the error of an answer: code, field and message.
func refusal(out map[string]any) (code, field, message string) {
	e, _ := out["error"].(map[string]any)
	code, _ = e["code"].(string)
	field, _ = e["field"].(string)
	message, _ = e["message"].(string)
	return code, field, message
}

func TestALockIsTakenRenewedAndReleased(t *testing.T) {
	serveLocks(t, func(t *testing.T, s server) {
		status, l := s.send(t, "POST", "locks/nightly%2Freport", `{"owner": "host 7", "ttl_seconds": 600}`)
		if status != http.StatusOK || l["key"] != "nightly/report" || l["owner"] != "host 7" || l["token"] != 1.0 ||
			l["acquired_at"] != "2000-01-01T00:00:00Z" || l["expires_at"] != "2000-01-01T00:10:00Z" {
			t.Fatalf("acquired: %d %v", status, l)
		}
		status, out := s.send(t, "POST", "locks/nightly%2Freport", `{"ttl_seconds": 600}`)
		code, field, message := refusal(out)
		if status != http.StatusConflict || code != "conflict" || field != "key" ||
			message != "The lock nightly/report is held by host 7 until 2000-01-01T00:10:00Z." {
			t.Errorf("held: %d %v", status, out)
		}
		time.Sleep(time.Minute)
		if status, out := s.send(t, "PUT", "locks/nightly%2Freport", `{"token": 1, "ttl_seconds": 600}`); status != http.StatusOK || out["expires_at"] != "2000-01-01T00:11:00Z" {
			t.Errorf("renewed: %d %v", status, out)
		}
		if status, out := s.send(t, "GET", "locks/nightly%2Freport", ""); status != http.StatusOK || out["token"] != 1.0 {
			t.Errorf("read: %d %v", status, out)
		}
		if status, out := s.send(t, "DELETE", "locks/nightly%2Freport?token=2", ""); status != http.StatusConflict {
			t.Errorf("released with another token: %d %v", status, out)
		}
		if status, out := s.send(t, "DELETE", "locks/nightly%2Freport?token=1", ""); status != http.StatusOK {
			t.Errorf("released: %d %v", status, out)
		}
		if status, out := s.send(t, "GET", "locks/nightly%2Freport", ""); status != http.StatusNotFound {
			t.Errorf("read after the release: %d %v", status, out)
		}
		// Without an owner it is the caller's.
		if _, out := s.send(t, "POST", "locks/nightly%2Freport", `{"ttl_seconds": 600}`); out["owner"] != "arn:aws:iam::"+someAccount+":root" || out["token"] != 2.0 {
			t.Errorf("acquired again: %v", out)
		}
	})
}

func TestLocksAreListed(t *testing.T) {
	serveLocks(t, func(t *testing.T, s server) {
		for _, key := range []string{"c", "a", "b"} {
			s.send(t, "POST", "locks/"+key, `{"ttl_seconds": 60}`)
		}
		var got []string
		for next := ""; ; {
			_, out := s.get(t, "GET", "locks", "limit", "2", "next", next)
			for _, it := range out["items"].([]any) {
				got = append(got, it.(map[string]any)["key"].(string))
			}
			if next, _ = out["next"].(string); next == "" {
				break
			}
		}
		same(t, "locks", got, []string{"a", "b", "c"})
	})
}

func TestLockRequestsThatCannotBeRight(t *testing.T) {
	serveLocks(t, func(t *testing.T, s server) {
		long := strings.Repeat("k", lock.MaxKey)
		tests := []struct{ method, path, body, field string }{
			{"POST", "locks/k", "", ""},
			{"POST", "locks/k", `{"ttl_seconds": "600"}`, ""},
			{"POST", "locks/k", `{"ttl": 600}`, ""},
			{"POST", "locks/k", `{}`, "ttl_seconds"},
			{"POST", "locks/k", `{"ttl_seconds": 86401}`, "ttl_seconds"},
			{"POST", "locks/k", `{"ttl_seconds": 9223372036854775807}`, "ttl_seconds"},
			{"POST", "locks/k", `{"ttl_seconds": -9223372036854775808}`, "ttl_seconds"},
			{"POST", "locks/k", `{"ttl_seconds": 1, "token": 1}`, "token"},
			{"POST", "locks/" + long + "k", `{"ttl_seconds": 1}`, "key"},
			{"PUT", "locks/k", `{"ttl_seconds": 1}`, "token"},
			{"PUT", "locks/k", `{"ttl_seconds": 1, "token": 1, "owner": "me"}`, "owner"},
			{"DELETE", "locks/k", "", "token"},
			{"DELETE", "locks/k?token=x", "", "token"},
		}
		for _, tt := range tests {
			status, out := s.send(t, tt.method, tt.path, tt.body)
			if code, field, message := refusal(out); status != http.StatusBadRequest || code != "invalid" || field != tt.field || message == "" {
				t.Errorf("%s %s %s: %d %v, want a refusal of %q", tt.method, tt.path, tt.body, status, out, tt.field)
			}
		}
		for key, body := range map[string]string{long: `{"ttl_seconds": 1}`, "k": `{"ttl_seconds": 86400}`} {
			if status, out := s.send(t, "POST", "locks/"+key, body); status != http.StatusOK {
				t.Errorf("%s: %d %v", body, status, out)
			}
		}
	})
}

// TestLocksAreForThoseWhoMay shows that each verb is an action of its own on
// the lock's ARN.
func TestLocksAreForThoseWhoMay(t *testing.T) {
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	vault, err := auth.OpenVault(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	service := auth.New(auth.Config{Store: st, Vault: vault, Now: time.Now})
	session := &auth.Session{Account: someAccount, Role: "jobs", Path: "/", Name: "s"}
	who := func(*http.Request, []byte) (auth.Caller, error) {
		return auth.Caller{Account: someAccount, Session: session}, nil
	}
	allow := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["belfry:AcquireLock", "belfry:ReleaseLock"],
		"Resource": "arn:aws:belfry::` + someAccount + `:lock/nightly/*"}]}`
	role := auth.Role{Account: someAccount, Name: "jobs", Path: "/", MaxSession: 3600, Inline: map[string]string{"locks": allow}, Trust: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Principal": {"AWS": "` + someAccount + `"}, "Action": "sts:AssumeRole"}]}`}
	if _, err := service.CreateRole(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	s := server{native.New(native.Config{Auth: service, Locks: lock.New(st, time.Now), Log: slog.New(slog.DiscardHandler), Authenticate: who})}
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "locks/nightly%2Fa", `{"ttl_seconds": 60}`, http.StatusOK},
		{"POST", "locks/daily%2Fa", `{"ttl_seconds": 60}`, http.StatusForbidden},
		{"PUT", "locks/nightly%2Fa", `{"token": 1, "ttl_seconds": 60}`, http.StatusForbidden},
		{"GET", "locks/nightly%2Fa", "", http.StatusForbidden},
		{"GET", "locks", "", http.StatusForbidden},
		{"DELETE", "locks/nightly%2Fa?token=1", "", http.StatusOK},
	} {
		if status, out := s.send(t, tt.method, tt.path, tt.body); status != tt.status {
			t.Errorf("%s %s: %d %v, want %d", tt.method, tt.path, status, out, tt.status)
		}
	}
}
