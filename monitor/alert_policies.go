package monitor

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

type cachedPolicies struct {
	set  *policySet
	read time.Time
}

// policyAge is how long policies are used that another node may have changed.
const policyAge = time.Second

// PutPolicy stores a policy of the account: a new one when its ID is empty, else
// in place of the one with that ID. Invalid names the field at fault; Conflict is
// a scope that another policy has, Quota an account with [MaxPolicies].
func (a *Alerts) PutPolicy(ctx context.Context, p Policy) (Policy, error) {
	if err := checkName(p.Name); err != nil {
		return p, err
	}
	if err := p.Scope.check(p.Account); err != nil {
		return p, err
	}
	if err := p.Rules.check(); err != nil {
		return p, err
	}
	if err := a.checkChannels(ctx, &p); err != nil {
		return p, err
	}
	p.Updated = a.now()
	replaces := p.Revision
	if p.ID == "" {
		p.ID, p.Created, replaces = uuid.NewString(), p.Updated, 0
	}
	p.Revision = replaces + 1
	err := a.store.PutAlertPolicy(ctx, p, replaces, MaxPolicies)
	a.forget(p.Account)
	return p, err
}

// checkChannels refuses channels that the account does not have.
func (a *Alerts) checkChannels(ctx context.Context, p *Policy) error {
	channels, err := a.store.Channels(ctx, p.Account)
	if err != nil {
		return err
	}
	check := func(field string, ids []string) error {
		for _, id := range ids {
			if !slices.ContainsFunc(channels, func(c Channel) bool { return c.ID == id }) {
				return belfry.Errorf(belfry.Invalid, field, "There is no channel %q.", id)
			}
		}
		if ids != nil && len(ids) == 0 {
			return belfry.Errorf(belfry.Invalid, field, "%s names no channel; leave it out to tell all.", field)
		}
		return nil
	}
	if err := check("channels", p.Channels); err != nil {
		return err
	}
	for _, s := range p.Escalate {
		if err := check("escalate", s.Channels); err != nil {
			return err
		}
	}
	return nil
}

// Policies returns the account's policies, in the order of their ids, the ones
// that somebody has made.
func (a *Alerts) Policies(ctx context.Context, account string) ([]Policy, error) {
	return a.store.AlertPolicies(ctx, account)
}

// Policy returns the account's policy, or NotFound.
func (a *Alerts) Policy(ctx context.Context, account, id string) (Policy, error) {
	all, err := a.store.AlertPolicies(ctx, account)
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
	}
	if err == nil {
		err = belfry.Errorf(belfry.NotFound, "", "There is no policy %s.", id)
	}
	return Policy{}, err
}

// DeletePolicy removes the account's policy, or NotFound.
func (a *Alerts) DeletePolicy(ctx context.Context, account, id string) error {
	defer a.forget(account)
	return a.store.DeleteAlertPolicy(ctx, account, id)
}

func (a *Alerts) forget(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.policies, account)
}

// PolicyFor returns the policy of a subject: the most specific one there is. It
// may be a second old. tags are those of a check.
func (a *Alerts) PolicyFor(ctx context.Context, s Subject, tags []string) (Policy, error) {
	set, err := a.policySet(ctx, s.Account)
	if err != nil {
		return Policy{}, err
	}
	return *set.of(s, tags), nil
}

func (a *Alerts) policySet(ctx context.Context, account string) (*policySet, error) {
	now := a.c.Clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.policies[account]; ok && now.Sub(c.read) < policyAge {
		return c.set, nil
	}
	all, err := a.store.AlertPolicies(ctx, account)
	if err != nil {
		return nil, err
	}
	set := newPolicySet(account, all)
	a.policies[account] = cachedPolicies{set, now}
	return set, nil
}
