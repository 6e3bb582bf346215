package native

import (
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// ackPage is what the link in a message shows. Programs that look at the links of
// a mail must not acknowledge by it, so a person presses a button.
var ackPage = template.Must(template.New("acknowledge").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Belfry</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style>
<h1>{{.Title}}</h1>
{{with .Sentence}}<p>{{.}}</p>{{end}}
{{with .Items}}<ul>{{range .}}<li>{{.Name}}: {{.Reason}}{{with .Detail}}. {{.}}{{end}}</li>{{end}}</ul>{{end}}
{{if .More}}<p>and {{.More}} more</p>{{end}}
{{if .Button}}<form method="post"><button>Acknowledge</button></form>{{end}}
</html>
`))

type ackView struct {
	Title, Sentence string
	Items           []monitor.Item
	More            int
	Button          bool
}

// Acknowledger serves the links below [monitor.AckPath]: GET shows what a message
// was about, POST acknowledges it. Who has the link may.
func Acknowledger(alerts *monitor.Alerts, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		status, view := acknowledged(alerts, log, r)
		if status == http.StatusMethodNotAllowed {
			h.Set("Allow", "GET, HEAD, POST")
		}
		w.WriteHeader(status)
		if err := ackPage.Execute(w, view); err != nil {
			log.DebugContext(r.Context(), "an answer was not delivered", "err", err)
		}
	})
}

func acknowledged(alerts *monitor.Alerts, log *slog.Logger, r *http.Request) (int, ackView) {
	token := strings.TrimPrefix(r.URL.Path, monitor.AckPath)
	var n int
	d, err := alerts.Acknowledgeable(r.Context(), token)
	if err == nil && r.Method == http.MethodPost {
		n, err = alerts.AcknowledgeLink(r.Context(), token)
	}
	switch {
	case belfry.KindOf(err) == belfry.NotFound && err != nil:
		return http.StatusNotFound, ackView{Title: "Not found", Sentence: "This link is not valid, or what it was about is too long ago."}
	case err != nil:
		log.ErrorContext(r.Context(), "an acknowledgement failed", "err", err)
		return http.StatusInternalServerError, ackView{Title: "Something went wrong", Sentence: "The server's log tells what. Try again."}
	case r.Method == http.MethodPost && n == 0:
		return http.StatusOK, ackView{Title: "Nothing to acknowledge", Sentence: "It has been acknowledged already, or it is over."}
	case r.Method == http.MethodPost:
		return http.StatusOK, ackView{Title: "Acknowledged", Sentence: "There are no reminders from now on, and nobody else is called.", Items: d.Items, More: d.Total - len(d.Items)}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return http.StatusMethodNotAllowed, ackView{Title: "Not allowed", Sentence: "A link is opened, and its button pressed."}
	}
	return http.StatusOK, ackView{Title: "Acknowledge?", Items: d.Items, More: d.Total - len(d.Items), Button: true}
}
