package function

import (
	"strings"

	"github.com/belfry-run/belfry"
)

// ParseName reads a function's name as clients write it: a bare name, a
// partial ARN (account:function:name) or a whole one, each with or without a
// qualifier. What it leaves out is taken from the caller's scope.
func ParseName(caller belfry.Scope, s string) (ref Ref, qualifier string, err error) {
	ref.Scope = caller
	p := strings.Split(s, ":")
	if p[0] == "arn" {
		if len(p) < 7 || p[2] != "lambda" || p[5] != "function" {
			return ref, "", invalidName(s)
		}
		ref.Region, ref.Account = p[3], p[4]
		p = p[6:]
	} else if len(p) > 1 && (p[0] == "function" || len(p) > 2 && p[1] == "function") {
		if p[0] != "function" {
			ref.Account = p[0]
			p = p[1:]
		}
		p = p[1:]
	}
	if len(p) > 2 || !validName(p[0]) || len(p) == 2 && !validQualifier(p[1]) {
		return ref, "", invalidName(s)
	}
	if len(p[0]) > 64 {
		return ref, "", constraint("FunctionName", "functionName", p[0], "Member must have length less than or equal to 64")
	}
	ref.Name = p[0]
	if len(p) == 2 {
		qualifier = p[1]
	}
	if ref.Region != caller.Region {
		return ref, "", &belfry.Error{
			Kind: belfry.NotFound, Code: "ResourceNotFoundException", Field: "FunctionName",
			Message: "Functions from '" + ref.Region + "' are not reachable in this region ('" + caller.Region + "')",
		}
	}
	if ref.Account != caller.Account {
		return ref, "", belfry.Errorf(belfry.Denied, "FunctionName",
			"Account %s may not use the resource %s", caller.Account, ref.ARN())
	}
	return ref, qualifier, nil
}

func invalidName(s string) error {
	return constraint("FunctionName", "functionName", s, "Member must satisfy regular expression pattern: "+namePattern)
}

// namePattern is the model's, quoted in the error.
const namePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

func validName(s string) bool {
	for _, c := range []byte(s) {
		if !isWord(c) {
			return false
		}
	}
	return s != ""
}

func validQualifier(s string) bool { return s == Latest || validName(s) }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// notFound is Lambda's answer about a function, or a version of it, that is
// not there.
func notFound(ref Ref, qualifier string) error {
	arn := ref.ARN()
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return &belfry.Error{
		Kind: belfry.NotFound, Code: "ResourceNotFoundException", Field: "FunctionName",
		Message: "Function not found: " + arn,
	}
}
