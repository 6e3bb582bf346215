package certify

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// TestHealthchecks lets a client that was written for Healthchecks manage and
// ping checks, by each version of the API.
func TestHealthchecks(t *testing.T) {
	s := startServer(t)
	rotate := exec.Command(binary, "project", "rotate", "read-write", "--json")
	rotate.Env = append(clientEnv(s.endpoint, "us-east-1"), "BELFRY_ENDPOINT="+s.endpoint)
	out, err := rotate.Output()
	if err != nil {
		t.Fatalf("%v: %v", rotate, err)
	}
	var made struct{ Key string }
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	for _, version := range []string{"1", "2", "3"} {
		t.Run("v"+version, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), tools.node, "javascript/healthchecks.mjs")
			cmd.Env = cleanEnv("BELFRY_URL="+s.endpoint, "HC_API_KEY="+made.Key, "HC_API_VERSION="+version)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
