package monitor

import (
	"context"
	"strings"
)

// A Mail is a message that came to a check's address.
type Mail struct {
	From       string // the envelope's; empty for a bounce
	RemoteAddr string
	Subject    string
	Text       string // of its body, without markup
	Raw        []byte // as it came; the first part of it is kept as the ping's body
}

// mailScheme is the scheme of pings that came by mail (section 8.1 of the
// semantics).
const mailScheme = "email"

// Mail records a mail as a ping to the check with that id, and what follows from
// it: a success, unless the check looks for keywords in mails. NotFound when there
// is none. What was recorded is returned.
func (s *Service) Mail(ctx context.Context, id string, m Mail) (Ping, error) {
	r := Request{
		Scheme: mailScheme, RemoteAddr: m.RemoteAddr, UserAgent: "Email from " + m.From, Body: m.Raw,
		Action: PingSuccess, ExitStatus: NoExitStatus,
	}
	return s.ping(ctx, id, r, func(settings *Settings, _ *Ping) Action { return settings.filterMail(&m) })
}

// Addressee returns the id of the check that a mail is for: that with the id, or,
// with a ping key, that with the slug in the key's project. NotFound when there is
// none, Conflict when there are several.
func (s *Service) Addressee(ctx context.Context, key, idOrSlug string) (id string, err error) {
	if key == "" {
		_, err = s.store.Check(ctx, idOrSlug)
		return idOrSlug, err
	}
	id, _, err = s.bySlug(ctx, key, idOrSlug, false)
	return id, err
}

// filterMail returns what the settings make of a mail.
func (s *Settings) filterMail(m *Mail) Action {
	var texts []string
	if s.FilterSubject {
		texts = append(texts, m.Subject)
	}
	if s.FilterBody {
		texts = append(texts, m.Text)
	}
	if texts == nil {
		return PingSuccess
	}
	return s.byKeywords(strings.Join(texts, "\n"))
}
