package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry"
)

// A Document is a policy, read and ready to be asked.
type Document struct{ statements []statement }

type statement struct {
	name         string // its Sid, else its number
	allow        bool
	actions      []string // lower case
	notActions   bool     // all actions but those
	resources    []string
	notResources bool
	principals   []principal
	conditions   []condition
	unknown      string // what of it is not understood; empty: nothing
}

// A Use says where a policy stands.
type Use uint8

// The uses of policies.
const (
	Identity Use = iota // says what a role may do
	Trust               // says who may take the role on
)

// malformed is IAM's refusal of a policy, in IAM's words where they are known.
func malformed(message string) error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "MalformedPolicyDocument", Message: message}
}

// errSyntax is what IAM says of a document that is JSON and no policy.
func errSyntax() error { return malformed("Syntax errors in policy.") }

// ParsePolicy reads a policy document. One that AWS would not store is refused
// with MalformedPolicyDocument; what AWS knows and this package does not is
// read, and denies what it covers.
func ParsePolicy(text string, use Use) (*Document, error) {
	raw := []byte(text)
	if !json.Valid(raw) {
		return nil, malformed("This policy contains invalid Json")
	}
	if repeats(json.NewDecoder(bytes.NewReader(raw))) {
		return nil, malformed("The policy has the same element twice.")
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil || top == nil {
		return nil, errSyntax()
	}
	for name, value := range top {
		var s string
		switch name {
		case "Version":
			if json.Unmarshal(value, &s) != nil || s != "2012-10-17" && s != "2008-10-17" {
				return nil, malformed("The policy's Version must be 2012-10-17 or 2008-10-17.")
			}
		case "Id":
			if json.Unmarshal(value, &s) != nil {
				return nil, errSyntax()
			}
		case "Statement":
		default:
			return nil, errSyntax()
		}
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(top["Statement"], &list) != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(top["Statement"], &one) != nil {
			return nil, errSyntax()
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return nil, errSyntax()
	}
	d := &Document{}
	sids := map[string]bool{}
	for i, elements := range list {
		s, sid, err := parseStatement(elements, use)
		if err != nil {
			return nil, err
		}
		if sids[sid] && sid != "" {
			return nil, malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[sid] = true
		if s.name = sid; sid == "" {
			s.name = "number " + strconv.Itoa(i+1)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

// repeats says whether an object in valid JSON has a member twice: readers
// differ in which of them they take.
func repeats(d *json.Decoder) bool {
	type level struct {
		names map[string]bool // nil in a list
		value bool            // the next token is a value
	}
	var open []level
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return false
		}
		if delim, ok := t.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open) - 1; n >= 0 && open[n].names != nil {
			if name, ok := t.(string); ok && !open[n].value {
				if open[n].names[name] {
					return true
				}
				open[n].names[name], open[n].value = true, true
				continue
			}
			open[n].value = false
		}
		if delim, ok := t.(json.Delim); ok {
			l := level{}
			if delim == '{' {
				l.names = map[string]bool{}
			}
			open = append(open, l)
		}
	}
}

var validSid = regexp.MustCompile(`^[0-9A-Za-z ]*$`)

func parseStatement(elements map[string]json.RawMessage, use Use) (s statement, sid string, err error) {
	if elements == nil {
		return s, "", errSyntax()
	}
	var effect string
	resources := false
	for _, name := range []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"} {
		raw, there := elements[name]
		delete(elements, name)
		if !there {
			continue
		}
		ok := true
		switch name {
		case "Sid":
			ok = json.Unmarshal(raw, &sid) == nil && validSid.MatchString(sid)
		case "Effect":
			ok = json.Unmarshal(raw, &effect) == nil
		case "Action", "NotAction":
			ok = s.actions == nil
			s.actions, s.notActions = texts(raw), name == "NotAction"
		case "Resource", "NotResource":
			ok = !resources
			resources = true
			s.resources, s.notResources = texts(raw), name == "NotResource"
		case "Principal":
			if use == Identity {
				return s, sid, malformed("Policy document should not specify a principal.")
			}
			if s.principals, err = parsePrincipals(raw); err != nil {
				return s, sid, err
			}
			ok = elements["NotPrincipal"] == nil
		case "NotPrincipal":
			if use == Identity {
				return s, sid, malformed("Policy document should not specify a principal.")
			}
			s.unknown = "NotPrincipal"
			s.principals = []principal{{kind: anyone}}
		case "Condition":
			var unknown string
			var bad bool
			s.conditions, unknown, bad = parseConditions(raw)
			ok = !bad
			if s.unknown == "" {
				s.unknown = unknown
			}
		}
		if !ok {
			return s, sid, errSyntax()
		}
	}
	if len(elements) > 0 || effect != "Allow" && effect != "Deny" {
		return s, sid, errSyntax()
	}
	s.allow = effect == "Allow"
	return s, sid, s.finish(use, resources)
}

// finish checks what a statement must have, and folds it for comparison.
func (s *statement) finish(use Use, resources bool) error {
	if len(s.actions) == 0 {
		return malformed("Policy statement must contain actions.")
	}
	for i, a := range s.actions {
		vendor, name, ok := strings.Cut(a, ":")
		if a != "*" && (!ok || vendor == "" || name == "" || strings.ContainsAny(a, " \t\r\n")) {
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
		if use == Trust && !strings.EqualFold(vendor, "sts") {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
		s.actions[i] = strings.ToLower(a)
	}
	if use == Trust {
		switch {
		case resources:
			return malformed("Has prohibited field Resource")
		case len(s.principals) == 0:
			return malformed("Missing required field Principal cannot be empty!")
		}
		return nil
	}
	if len(s.resources) == 0 {
		return malformed("Policy statement must contain resources.")
	}
	for _, r := range s.resources {
		if r != "*" && !strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5 && !strings.Contains(r, "*") {
			return malformed("Resource " + clip(r) + ` must be in ARN format or "*".`)
		}
	}
	if s.unknown == "" && slices.ContainsFunc(s.resources, hasVariable) {
		s.unknown = "a policy variable"
		s.resources, s.notResources = []string{"*"}, false // it may stand for anything
	}
	return nil
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 256)], "\uFFFD") }

// texts reads one text or a list of them; nil when it is neither, or empty.
func texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []*string
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	var list []string
	for _, s := range many {
		if s == nil {
			return nil
		}
		list = append(list, *s)
	}
	return list
}
