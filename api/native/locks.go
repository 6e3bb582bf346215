package native

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/lock"
)

func (a *API) routeLocks() {
	a.mux.HandleFunc("POST /belfry/v1/locks/{key}", a.answer(a.acquireLock))
	a.mux.HandleFunc("PUT /belfry/v1/locks/{key}", a.answer(a.renewLock))
	a.mux.HandleFunc("DELETE /belfry/v1/locks/{key}", a.answer(a.releaseLock))
	a.mux.HandleFunc("GET /belfry/v1/locks/{key}", a.answer(a.getLock))
	a.mux.HandleFunc("GET /belfry/v1/locks", a.answer(a.listLocks))
}

type lockItem struct {
	Key        string `json:"key"`
	Owner      string `json:"owner"`
	Token      int64  `json:"token"`
	AcquiredAt string `json:"acquired_at"`
	ExpiresAt  string `json:"expires_at"`
}

func lockOf(l *lock.Lock) lockItem {
	return lockItem{l.Key, l.Owner, l.Token, stamp(l.Acquired), stamp(l.Expires)}
}

// lockRequest is the body of a request for a lock, or to renew one.
type lockRequest struct {
	Owner string `json:"owner"` // of a new lock; empty: the caller's ARN
	Token int64  `json:"token"` // of the lock to renew
	TTL   int64  `json:"ttl_seconds"`
}

// lockOfRequest reads the request's key and body and asks whether the caller
// may do that with the lock.
func (a *API) lockOfRequest(r *http.Request, action string) (account, key string, in lockRequest, err error) {
	account, key = callerOf(r).Account, r.PathValue("key")
	if err := a.authorized(r, action, lockARN(account, key)); err != nil {
		return "", "", in, err
	}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		return account, key, in, nil
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return "", "", in, belfry.Errorf(belfry.Invalid, "", `The body is not {"owner": "me", "ttl_seconds": 600}, or {"token": 1, "ttl_seconds": 600} to renew: %s.`, strings.TrimPrefix(err.Error(), "json: "))
	}
	return account, key, in, nil
}

func lockARN(account, key string) string { return "arn:aws:belfry::" + account + ":lock/" + key }

// ttl is the time asked for; what is out of a lock's bounds stays out of them.
func (q *lockRequest) ttl() time.Duration {
	return time.Duration(min(max(q.TTL, -1), int64(2*lock.MaxTTL/time.Second))) * time.Second
}

// acquireLock gives the lock to who asks first; the others are told who has it.
func (a *API) acquireLock(r *http.Request) (any, error) {
	account, key, in, err := a.lockOfRequest(r, "belfry:AcquireLock")
	if err != nil {
		return nil, err
	}
	if in.Token != 0 {
		return nil, belfry.Errorf(belfry.Invalid, "token", "A new lock has no token yet; PUT renews one.")
	}
	if in.Owner == "" {
		caller := callerOf(r)
		in.Owner = caller.ARN()
	}
	l, err := a.Locks.Acquire(r.Context(), account, key, in.Owner, in.ttl())
	if err != nil {
		return nil, err
	}
	return lockOf(l), nil
}

// renewLock lets the lock with the given token expire later.
func (a *API) renewLock(r *http.Request) (any, error) {
	account, key, in, err := a.lockOfRequest(r, "belfry:RenewLock")
	if err != nil {
		return nil, err
	}
	if in.Owner != "" {
		return nil, belfry.Errorf(belfry.Invalid, "owner", "The owner of a lock does not change; leave owner out.")
	}
	l, err := a.Locks.Renew(r.Context(), account, key, in.Token, in.ttl())
	if err != nil {
		return nil, err
	}
	return lockOf(l), nil
}

// releaseLock ends the lock with the token that ?token= gives.
func (a *API) releaseLock(r *http.Request) (any, error) {
	account, key, _, err := a.lockOfRequest(r, "belfry:ReleaseLock")
	if err != nil {
		return nil, err
	}
	text := r.URL.Query().Get("token")
	token, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "token", "token is %q; give the number that came with the lock, as in ?token=1.", text)
	}
	if err := a.Locks.Release(r.Context(), account, key, token); err != nil {
		return nil, err
	}
	return map[string]any{"key": key, "token": token}, nil
}

// getLock shows who holds a lock.
func (a *API) getLock(r *http.Request) (any, error) {
	account, key, _, err := a.lockOfRequest(r, "belfry:GetLock")
	if err != nil {
		return nil, err
	}
	l, err := a.Locks.Get(r.Context(), account, key)
	if err != nil {
		return nil, err
	}
	return lockOf(l), nil
}

// listLocks lists the locks that are held in the caller's account.
func (a *API) listLocks(r *http.Request) (any, error) {
	account := callerOf(r).Account
	if err := a.authorized(r, "belfry:ListLocks", lockARN(account, "*")); err != nil {
		return nil, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	locks, err := a.Locks.List(r.Context(), account, r.URL.Query().Get("next"), limit)
	if err != nil {
		return nil, err
	}
	out := list[lockItem]{Items: []lockItem{}}
	for i := range locks {
		out.Items = append(out.Items, lockOf(&locks[i]))
	}
	if len(locks) == limit {
		out.Next = locks[limit-1].Key
	}
	return out, nil
}
