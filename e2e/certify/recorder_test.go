package certify

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A recorder stands between the clients and the server and notes what is asked
// and how it is answered. What it notes is what happened on the wire, whatever
// a test believes.
type recorder struct {
	models []*model
	server *url.URL

	mu   sync.Mutex
	seen map[string]map[operation]*results // by client
}

type operation struct{ service, name string }

// results are the answers to one operation.
type results struct {
	succeeded bool
	codes     map[string]bool // of refusals
}

func newRecorder(t *testing.T, s *server) *recorder {
	t.Helper()
	u, err := url.Parse(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{models: models(t), server: u, seen: map[string]map[operation]*results{}}
}

// endpoint returns an address of the server's that belongs to one client.
func (r *recorder) endpoint(t *testing.T, client string) string {
	t.Helper()
	r.mu.Lock()
	r.seen[client] = map[operation]*results{}
	r.mu.Unlock()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		service, name := identify(r.models, req, body)
		proxy := &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(r.server)
				p.Out.Host = p.In.Host // it is signed
				p.Out.Body = io.NopCloser(bytes.NewReader(body))
			},
			ModifyResponse: func(resp *http.Response) error {
				answer, err := io.ReadAll(resp.Body)
				if err != nil {
					return err
				}
				resp.Body = io.NopCloser(bytes.NewReader(answer))
				if name != "" {
					r.note(client, operation{service, name}, resp, answer)
				}
				return nil
			},
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func (r *recorder) note(client string, op operation, resp *http.Response, answer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.seen[client][op]
	if got == nil {
		got = &results{codes: map[string]bool{}}
		r.seen[client][op] = got
	}
	if resp.StatusCode < 400 {
		got.succeeded = true
		return
	}
	got.codes[errorCode(resp.Header, answer)] = true
}
