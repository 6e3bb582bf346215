package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// Timeout bounds one message, from the dial to the end of the answer
// (semantics.md 8.5).
const Timeout = 30 * time.Second

// A Channel is where messages go.
type Channel struct {
	Kind   string
	Config json.RawMessage // of the kind; holds secrets
}

// kind is the configuration of a channel, and the way to send there.
type kind interface {
	// check returns what is wrong with the configuration, as Invalid.
	check() error
	// target names the channel for people, without secrets.
	target() string
	send(ctx context.Context, s *Sender, m *Message) error
}

// kinds is the one list of what can be sent to.
var kinds = map[string]func() kind{
	"email":      func() kind { return &email{} },
	"webhook":    func() kind { return &webhook{} },
	"mqtt":       func() kind { return &mqtt{} },
	"slack":      func() kind { return &chat{encode: slackBody} },
	"mattermost": func() kind { return &chat{encode: slackBody} },
	"rocketchat": func() kind { return &chat{encode: slackBody} },
	"googlechat": func() kind { return &chat{encode: slackBody} },
	"discord":    func() kind { return &chat{encode: discordBody} },
	"teams":      func() kind { return &chat{encode: teamsBody} },
	"telegram":   func() kind { return &telegram{} },
	"ntfy":       func() kind { return &ntfy{} },
	"matrix":     func() kind { return &matrix{} },
	"pagerduty":  func() kind { return &pagerDuty{} },
	"opsgenie":   func() kind { return &opsgenie{} },
	"lark":       func() kind { return &chat{encode: larkBody, refuses: true} },
	"wecom":      func() kind { return &chat{encode: wecomBody, refuses: true} },
	"zulip":      func() kind { return &zulip{} },
	"gotify":     func() kind { return &gotify{} },
	"pushover":   func() kind { return &pushover{} },
	"pushbullet": func() kind { return &pushbullet{} },
	"signal":     func() kind { return &signal{} },
	"bark":       func() kind { return &bark{} },

	"sms":            func() kind { return &twilio{by: "sms"} },
	"whatsapp":       func() kind { return &twilio{by: "whatsapp"} },
	"call":           func() kind { return &twilio{by: "call"} },
	"dingtalk":       func() kind { return &dingTalk{} },
	"line":           func() kind { return &line{} },
	"apprise":        func() kind { return &apprise{} },
	"ifttt":          func() kind { return &ifttt{} },
	"join":           func() kind { return &join{} },
	"notifiarr":      func() kind { return &notifiarr{} },
	"home_assistant": func() kind { return &homeAssistant{} },
	"splunk_oncall":  func() kind { return &splunkOnCall{} },
}

// Kinds lists the kinds of channel, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Single reports whether a message to a channel of the kind is about one subject
// only: programs read it, and incidents are opened and closed by it.
func Single(kind string) bool {
	switch kind {
	case "webhook", "mqtt", "pagerduty", "opsgenie", "splunk_oncall":
		return true
	}
	return false
}

// Check returns how the channel is called for people, without secrets; what is
// wrong with its kind or configuration is Invalid.
func Check(c Channel) (target string, err error) {
	k, err := parse(c)
	if err != nil {
		return "", err
	}
	return k.target(), nil
}

func parse(c Channel) (kind, error) {
	make := kinds[c.Kind]
	if make == nil {
		return nil, belfry.Errorf(belfry.Invalid, "kind", "%q is no kind of channel; take one of %s.", c.Kind, strings.Join(Kinds(), ", "))
	}
	k := make()
	d := json.NewDecoder(bytes.NewReader(c.Config))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "config", "The configuration of the %s channel cannot be read: %s.", c.Kind, decodeFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, belfry.Errorf(belfry.Invalid, "config", "The configuration of the %s channel is more than one JSON object.", c.Kind)
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	return k, nil
}

// decodeFault words an error of the decoder without a value of the configuration.
func decodeFault(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "config." + e.Field + " is a " + strings.Fields(e.Value)[0] + ", not a " + e.Type.String()
	}
	if s, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "it has no member " + s
	}
	return "it is not a JSON object"
}

// A Config is what a Sender is made of.
type Config struct {
	// Dial makes every connection; nil is a plain dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// UserAgent is what receivers see.
	UserAgent string
	// RootCAs are who certificates are believed from; nil: whom the system believes.
	RootCAs *x509.CertPool
	// Idle bounds the connections that are kept; 0: [Idle].
	Idle int
}

// A Sender sends messages. It is safe for concurrent use.
type Sender struct {
	c      Config
	client *http.Client
}

// Idle is how many connections are kept at most, and idleTime for how long.
const (
	Idle     = 64
	idleTime = 90 * time.Second
)

// NewSender returns a sender; Close releases its connections.
func NewSender(c Config) *Sender {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	return &Sender{c: c, client: NewClient(c.Dial, c.RootCAs, cmp.Or(c.Idle, Idle))}
}

// NewClient returns a client for messages, each of which may take as long as
// [Timeout]. It follows no redirect: that leads to where nobody wrote down that
// the message may go. roots are who certificates are believed from; nil: whom the
// system believes. idle bounds the connections that are kept.
func NewClient(dial func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool, idle int) *http.Client {
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext: dial, ForceAttemptHTTP2: true, MaxIdleConns: idle, IdleConnTimeout: idleTime,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tlsFor is how a connection to the host is encrypted.
func (s *Sender) tlsFor(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: s.c.RootCAs, MinVersion: tls.VersionTLS12}
}

// dialTLS returns a dialer whose connections are encrypted before the first word,
// and are to who has a certificate of the host's.
func (s *Sender) dialTLS(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.c.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		t := tls.Client(conn, s.tlsFor(host))
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return t, nil
	}
}

// Close releases connections that are kept.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send sends the message once. An error is an [*Error].
func (s *Sender) Send(ctx context.Context, c Channel, m *Message) error {
	k, err := parse(c)
	if err != nil {
		return &Error{Permanent: true, Reason: "the channel's configuration is not valid any more: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err = k.send(ctx, s, m)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: unreachable(err)}
}
