package notify

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// twilio sends by Twilio: a text message, one by WhatsApp, or a call that reads
// the message's line out.
type twilio struct {
	Account string   `json:"account"` // its SID
	Token   string   `json:"token"`
	From    string   `json:"from"` // a number, or the SID of a messaging service
	To      []string `json:"to"`   // numbers
	URL     string   `json:"url"`  // of the API; left out: Twilio's own

	by string // sms, whatsapp or call
}

func (w *twilio) check() error {
	if w.URL == "" {
		w.URL = "https://api.twilio.com"
	}
	switch {
	case w.Account == "" || strings.ContainsAny(w.Account, "/?#%"):
		return missing("account", "the account's SID, such as AC0123")
	case w.Token == "":
		return missing("token", "the account's token")
	case w.From == "":
		return missing("from", "a number of the account, such as +15005550006")
	case len(w.To) == 0:
		return missing("to", "a list of numbers")
	case len(w.To) > twilioMost:
		return refused("to", "names more than 10 numbers")
	}
	return checkURL("url", w.URL)
}

func (w *twilio) target() string { return strings.Join(w.To, ", ") }

// Bounds of a message by Twilio.
const (
	twilioMost = 10   // numbers: each is a request of its own
	twilioMax  = 1600 // characters
	spokenMax  = 500
)

// send tries all numbers. When some were told, another try would tell them again,
// so that the message counts as sent when anybody was reached.
func (w *twilio) send(ctx context.Context, s *Sender, m *Message) error {
	var failed error
	reached := false
	for _, to := range w.To {
		if err := w.sendTo(ctx, s, to, m); err != nil {
			failed = err
		} else {
			reached = true
		}
	}
	if reached {
		return nil
	}
	return failed
}

func (w *twilio) sendTo(ctx context.Context, s *Sender, to string, m *Message) error {
	form := url.Values{"From": {w.From}, "To": {to}}
	resource := "/Messages.json"
	switch w.by {
	case "call":
		resource = "/Calls.json"
		form.Set("Twiml", "<Response><Say>"+spoken(Cut(m.Subject(), spokenMax))+"</Say></Response>")
	case "whatsapp":
		form.Set("From", "whatsapp:"+w.From)
		form.Set("To", "whatsapp:"+to)
		fallthrough
	default:
		if strings.HasPrefix(w.From, "MG") {
			form.Del("From")
			form.Set("MessagingServiceSid", w.From)
		}
		form.Set("Body", Cut(m.Subject()+"\n"+m.Text(), twilioMax))
	}
	return s.postForm(ctx, strings.TrimSuffix(w.URL, "/")+"/2010-04-01/Accounts/"+w.Account+resource, form,
		func(r *http.Request) { r.SetBasicAuth(w.Account, w.Token) })
}

// spoken keeps a text from being markup.
var spoken = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
