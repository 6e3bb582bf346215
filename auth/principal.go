package auth

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Principal is somebody who wants to do something: a service, or a caller of
// an account.
type Principal struct {
	Service string // scheduler.amazonaws.com; empty: a caller of an account

	Account    string // 12 digits
	RoleARN    string // of a caller with temporary credentials; empty: the account's root
	SessionARN string
}

type principalKind uint8

const (
	nobody       principalKind = iota // Federated and the like, which no caller here is
	anyone                            // *
	anyOf                             // an account, with all in it
	exactly                           // a role or a session
	serviceNamed                      // a service
)

// A principal is one entry of a Principal element.
type principal struct {
	kind principalKind
	name string // account, ARN or service
}

// covers says whether the entry means p, and whether it names it itself rather
// than through its account.
func (e principal) covers(p *Principal) (covered, itself bool) {
	switch e.kind {
	case anyone:
		return true, p.Service != ""
	case anyOf:
		return p.Service == "" && p.Account == e.name, p.RoleARN == ""
	case exactly:
		ok := p.RoleARN != "" && (p.RoleARN == e.name || p.SessionARN == e.name)
		return ok, ok
	case serviceNamed:
		ok := p.Service == e.name && e.name != ""
		return ok, ok
	}
	return false, false
}

var (
	account12     = regexp.MustCompile(`^[0-9]{12}$`)
	rootPrincipal = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)
	iamPrincipal  = regexp.MustCompile(`^arn:aws[a-z-]*:(iam::[0-9]{12}:(role|user)/|sts::[0-9]{12}:(assumed-role|federated-user)/)[!-~]+$`)
	serviceName   = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
)

func parsePrincipals(raw json.RawMessage) ([]principal, error) {
	var star string
	if json.Unmarshal(raw, &star) == nil {
		if star != "*" {
			return nil, errSyntax()
		}
		return []principal{{kind: anyone}}, nil
	}
	var by map[string]json.RawMessage
	if json.Unmarshal(raw, &by) != nil {
		return nil, errSyntax()
	}
	var list []principal
	for _, kind := range slices.Sorted(maps.Keys(by)) {
		names := texts(by[kind])
		if names == nil {
			return nil, errSyntax()
		}
		for _, name := range names {
			e, ok := parsePrincipal(kind, name)
			if !ok {
				return nil, malformed(`Invalid principal in policy: "` + strings.ToUpper(clip(kind)) + `":"` + clip(name) + `"`)
			}
			list = append(list, e)
		}
	}
	return list, nil
}

func parsePrincipal(kind, name string) (principal, bool) {
	switch kind {
	case "AWS":
		if name == "*" {
			return principal{kind: anyone}, true
		}
		if account12.MatchString(name) {
			return principal{anyOf, name}, true
		}
		if m := rootPrincipal.FindStringSubmatch(name); m != nil {
			return principal{anyOf, m[1]}, true
		}
		return principal{exactly, name}, iamPrincipal.MatchString(name)
	case "Service":
		return principal{serviceNamed, name}, serviceName.MatchString(name)
	case "Federated", "CanonicalUser":
		return principal{kind: nobody}, name != ""
	}
	return principal{}, false
}
