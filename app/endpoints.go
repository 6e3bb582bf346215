package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
	"github.com/belfry-run/belfry/monitor/notify"
)

// postAnswer is how many bytes of an answer are read, so that its connection can be
// used again.
const postAnswer = 64 << 10

// endpoints lets the function host post to HTTP endpoints.
type endpoints struct {
	client *http.Client
	agent  string
	limit  *egress.Limit
}

func newEndpoints(dial egress.DialFunc, limit *egress.Limit, idle int, agent string) endpoints {
	return endpoints{agent: agent, client: notify.NewClient(dial, nil, idle), limit: limit}
}

// Post implements [function.Endpoints].
func (e endpoints) Post(ctx context.Context, url, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return belfry.Errorf(belfry.Invalid, "", "The URL %s cannot be posted to: %v", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", e.agent)
	req.Header.Set("Idempotency-Key", id)
	if err := e.limit.Enter(ctx); err != nil {
		return err
	}
	defer e.limit.Leave()
	res, err := e.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to an endpoint: %w", err)
	}
	defer res.Body.Close()                                           // only read from
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, postAnswer)) // the status has said it all
	switch code := res.StatusCode; {
	case code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return belfry.Errorf(belfry.Unavailable, "", "The endpoint answered %s.", res.Status)
	}
	return belfry.Errorf(belfry.Invalid, "", "The endpoint answered %s.", res.Status)
}
