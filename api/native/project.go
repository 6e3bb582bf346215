package native

import (
	"net/http"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// Actions on what lets the outside world at an account's checks;
// docs/security.md lists them.
const (
	readProject   = "belfry:ReadProject"
	manageProject = "belfry:ManageProject"
)

// A project is what lets the outside world at the account's checks. API keys are
// not kept, so that it only says whether there are any.
type project struct {
	Account   string `json:"account"`
	PingKey   string `json:"ping_key,omitempty"`
	BadgeKey  string `json:"badge_key,omitempty"`
	ReadWrite bool   `json:"has_read_write_key"`
	ReadOnly  bool   `json:"has_read_only_key"`
	CreatedAt string `json:"created_at"`
}

// A projectKey is one key of a project. Key is in the answer that makes it only.
type projectKey struct {
	Kind string `json:"kind"`
	Key  string `json:"key,omitempty"`
}

// project shows the project of the caller's account, which is made when it is
// first asked for.
func (a *API) project(r *http.Request) (any, error) {
	account, err := a.may(r, readProject, "project", "")
	if err != nil {
		return nil, err
	}
	p, err := a.Monitor.EnsureProject(r.Context(), account)
	if err != nil {
		return nil, err
	}
	return project{
		Account: p.Account, PingKey: p.PingKey, BadgeKey: p.BadgeKey, ReadWrite: p.ReadWrite != "", ReadOnly: p.ReadOnly != "",
		CreatedAt: stamp(p.Created),
	}, nil
}

// newProjectKey gives the project a new key in place of the one it has.
func (a *API) newProjectKey(r *http.Request) (any, error) {
	account, kind, err := a.projectKeyOf(r)
	if err != nil {
		return nil, err
	}
	key, err := a.Monitor.NewKey(r.Context(), account, kind)
	if err != nil {
		return nil, err
	}
	return projectKey{Kind: string(kind), Key: key}, nil
}

// removeProjectKey ends a key without a new one.
func (a *API) removeProjectKey(r *http.Request) (any, error) {
	account, kind, err := a.projectKeyOf(r)
	if err != nil {
		return nil, err
	}
	if err := a.Monitor.RemoveKey(r.Context(), account, kind); err != nil {
		return nil, err
	}
	return projectKey{Kind: string(kind)}, nil
}

// projectKeyOf returns which key of which account a request is about.
func (a *API) projectKeyOf(r *http.Request) (account string, kind monitor.KeyKind, err error) {
	if account, err = a.may(r, manageProject, "project", ""); err != nil {
		return "", "", err
	}
	switch kind = monitor.KeyKind(r.PathValue("kind")); kind {
	case monitor.PingKey, monitor.BadgeKey, monitor.ReadWriteKey, monitor.ReadOnlyKey:
		return account, kind, nil
	}
	return "", "", belfry.Errorf(belfry.Invalid, "kind", "%q is no kind of key; give %s, %s, %s or %s.",
		kind, monitor.ReadWriteKey, monitor.ReadOnlyKey, monitor.PingKey, monitor.BadgeKey)
}
