package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/belfry-run/belfry"
)

// email sends through a mail server.
type email struct {
	To   []string `json:"to"`
	From string   `json:"from"`
	Host string   `json:"host"`
	Port int      `json:"port"` // left out: 587, 465 with implicit, 25 with none
	// TLS is starttls (the default: without it no mail is sent), implicit or none.
	TLS      string `json:"tls"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// maxRecipients bounds the recipients of one channel.
const maxRecipients = 50

// hostName is a name or an address; go-mail takes a host that begins with unix://
// for a socket, which nobody who may make a channel should reach.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,253}$`)

var mailPorts = map[string]int{"starttls": 587, "implicit": 465, "none": 25}

func (e *email) check() error {
	if e.TLS == "" {
		e.TLS = "starttls"
	}
	if mailPorts[e.TLS] == 0 {
		return belfry.Errorf(belfry.Invalid, "config.tls", "config.tls is %q; take starttls, implicit or none.", e.TLS)
	}
	if e.Port == 0 {
		e.Port = mailPorts[e.TLS]
	}
	switch {
	case len(e.To) == 0:
		return missing("to", "a list of addresses")
	case len(e.To) > maxRecipients:
		return belfry.Errorf(belfry.Invalid, "config.to", "config.to has %d addresses; %d are allowed.", len(e.To), maxRecipients)
	case e.From == "":
		return missing("from", "the sender's address")
	case e.Host == "":
		return missing("host", "the mail server's name")
	case !hostName.MatchString(e.Host):
		return belfry.Errorf(belfry.Invalid, "config.host", "config.host is not the name or address of a mail server.")
	case e.Port < 1 || e.Port > 65535:
		return belfry.Errorf(belfry.Invalid, "config.port", "config.port is %d; give a number from 1 to 65535.", e.Port)
	case e.TLS == "none" && e.Password != "":
		return belfry.Errorf(belfry.Invalid, "config.tls", "config.tls is none, which would send the password in the clear; take starttls or implicit.")
	}
	for _, to := range e.To {
		if _, err := netmail.ParseAddress(to); err != nil {
			return belfry.Errorf(belfry.Invalid, "config.to", "config.to: %q is not an e-mail address.", to)
		}
	}
	if _, err := netmail.ParseAddress(e.From); err != nil {
		return belfry.Errorf(belfry.Invalid, "config.from", "config.from: %q is not an e-mail address.", e.From)
	}
	return nil
}

func (e *email) target() string {
	return strings.Join(e.To, ", ") + " by " + net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

func (e *email) send(ctx context.Context, s *Sender, m *Message) error {
	msg, err := e.message(m)
	if err != nil {
		return &Error{Permanent: true, Reason: "the mail could not be written: " + err.Error()}
	}
	client, err := mail.NewClient(e.Host, e.options(s)...)
	if err != nil {
		return &Error{Permanent: true, Reason: "the mail server's settings are not valid: " + err.Error()}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return mailError(err)
	}
	return nil
}

func (e *email) options(s *Sender) []mail.Option {
	dial := mail.DialContextFunc(s.c.Dial)
	policy := mail.TLSMandatory
	switch e.TLS {
	case "none":
		policy = mail.NoTLS
	case "implicit":
		policy = mail.NoTLS // the connection is encrypted before the first word
		dial = s.dialTLS(e.Host)
	}
	options := []mail.Option{
		mail.WithPort(e.Port), mail.WithTimeout(Timeout), mail.WithTLSPolicy(policy), mail.WithTLSConfig(s.tlsFor(e.Host)), mail.WithDialContextFunc(dial),
	}
	if e.TLS == "implicit" {
		options = append(options, mail.WithSSL())
	}
	if e.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(&login{email: e}))
	}
	return options
}

// login signs in with PLAIN, or with LOGIN where that is all that is offered. Both
// refuse a connection that is not encrypted. The library's own choice knows of an
// encryption from the start only when it has made it itself.
type login struct {
	*email
	chosen smtp.Auth
}

// Start implements [smtp.Auth].
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	l.chosen = smtp.PlainAuth("", l.Username, l.Password, l.Host, false)
	if !slices.Contains(server.Auth, "PLAIN") && slices.Contains(server.Auth, "LOGIN") {
		l.chosen = smtp.LoginAuth(l.Username, l.Password, l.Host, false)
	}
	return l.chosen.Start(server)
}

// Next implements [smtp.Auth].
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.chosen.Next(fromServer, more)
}

func (e *email) message(m *Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(e.From); err != nil {
		return nil, err
	}
	if err := msg.To(e.To...); err != nil {
		return nil, err
	}
	msg.Subject(Cut(m.Subject(), 200))
	msg.SetDateWithValue(m.At)
	_, domain, _ := strings.Cut(strings.TrimSuffix(e.From, ">"), "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	if m.Severity == "critical" && m.Event != Up {
		msg.SetImportance(mail.ImportanceHigh)
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text())
	return msg, nil
}

// mailError classifies: a mail server that refuses this mail for good says so
// with 5xx; everything before that, signing in included, may be better later.
func mailError(err error) error {
	if e, ok := errors.AsType[*mail.SendError](err); ok {
		out := &Error{Reason: "the mail server refused the mail"}
		if code := e.ErrorCode(); code != 0 {
			out.Reason += " with " + strconv.Itoa(code)
			out.Permanent = code >= 500
		}
		return out
	}
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return &Error{Reason: "the mail server refused to talk, with " + strconv.Itoa(e.Code)}
	}
	switch text := err.Error(); {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return err
	case strings.Contains(text, "STARTTLS"):
		return &Error{Reason: "the mail server does not offer STARTTLS"}
	case strings.Contains(text, "auth"):
		return &Error{Reason: "signing in to the mail server failed"}
	}
	return err
}
