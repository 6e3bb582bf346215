package belfry

import "strings"

// An ARN is an Amazon Resource Name in its parts.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// ParseARN splits s; ok is false when s is not arn:partition:service:region:account:resource.
func ParseARN(s string) (a ARN, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:")
	for _, part := range []*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if ok {
			*part, rest, ok = strings.Cut(rest, ":")
		}
	}
	if !ok || a.Partition == "" || a.Service == "" || rest == "" {
		return ARN{}, false
	}
	a.Resource = rest
	return a, true
}

// String joins the parts.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Scope returns the account and region that the resource lives under.
func (a ARN) Scope() Scope { return Scope{Account: a.Account, Region: a.Region} }
