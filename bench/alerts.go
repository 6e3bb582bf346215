package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// alerts measures how long after a check's flip its alert arrives at a webhook:
// the whole way, from the time at which the check was to go down, which nobody
// tells the server, to the request at the receiver.
func (b *bench) alerts(ctx context.Context) (_ []figure, err error) {
	const checks, late, apart = 1000, 40, 250 * time.Millisecond
	first := time.Now().Add(8 * time.Second) // loading them and starting the server takes a part of this
	tomorrow := time.Now().Add(24 * time.Hour)
	data, _, err := b.loadChecks(ctx, checks, func(i int) time.Time {
		if i < late {
			return first.Add(time.Duration(i) * apart).UTC().Truncate(time.Millisecond)
		}
		return tomorrow
	})
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	arrived := make(chan alertArrival, late)
	hook, err := receiveAlerts(arrived)
	if err != nil {
		return nil, err
	}
	defer hook.Close() //nolint:errcheck // the measurement is done
	if err := createWebhook(srv.addr, "http://"+hook.Addr+"/"); err != nil {
		return nil, err
	}
	if time.Until(first) < time.Second {
		return nil, errors.New("storing the checks took too long; nothing was measured")
	}
	var after []time.Duration
	told := map[string]bool{}
	for len(after) < late {
		select {
		case a := <-arrived:
			if a.event != "down" || told[a.subject] {
				return nil, fmt.Errorf("unexpected message: %s of %s", a.event, a.subject)
			}
			told[a.subject] = true
			after = append(after, a.at.Sub(a.flip))
		case <-time.After(time.Minute):
			return nil, fmt.Errorf("after a minute %d of %d alerts have arrived", len(after), late)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	slices.Sort(after)
	return []figure{
		{name: "last of 40 to arrive after its flip", unit: "ms", value: ms(after[late-1]), must: 1000},
		{name: "half of them", unit: "ms", value: ms(after[late/2])},
	}, nil
}

type alertArrival struct {
	event, subject string
	flip, at       time.Time
}

// receiveAlerts runs a webhook that tells what it is told. Close ends it.
func receiveAlerts(arrived chan<- alertArrival) (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Addr: l.Addr().String(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		var m struct {
			Event string `json:"event"`
			Items []struct {
				Subject string    `json:"subject"`
				At      time.Time `json:"at"`
			} `json:"items"`
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, it := range m.Items {
			arrived <- alertArrival{m.Event, it.Subject, it.At, at}
		}
	})}
	go s.Serve(l) //nolint:errcheck // ends with Close
	return s, nil
}

// createWebhook adds a channel to the account of a server that accepts everybody.
func createWebhook(addr, url string) error {
	body := fmt.Appendf(nil, `{"name":"bench","kind":"webhook","config":{"down":{"url":%q}}}`, url)
	res, err := http.Post("http://"+addr+"/belfry/v1/channels", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		answer, _ := io.ReadAll(res.Body) // what there is of it
		return fmt.Errorf("create a channel: %s: %s", res.Status, answer)
	}
	return nil
}
