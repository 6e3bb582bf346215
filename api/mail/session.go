package mail

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/memory"
	"github.com/belfry-run/belfry/monitor"
)

// What the addresses of checks look like before their @.
var (
	byUUID = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	bySlug = regexp.MustCompile(`^([0-9A-Za-z]+)\+([-0-9_a-z]{1,100})$`)
)

// What clients are told, in the codes of RFC 5321 and RFC 3463.
var (
	errMailbox   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "invalid mailbox: want a check's UUID, or PING-KEY+SLUG"}
	errUnknown   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "there is no such check"}
	errAmbiguous = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 4}, Message: "ambiguous slug: several checks have it"}
	errBusy      = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "too many large messages at once; try again later"}
	errOurs      = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "the ping could not be recorded; try again later"}
)

// A session is what one client says, a message at a time.
type session struct {
	ctx    context.Context // of the server: the protocol's library hands none on
	server *Server
	client string // its address
	from   string
	checks []string // ids of the recipients
}

// Reset implements [smtp.Session].
func (s *session) Reset() { s.from, s.checks = "", nil }

// Logout implements [smtp.Session].
func (s *session) Logout() error { return nil }

// Mail implements [smtp.Session].
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt implements [smtp.Session].
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	key, name := "", to
	if i := strings.LastIndexByte(to, '@'); i >= 0 {
		name = to[:i]
	}
	if slug := bySlug.FindStringSubmatch(name); slug != nil {
		key, name = slug[1], slug[2]
	} else if name = strings.ToLower(name); !byUUID.MatchString(name) {
		return errMailbox
	}
	id, err := s.server.c.Monitor.Addressee(s.ctx, key, name)
	if err != nil {
		return s.refusal(err)
	}
	s.checks = append(s.checks, id)
	return nil
}

// Data implements [smtp.Session].
func (s *session) Data(r io.Reader) error {
	raw, hold, err := s.read(r)
	defer hold.Release()
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return err
	}
	m := monitor.Mail{From: s.from, RemoteAddr: s.client, Raw: raw}
	m.Subject, m.Text = read(raw)
	var failed error
	for _, id := range s.checks {
		if _, err := s.server.c.Monitor.Mail(s.ctx, id, m); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return s.refusal(failed)
	}
	return nil
}

// read reads what is looked at of a message. A large one waits until there is room.
func (s *session) read(r io.Reader) ([]byte, *memory.Hold, error) {
	head, err := io.ReadAll(io.LimitReader(r, memory.Small))
	if err != nil || len(head) < memory.Small {
		return head, nil, err
	}
	waiting, cancel := context.WithTimeout(s.ctx, patience/2)
	defer cancel()
	hold, err := s.server.memory.Take(waiting, maxRead)
	if err != nil {
		return nil, nil, errBusy
	}
	rest, err := io.ReadAll(io.LimitReader(r, maxRead-memory.Small))
	return append(head, rest...), hold, err
}

// refusal returns what the client is told of an error; it logs what is not for
// the client.
func (s *session) refusal(err error) error {
	switch belfry.KindOf(err) {
	case belfry.NotFound:
		return errUnknown
	case belfry.Conflict:
		return errAmbiguous
	}
	s.server.c.Log.ErrorContext(s.ctx, "a mail was not recorded", "error", err)
	return errOurs
}
