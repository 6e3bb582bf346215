package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/belfry-run/belfry/function/sandbox"
)

// TestMain lets the test binary stand in for belfry in the scripts.
func TestMain(m *testing.M) {
	sandbox.Main()
	testscript.Main(m, map[string]func(){"belfry": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freePort,
			"healthy":  healthy,
			"answer":   answer,
			"exit2":    exit2,
		},
	})
}

// freePort sets the variable that it is given to a loopback address on which
// nothing listens.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], ln.Addr().String())
	ts.Check(ln.Close())
}

// healthy returns when a server on the address that it is given is ready.
func healthy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: healthy ADDRESS")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+args[0]+"/healthz", nil)
		ts.Check(err)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no server became ready on %s", args[0])
		case <-tick.C:
		}
	}
}

// answer stands in for a server: it answers a query with the file, and with the
// status that it is given any other, and points BELFRY_ENDPOINT at itself.
func answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: answer PATH?QUERY STATUS FILE")
	}
	want, file := args[0], []byte(ts.ReadFile(args[2]))
	status := map[string]int{"200": http.StatusOK, "404": http.StatusNotFound}[args[1]]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.RequestURI(); got != want {
				http.Error(w, `{"error": {"code": "test", "message": "asked for `+got+`"}}`, http.StatusTeapot)
				return
			}
			w.WriteHeader(status)
			w.Write(file)
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(ln)
	}()
	ts.Defer(func() {
		srv.Close()
		<-done
	})
	ts.Setenv("BELFRY_ENDPOINT", "http://"+ln.Addr().String())
}

// exit2 runs belfry and wants exit code 2, a reason on standard error and
// nothing on standard output. Its first argument names the case.
func exit2(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exit2 NAME ARGS...")
	}
	err := ts.Exec("belfry", args[1:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitWrongUse {
		ts.Fatalf("%s: belfry ended with %v, want exit code %d", args[0], err, exitWrongUse)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("%s: standard output: %s", args[0], out)
	}
	if !strings.HasPrefix(ts.ReadFile("stderr"), "belfry: ") {
		ts.Fatalf("%s: no reason on standard error: %q", args[0], ts.ReadFile("stderr"))
	}
}
