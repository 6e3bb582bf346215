package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const (
	// pingTimeout bounds one try.
	pingTimeout = 10 * time.Second
	// maxRetryDelay bounds the wait between two tries.
	maxRetryDelay = 30 * time.Second
)

// A pinger tells a check about one run, by the ping API of Healthchecks
// (semantics 8.1), which Belfry speaks. All its pings have the same rid, so that
// the server can tell runs apart that overlap.
type pinger struct {
	base    *url.URL
	query   string
	retries int
	delay   time.Duration
	client  *http.Client

	// bodyLimit is how many bytes of a body the server stores, as it said in its
	// last answer; 0 before there was one.
	bodyLimit int
}

func newPinger(base *url.URL, create bool, retries int, delay time.Duration) *pinger {
	q := base.Query()
	q.Set("rid", uuid.NewString())
	if create {
		q.Set("create", "1")
	}
	return &pinger{
		base: base, query: q.Encode(), retries: retries, delay: delay,
		client: &http.Client{
			// Following a redirect would turn the ping into a GET without a body.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// ping tells what happened: "start" or an exit code. It tries again what may go
// better next time, until ctx ends; a try that is under way then is not cut off,
// because nobody would know whether it had arrived.
func (p *pinger) ping(ctx context.Context, what string, body []byte) error {
	delay := p.delay
	for try := 0; ; try++ {
		again, err := p.once(context.WithoutCancel(ctx), what, body)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("the check was not told (%s): %w", what, err)
		if !again || try == p.retries {
			return err
		}
		// Many machines begin at the same minute; they should not all come back
		// in the same second.
		wait := time.NewTimer(delay/2 + rand.N(delay/2+1))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
		delay = min(2*delay, maxRetryDelay)
	}
}

// once makes one try, and says whether another one may go better.
func (p *pinger) once(ctx context.Context, what string, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	u := p.base.JoinPath(what)
	u.RawQuery = p.query
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", "belfry-wrap/"+version)
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := p.client.Do(req)
	if err != nil {
		// The URL is a secret: who has it can report success.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return true, fmt.Errorf("%s does not answer: %w", p.base.Host, err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // the status says enough
	if n, err := strconv.Atoi(resp.Header.Get("Ping-Body-Limit")); err == nil && n > 0 {
		p.bodyLimit = n
	}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code >= 300 && code < 400:
		return false, fmt.Errorf("%s sends elsewhere (%s), which wrap does not follow; give --check the final URL", p.base.Host, resp.Status)
	case code == http.StatusNotFound:
		return false, fmt.Errorf("%s knows no such check: look at --check, or let it be made with --create", p.base.Host)
	default:
		again := code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
		return again, fmt.Errorf("%s answered %s: %q", p.base.Host, resp.Status, bytes.TrimSpace(answer))
	}
}
