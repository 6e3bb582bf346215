package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func silent(string) {}

// schedule creates a schedule that is due in the far future.
func (w *world) schedule(name string) {
	w.Helper()
	w.must("scheduler", http.MethodPost, "/schedules/"+name, "", object{
		"ScheduleExpression": "at(2090-01-01T00:00:00)", "FlexibleTimeWindow": object{"Mode": "OFF"},
		"Target": object{"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/r"},
	})
}

func wantOK(t *testing.T, found []Finding, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK {
			t.Errorf("%s: %s %s", f.Check, f.Detail, f.Advice)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// wantWrong wants a finding that is not all right and has the text.
func wantWrong(t *testing.T, found []Finding, err error, text string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK && strings.Contains(f.Detail, text) && f.Advice != "" {
			return
		}
	}
	t.Fatalf("%+v, want %q", found, text)
}

// A backup that is made while clients write has everything that was acknowledged
// before, is proved, and a server starts on it and on what is restored from it.
func TestBackupUnderLoadHasWhatWasAcknowledged(t *testing.T) {
	w := openWorld(t, t.TempDir())
	defer w.Stop()
	w.fill("http://127.0.0.1:1/")
	for i := range 50 {
		w.schedule(fmt.Sprintf("before-%d", i))
	}
	var stop atomic.Bool
	var load sync.WaitGroup
	for c := range 2 {
		load.Go(func() {
			for i := 0; !stop.Load() && i < 5000; i++ {
				w.schedule(fmt.Sprintf("during-%d-%d", c, i))
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "backup")
	answer := w.must("", http.MethodPost, "/belfry/v1/backup", "", object{"directory": dir})
	stop.Store(true)
	load.Wait()
	var told struct{ Items []Finding }
	if err := json.Unmarshal([]byte(answer), &told); err != nil || len(told.Items) < 5 {
		t.Fatalf("%v: %s", err, answer)
	}
	wantOK(t, told.Items, nil)
	found, err := CheckBackup(t.Context(), dir, "", silent)
	wantOK(t, found, err)

	to := filepath.Join(t.TempDir(), "restored")
	found, err = Restore(t.Context(), dir, to, "", silent)
	wantOK(t, found, err)
	again := openWorld(t, to)
	defer again.Stop()
	for i := range 50 {
		again.must("scheduler", http.MethodGet, fmt.Sprintf("/schedules/before-%d", i), "", nil)
	}
	again.must("lambda", http.MethodGet, "/2015-03-31/functions/aa", "", nil)
	if _, body := again.call("", http.MethodGet, "/belfry/v1/doctor?deep=1", "", nil); strings.Contains(body, `"deep","ok":false`) || !strings.Contains(body, "Every file is in order") {
		t.Errorf("doctor of the restored server: %s", body)
	}
}

func TestBackupRefusesItsPlace(t *testing.T) {
	data := t.TempDir()
	w := openWorld(t, data)
	defer w.Stop()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body   any
		status int
		text   string
	}{
		{object{"directory": full}, 409, "is not empty"},
		{object{"directory": "relative"}, 400, "absolute path"},
		{object{"directory": filepath.Join(data, "inside")}, 400, "lies in the data directory"},
		{object{"directory": filepath.Join(full, "mine")}, 400, "cannot be used"},
		{object{}, 400, "directory is missing"},
		{`{"dir": 1}`, 400, "The body is not"},
	} {
		if status, body := w.call("", http.MethodPost, "/belfry/v1/backup", "", c.body); status != c.status || !strings.Contains(body, c.text) {
			t.Errorf("%v: %d %s", c.body, status, body)
		}
	}
	if entries, err := os.ReadDir(full); err != nil || len(entries) != 1 {
		t.Errorf("what was there is not: %v, %v", entries, err)
	}
}

// Whatever happens to a copy, the check finds it, and nothing is restored from it.
func TestDamagedBackupIsFound(t *testing.T) {
	w := openWorld(t, t.TempDir())
	w.fill("http://127.0.0.1:1/")
	made := filepath.Join(t.TempDir(), "backup")
	w.must("", http.MethodPost, "/belfry/v1/backup", "", object{"directory": made})
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	flip := func(name string, at int) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[at%len(b)] ^= 1
			return os.WriteFile(path, b, 0o600)
		}
	}
	for _, c := range []struct {
		name, text string
		do         func(dir string) error
	}{
		{"a flipped bit in the database", "belfry.db has changed", flip("belfry.db", 9000)},
		{"a flipped bit in the logs", "logs.db has changed", flip("logs.db", 5000)},
		{"a flipped bit in the key", "secret.key has changed", flip("secret.key", 3)},
		{"no key", "secret.key is missing", func(dir string) error { return os.Remove(filepath.Join(dir, "secret.key")) }},
		{"no code", "is missing", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "functions")) }},
		{"no manifest", "is no backup", func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) }},
		{"half a manifest", "is damaged", func(dir string) error { return os.Truncate(filepath.Join(dir, manifestName), 100) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := copyAll(made, dir); err != nil {
				t.Fatal(err)
			}
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			found, err := CheckBackup(t.Context(), dir, "", silent)
			wantWrong(t, found, err, c.text)
			to := filepath.Join(t.TempDir(), "to")
			found, err = Restore(t.Context(), dir, to, "", silent)
			wantWrong(t, found, err, c.text)
			if _, err := os.Lstat(to); !os.IsNotExist(err) {
				t.Errorf("something was restored: %v", err)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		found, err := CheckBackup(t.Context(), made, "", silent)
		wantOK(t, found, err)
	})
}

// What must be true of the ledger is found when it is not, with a server and without.
func TestDeepDoctorFindsBrokenRules(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w := openWorld(t, dir)
	w.schedule("s")
	if status, body := w.call("", http.MethodGet, "/belfry/v1/doctor?deep=1", "", nil); status != 200 || !strings.Contains(body, "Every file is in order, and so is the ledger.") {
		t.Fatalf("a healthy server: %d %s", status, body)
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	found := Examine(context.Background(), dir, "", silent)
	for _, f := range found {
		if f.Check == "deep" && !f.OK {
			t.Fatalf("a healthy directory: %+v", f)
		}
	}
	const id = "(SELECT id FROM schedules WHERE name='s')"
	for what, script := range map[string]string{
		"is of no enabled schedule":      "UPDATE schedules SET state=1 WHERE name='s'",
		"entries in the due queue":       "INSERT INTO due SELECT at+1000, kind, schedule, scheduled_at+1, revision, attempt, kept FROM due WHERE schedule=" + id,
		"overlaps with the one before":   "INSERT INTO gaps SELECT " + id + ", 100, 1, 'missed', 200, 3, 0; INSERT INTO gaps SELECT " + id + ", 150, 1, 'missed', 250, 3, 0",
		"reaches into the future":        "INSERT INTO gaps SELECT " + id + ", 100, 1, 'missed', 4000000000, 3, 0",
		"lies in a gap too":              "INSERT INTO gaps SELECT " + id + ", 100, 1, 'missed', 200, 3, 0; INSERT INTO runs SELECT 150, " + id + ", 1, 2, 0, 0, NULL, NULL",
		"waits for another attempt":      "INSERT INTO runs SELECT 150, " + id + ", 1, 0, 0, 0, NULL, NULL",
		"is counted to have":             "UPDATE counts SET schedules=schedules+1 WHERE account='000000000000'",
		"reference to page":              "PRAGMA writable_schema=1; UPDATE sqlite_master SET rootpage=(SELECT rootpage FROM sqlite_master WHERE name='alerts_next') WHERE name='flips_at'",
		"The store is older than it was": "UPDATE meta SET value=1 WHERE key='commits'",
	} {
		t.Run(what, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy")
			if err := copyAll(dir, copied); err != nil {
				t.Fatal(err)
			}
			c, err := sqlite.OpenConn(filepath.Join(copied, "belfry.db"), sqlite.OpenReadWrite)
			if err != nil {
				t.Fatal(err)
			}
			if err := sqlitex.ExecuteScript(c, script+";", nil); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			wantWrong(t, Examine(context.Background(), copied, "", silent), nil, what)
		})
	}
}

// A day of the history that cannot be read is missing in answers, which say so.
func TestUnreadableDayIsNamedInAnswers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "history"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := openWorld(t, dir)
	w.schedule("s")
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "history", "2026-03-08.db"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = openWorld(t, dir)
	defer w.Stop()
	const of = "?schedule=arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"
	const named = `"unreadable":[{"day":"2026-03-08","file":"history/2026-03-08.db","reason":"it is cut off"}]`
	for path, want := range map[string]bool{
		"runs" + of: true, "ledger" + of: true, "runs" + of + "&from=2026-03-09T00:00:00Z": false,
		"why" + of + "&time=2026-03-08T12:00:00Z": true, "why" + of + "&time=2026-03-09T12:00:00Z": false,
	} {
		status, body := w.call("", http.MethodGet, "/belfry/v1/"+path, "", nil)
		if status != 200 || strings.Contains(body, named) != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, deep := range []string{"", "?deep=1"} {
		if status, body := w.call("", http.MethodGet, "/belfry/v1/doctor"+deep, "", nil); status != 200 || !strings.Contains(body, "history/2026-03-08.db") {
			t.Errorf("doctor%s: %d %s", deep, status, body)
		}
	}
}
