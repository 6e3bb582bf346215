package auth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A Context is what conditions can ask about a request. An empty string is a
// key that the request does not have.
type Context struct {
	SourceARN        string // aws:SourceArn, for which a service acts
	SourceAccount    string // aws:SourceAccount, in which that is
	PrincipalARN     string // aws:PrincipalArn
	PrincipalAccount string // aws:PrincipalAccount
	RequestedRegion  string // aws:RequestedRegion
	ExternalID       string // sts:ExternalId
	SessionName      string // sts:RoleSessionName
	PassedToService  string // iam:PassedToService
}

// value returns what stands under a key in lower case, and whether there is
// such a key at all.
func (c *Context) value(key string) (value string, known bool) {
	switch key {
	case "aws:sourcearn":
		return c.SourceARN, true
	case "aws:sourceaccount":
		return c.SourceAccount, true
	case "aws:principalarn":
		return c.PrincipalARN, true
	case "aws:principalaccount":
		return c.PrincipalAccount, true
	case "aws:requestedregion":
		return c.RequestedRegion, true
	case "sts:externalid":
		return c.ExternalID, true
	case "sts:rolesessionname":
		return c.SessionName, true
	case "iam:passedtoservice":
		return c.PassedToService, true
	}
	return "", false
}

// An operator compares a value with one that the policy has.
type operator struct {
	same    func(pattern, value string) bool
	negated bool
}

func equal(a, b string) bool { return a == b }

// operators are the condition operators that are understood. AWS defines
// ArnEquals and ArnLike to be the same.
var operators = map[string]operator{
	"StringEquals":    {equal, false},
	"StringNotEquals": {equal, true},
	"StringLike":      {match, false},
	"StringNotLike":   {match, true},
	"ArnEquals":       {matchARN, false},
	"ArnNotEquals":    {matchARN, true},
	"ArnLike":         {matchARN, false},
	"ArnNotLike":      {matchARN, true},
}

type condition struct {
	operator
	ifExists bool
	key      string // lower case
	values   []string
}

// holds follows AWS's rules: any of the values will do, or none of them for a
// negated operator, which a key that the request does not have satisfies too.
func (c *condition) holds(ctx *Context) bool {
	value, _ := ctx.value(c.key)
	if value == "" {
		return c.ifExists || c.negated
	}
	any := slices.ContainsFunc(c.values, func(v string) bool { return c.same(v, value) })
	return any != c.negated
}

// parseConditions reads a Condition element. What it does not understand is
// named in unknown; bad says that it is none.
func parseConditions(raw json.RawMessage) (list []condition, unknown string, bad bool) {
	var blocks map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &blocks) != nil || blocks == nil {
		return nil, "", true
	}
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		base, ifExists := strings.CutSuffix(name, "IfExists")
		op, understood := operators[base]
		if !understood && unknown == "" {
			unknown = "the condition operator " + name
		}
		for _, key := range slices.Sorted(maps.Keys(blocks[name])) {
			c := condition{operator: op, ifExists: ifExists, key: strings.ToLower(key)}
			var ok bool
			if c.values, ok = conditionValues(blocks[name][key]); !ok {
				return nil, "", true
			}
			if _, known := (&Context{}).value(c.key); !known && unknown == "" {
				unknown = "the condition key " + key
			}
			if unknown == "" && slices.ContainsFunc(c.values, hasVariable) {
				unknown = "a policy variable"
			}
			if understood {
				list = append(list, c)
			}
		}
	}
	return list, unknown, false
}

// conditionValues reads one value or a list; numbers and booleans stand for
// their text.
func conditionValues(raw json.RawMessage) ([]string, bool) {
	var one any
	if json.Unmarshal(raw, &one) != nil {
		return nil, false
	}
	many, isList := one.([]any)
	if !isList {
		many = []any{one}
	}
	values := make([]string, 0, len(many))
	for _, v := range many {
		switch v := v.(type) {
		case string:
			values = append(values, v)
		case bool, float64:
			text, err := json.Marshal(v)
			if err != nil {
				return nil, false
			}
			values = append(values, string(text))
		default:
			return nil, false
		}
	}
	return values, true
}

func hasVariable(s string) bool { return strings.Contains(s, "${") }
