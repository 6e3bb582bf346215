package rig

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestSteppedServer steps the clock of a server, which goes by it at once: what
// is made then bears the time that the clock shows.
func TestSteppedServer(t *testing.T) {
	dir := t.TempDir()
	binary, err := Build(t.Context(), filepath.Join("..", ".."), dir)
	if err != nil {
		t.Fatal(err)
	}
	clock, err := NewClock(filepath.Join(dir, "clock"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(binary, filepath.Join(dir, "data"), filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.Args, s.Env = []string{"--dev"}, []string{clock.Env()}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, step := range []time.Duration{0, 8 * time.Hour, -9 * time.Hour, time.Hour - 3*time.Second} {
		clock.Step(step)
		got, err := s.Do(context.Background(), "scheduler", http.MethodPost, "/schedule-groups/g"+step.String(), "", map[string]any{})
		if err == nil {
			err = got.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err = s.Do(context.Background(), "scheduler", http.MethodGet, "/schedule-groups/g"+step.String(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		var group struct{ CreationDate float64 }
		if err := json.Unmarshal(got.Body, &group); err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(int64(group.CreationDate * 1000))
		if off := at.Sub(clock.Wall(time.Now())); off < -2*time.Second || off > 2*time.Second {
			t.Errorf("after a step of %v the server says %v, the clock %v", step, at, clock.Wall(time.Now()))
		}
	}
}
