package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestCurlManagesChecks is what a shell script does: it makes a check, pings it
// when its work is done, and looks at it.
func TestCurlManagesChecks(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-sS", "-m", "30"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %v: %v\n%s\nWhere curl is missing: run \"make setup\" or \"apt-get install curl\".", args, err, out)
		}
		return string(out)
	}
	const key = "X-Api-Key: 0123456789abcdef0123456789abcdef" // any will do, with --dev
	api := s.endpoint + "/api/v3/checks/"
	var check struct {
		UUID     string `json:"uuid"`
		PingURL  string `json:"ping_url"`
		PauseURL string `json:"pause_url"`
		BadgeURL string `json:"badge_url"`
		Status   string `json:"status"`
		Pings    int    `json:"n_pings"`
	}
	read := func(out string) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &check); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	read(curl("-f", api, "-H", key, "--data", `{"name": "Backup", "slug": "backup", "schedule": "0 4 * * *", "tz": "Europe/Riga"}`))
	if out := curl("-f", "--retry", "3", "-o", "/dev/null", "-w", "%{http_code}", check.PingURL); out != "200" {
		t.Errorf("ping: %s", out)
	}
	curl("-f", "--data-raw", "it broke", check.PingURL+"/1")
	read(curl("-f", "-H", key, api+check.UUID))
	if check.Status != "down" || check.Pings != 2 {
		t.Errorf("after a failure the check is %s, with %d pings", check.Status, check.Pings)
	}
	if out := curl("-f", "-H", key, api+check.UUID+"/pings/2/body"); out != "it broke" {
		t.Errorf("the ping's body is %q", out)
	}
	if out := curl("-f", check.BadgeURL); !strings.HasPrefix(out, "<svg ") || !strings.Contains(out, "Backup: down") {
		t.Errorf("the badge is %s", out)
	}
	read(curl("-f", "-X", "POST", "-H", key, check.PauseURL))
	if check.Status != "paused" {
		t.Errorf("the check is %s", check.Status)
	}
	if out := curl("-H", key, api, "--data", `{"grace": 1}`); strings.TrimSpace(out) != `{"error":"json validation error: grace is too small"}` {
		t.Errorf("a refusal is %s", out)
	}
	// Checks are durable.
	s.stop()
	s.start()
	read(curl("-f", "-H", key, api+check.UUID))
	if check.Status != "paused" || check.Pings != 2 {
		t.Errorf("after a restart the check is %s, with %d pings", check.Status, check.Pings)
	}
}

// TestHealthchecksDocument runs what docs/healthchecks.md tells people to copy, on a
// server that checks signatures.
func TestHealthchecksDocument(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	blocks := codeBlocks(t, "../docs/healthchecks.md", "sh")
	const key = "KEY=$(belfry project rotate read-write --json | grep -o '[0-9A-Za-z]\\{32\\}')"
	out := s.bash(strings.ReplaceAll(blocks[0]+"\n"+key+"\n"+strings.Join(blocks[1:], "\n"), "http://127.0.0.1:7420", s.endpoint))
	for _, want := range []string{"\nping ", "X-Api-Key: ", "The read-only key is removed.", `"slug":"backup"`, `"schedule":"0 4 * * *","tz":"Europe/Riga"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the page's commands print no %q: %s", want, out)
		}
	}
}
