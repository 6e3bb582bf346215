package native

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

// A Finding is what a look at the server, or at a backup, has found.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"` // what to do
}

// operator refuses who does not belong to the first account, or may not do it.
func (a *API) operator(r *http.Request, action string) error {
	if account := callerOf(r).Account; !a.Open && account != auth.AdminAccount {
		return belfry.Errorf(belfry.Denied, "", "This is for account %s to ask; this is account %s.", auth.AdminAccount, account)
	}
	return a.authorized(r, action, "*")
}

// backup makes a copy of everything that the server keeps, in a folder of the
// server's machine, and proves it. That is the operator's: the folder then has the
// secrets of all accounts.
func (a *API) backup(r *http.Request, tell func(string)) (any, error) {
	if err := a.operator(r, "belfry:Backup"); err != nil {
		return nil, err
	}
	var in struct {
		Directory string `json:"directory"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "", `The body is not {"directory": "/absolute/path"}: %s.`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if in.Directory == "" {
		return nil, belfry.Errorf(belfry.Invalid, "directory", "directory is missing: give an absolute path on the server's machine.")
	}
	found, err := a.Backup(r.Context(), in.Directory, tell)
	return list[Finding]{Items: found}, err
}

// lines is the type of an answer that says how far it has come.
const lines = "application/x-ndjson"

// slow answers what may take minutes. Who accepts application/x-ndjson gets a line
// {"progress": "..."} now and then, and at the end {"result": ...} or {"error": ...};
// who does not gets the result alone, or the refusal, as of any other request.
func (a *API) slow(handle func(r *http.Request, tell func(string)) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r, err := a.authenticated(r)
		if err != nil {
			a.answerWith(w, r, nil, err)
			return
		}
		if !strings.Contains(r.Header.Get("Accept"), lines) {
			out, err := handle(r, func(string) {})
			a.answerWith(w, r, out, err)
			return
		}
		var mu sync.Mutex // guards begun and w
		begun := false
		send := func(line any) {
			mu.Lock()
			defer mu.Unlock()
			if !begun {
				begun = true
				w.Header().Set("Content-Type", lines)
				w.Header().Set("Cache-Control", "no-store")
			}
			if err := json.NewEncoder(w).Encode(line); err != nil {
				a.log.DebugContext(r.Context(), "an answer was not delivered", "path", r.URL.Path, "err", err)
				return
			}
			_ = http.NewResponseController(w).Flush() // it comes later then
		}
		out, err := handle(r, func(text string) { send(map[string]string{"progress": text}) })
		switch {
		case err != nil && !begun:
			a.answerWith(w, r, nil, err)
		case err != nil:
			_, refusal := a.refusal(r, err)
			send(refusal)
		default:
			send(map[string]any{"result": out})
		}
	}
}

// doctorOrDeep is doctor; with ?deep=1 it also reads every file of the store.
func (a *API) doctorOrDeep(r *http.Request, tell func(string)) (any, error) {
	deep := r.URL.Query().Get("deep")
	if deep != "" && deep != "0" && deep != "1" {
		return nil, belfry.Errorf(belfry.Invalid, "deep", "deep is %q; give 1 to have every file checked, or leave it out.", deep)
	}
	out, err := a.doctor(r)
	if err != nil || deep != "1" {
		return out, err
	}
	if a.Deep == nil {
		return nil, fmt.Errorf("there is nothing to look at deeply")
	}
	found, err := a.Deep(r.Context(), tell)
	if err != nil {
		return nil, err
	}
	out.Items = append(out.Items, found...)
	return out, nil
}
