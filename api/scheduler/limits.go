package scheduler

import (
	"context"
	"math"
	"sync"

	"golang.org/x/time/rate"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

// Rates bound the requests that one account may make, by class of operation,
// in requests a second; 0 is no bound. Beyond a rate the answer is
// ThrottlingException. A second's worth may come at once.
type Rates struct {
	Create    float64 // CreateSchedule
	Schedules float64 // UpdateSchedule, GetSchedule, DeleteSchedule
	Others    float64 // lists, groups and tags
}

// A class is the operations that share a rate.
type class int

const (
	creates class = iota
	schedules
	others
	classes
)

// maxAccounts bounds the accounts whose requests are counted; when there are
// more, those that have been quiet for a second are forgotten, which changes
// nothing for them.
const maxAccounts = 1024

// limits count the requests of each account.
type limits struct {
	rates [classes]float64

	mu       sync.Mutex // guards accounts
	accounts map[string]*[classes]*rate.Limiter
}

func newLimits(r Rates) *limits {
	return &limits{
		rates:    [classes]float64{creates: r.Create, schedules: r.Schedules, others: r.Others},
		accounts: map[string]*[classes]*rate.Limiter{},
	}
}

// allow counts a request, or refuses it.
func (l *limits) allow(ctx context.Context, c class) error {
	if l.rates[c] <= 0 || l.of(awswire.CallerFrom(ctx).Account)[c].Allow() {
		return nil
	}
	return belfry.Errorf(belfry.Throttled, "", "Rate exceeded")
}

func (l *limits) of(account string) *[classes]*rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of, ok := l.accounts[account]; ok {
		return of
	}
	if len(l.accounts) >= maxAccounts {
		l.forgetQuiet()
	}
	of := new([classes]*rate.Limiter)
	for c, r := range l.rates {
		of[c] = rate.NewLimiter(rate.Limit(r), burst(r))
	}
	l.accounts[account] = of
	return of
}

// burst is what may come at once: a second's worth, one at least.
func burst(r float64) int { return int(math.Ceil(min(max(r, 1), math.MaxInt32))) }

// forgetQuiet forgets accounts whose whole burst is free.
func (l *limits) forgetQuiet() {
	for account, of := range l.accounts {
		quiet := true
		for c, r := range l.rates {
			quiet = quiet && (r <= 0 || of[c].Tokens() >= float64(of[c].Burst()))
		}
		if quiet {
			delete(l.accounts, account)
		}
	}
}
