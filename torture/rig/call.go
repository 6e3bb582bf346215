package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Account and Region are whose everything is.
const (
	Account = "000000000000"
	Region  = "us-east-1"
	Role    = "arn:aws:iam::" + Account + ":role/torture"
)

// An Answer is what a request got.
type Answer struct {
	Status int
	Body   []byte
}

// Err is nil for a success, else the answer as an error.
func (a Answer) Err() error {
	if a.Status < 300 {
		return nil
	}
	return fmt.Errorf("%d %.500s", a.Status, a.Body)
}

// Do makes a request as an AWS client would, signed in form only: --dev does not
// check it. target is the X-Amz-Target of the services that have one.
func (s *Server) Do(ctx context.Context, service, method, path, target string, body any) (Answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return Answer{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+path, bytes.NewReader(text))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if service != "" {
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+Account+"/20260101/"+Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	}
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, got}, err
}

// Native asks the native API and decodes the answer into v.
func (s *Server) Native(ctx context.Context, path string, query url.Values, v any) error {
	got, err := s.Do(ctx, "", http.MethodGet, "/belfry/v1/"+path+"?"+query.Encode(), "", nil)
	if err == nil {
		err = got.Err()
	}
	if err == nil {
		err = json.Unmarshal(got.Body, v)
	}
	if err != nil {
		return fmt.Errorf("GET %s %v: %w", path, query, err)
	}
	return nil
}

// Metrics returns the samples of /metrics, by name with labels.
func (s *Server) Metrics(ctx context.Context) (map[string]float64, error) {
	got, err := s.Do(ctx, "", http.MethodGet, "/metrics", "", nil)
	if err == nil {
		err = got.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("GET /metrics: %w", err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(got.Body)) {
		name, value, ok := cutLast(strings.TrimSpace(line))
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = f
		}
	}
	return all, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
