package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry/function/sandbox"
)

// bareMain is what runs the handler of a language in a process of its own, as one
// would write it for cron: a file, and what it holds. A program in Go has its own.
var bareMain = map[string][2]string{
	"Python": {"main.py", "import json\nimport app\nprint(json.dumps(app.handler({}, None)), flush=True)\n"},
	"Node":   {"main.mjs", "import { handler } from './app.mjs';\nconsole.log(JSON.stringify(await handler({})));\n"},
}

// bare measures the handlers as bare processes, without Belfry: the median time from
// the start of the process to the handler's answer, by language.
func (b *bench) bare(ctx context.Context, all []language) (map[string]time.Duration, error) {
	h, err := b.hostFunctions(ctx, sandbox.None, map[string]int{}) // it knows the interpreters
	if err != nil {
		return nil, err
	}
	interpreters := map[string]string{}
	for _, r := range h.Runtimes(ctx) {
		interpreters[r.Name] = r.Path
	}
	if err := h.close(); err != nil {
		return nil, err
	}
	measured := map[string]time.Duration{}
	for _, l := range all {
		dir, err := b.newDir()
		if err == nil {
			dir, err = filepath.Abs(dir)
		}
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, l.file), l.code, 0o755); err != nil {
			return nil, err
		}
		program, run := []string{filepath.Join(dir, l.file)}, runBareGo
		if main, ok := bareMain[l.name]; ok {
			program, run = []string{interpreters[l.runtime], main[0]}, runBare
			if err := os.WriteFile(filepath.Join(dir, main[0]), []byte(main[1]), 0o644); err != nil {
				return nil, err
			}
		}
		var took []time.Duration
		for range coldInvocations {
			cmd := exec.CommandContext(ctx, program[0], program[1:]...)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH")} // as a function, which has nothing of the server's
			d, err := run(cmd)
			if err != nil {
				return nil, fmt.Errorf("the handler in %s as a bare process: %w", l.name, err)
			}
			took = append(took, d)
		}
		slices.Sort(took)
		measured[l.name] = quantile(took, .5)
	}
	return measured, nil
}

// runBare waits for what the process prints, and for its end.
func runBare(cmd *exec.Cmd) (time.Duration, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	took := time.Since(began)
	if err == nil && line != "{}\n" {
		err = fmt.Errorf("it answers %q", line)
	}
	return took, errors.Join(err, cmd.Wait())
}

// runBareGo is the least that can be a Runtime API for the process, and ends it when
// it has answered.
func runBareGo(cmd *exec.Cmd) (time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	asked, answered := false, make(chan struct{}, 1)
	api := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/response"):
			w.WriteHeader(http.StatusAccepted)
			answered <- struct{}{}
		case asked: // one connection, one request after the other
			<-r.Context().Done()
		default:
			asked = true
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
			_, _ = w.Write([]byte("{}")) // whether it came shows in the answer
		}
	})}
	go api.Serve(listener) //nolint:errcheck // it is closed
	defer api.Close()      //nolint:errcheck // the listener is all that it has
	cmd.Env = append(cmd.Env, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	select {
	case <-answered:
	case <-time.After(patience):
		err = errors.New("it does not answer")
	}
	took := time.Since(began)
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	return took, err
}
