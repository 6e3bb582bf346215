package native

import "net/http"

// A Runtime is one that this server runs functions of.
type Runtime struct {
	Name        string `json:"name"`        // nodejs20.x
	Interpreter string `json:"interpreter"` // Node.js; empty: the function brings its own program
	Version     string `json:"version"`     // of the interpreter
	Path        string `json:"path"`        // of the interpreter
	Note        string `json:"note"`        // what differs from what the name says; empty: nothing
}

// runtimes tells any caller what this server runs now.
func (a *API) runtimes(r *http.Request) (any, error) {
	return list[Runtime]{Items: a.Runtimes(r.Context())}, nil
}
