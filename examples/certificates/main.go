// Command certificates is a function that looks at the TLS certificates of hosts
// and fails when one of them ends soon, so that the failed run tells whoever is
// told of failed runs.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// An event is the schedule's input.
type event struct {
	Hosts    []string `json:"hosts"`     // with or without a port
	WarnDays int      `json:"warn_days"` // less than that is an error
}

// A finding is how long one certificate is good.
type finding struct {
	Host string    `json:"host"`
	Ends time.Time `json:"ends"`
	Days int       `json:"days"`
}

func main() { lambda.Start(handle) }

// handle looks at all hosts before it says what is wrong with some.
func handle(ctx context.Context, e event) ([]finding, error) {
	if len(e.Hosts) == 0 {
		return nil, errors.New(`the event names no hosts, such as {"hosts": ["example.org"], "warn_days": 14}`)
	}
	var found []finding
	var wrong []string
	for _, host := range e.Hosts {
		ends, err := certificateEnd(ctx, host)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		f := finding{Host: host, Ends: ends, Days: int(time.Until(ends).Hours() / 24)}
		log.Printf("%s: until %s, %d days", host, ends.Format(time.DateOnly), f.Days)
		if f.Days < e.WarnDays {
			wrong = append(wrong, fmt.Sprintf("the certificate of %s ends in %d days, on %s", host, f.Days, ends.Format(time.DateOnly)))
		}
		found = append(found, f)
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return found, nil
}

// certificateEnd asks a host for a page, for the sake of its certificate. Whether
// that is trusted is not the question here, and one that has ended must be seen.
func certificateEnd(ctx context.Context, host string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	transport := &http.Transport{
		Proxy:             proxy,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+host+"/", nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s cannot be looked at: %w", host, err)
	}
	defer resp.Body.Close()
	return resp.TLS.PeerCertificates[0].NotAfter, nil
}

// proxy is the way out of an isolated function; there is no other, whatever the
// host.
func proxy(*http.Request) (*url.URL, error) {
	p := os.Getenv("HTTPS_PROXY")
	if p == "" {
		return nil, nil
	}
	return url.Parse(p)
}
