package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// predicates are the patterns that RE2 cannot express, by the function in
// package constraint that decides instead.
var predicates = map[string]string{
	`^(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)$`: "EventSource",
	`[0-9A-Za-z\.\-_]*(?<!\.)`:     "BucketName",
	`^(?!\s*$).+`:                  "NotBlank",
	`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`: "AliasName",
}

// awsRegions are the ways in which models spell "a region of AWS". A server of
// one's own may have regions of other names; the text of a refusal keeps AWS's
// pattern.
var awsRegions = []string{
	`[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`,
	`[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}`,
	`[a-z]{2}(-gov)?-[a-z]+-\d{1}`,
	`[a-z]+-[a-z]+-[\w-]+`,
}

const anyRegion = `[a-zA-Z0-9_-]+`

// javaEscape is how models write a character by its number.
var javaEscape = regexp.MustCompile(`\\u([0-9A-F]{4})`)

// matcher returns the name of the function that says whether a string matches
// the pattern as a whole.
func (g *generator) matcher(pattern string) string {
	if p, ok := predicates[pattern]; ok {
		return "constraint." + p
	}
	if f, ok := g.funcs[pattern]; ok {
		return f
	}
	g.order = append(g.order, pattern)
	f := fmt.Sprintf("match%d", len(g.order))
	g.funcs[pattern] = f
	return f
}

func (g *generator) matchers(f *file) {
	for i, p := range g.order {
		expr := p
		for _, r := range awsRegions {
			expr = strings.ReplaceAll(expr, r, anyRegion)
		}
		expr = javaEscape.ReplaceAllString(expr, `\x{$1}`)
		re, err := syntax.Parse(expr, syntax.Perl)
		must(err == nil, "pattern %s: %v; it needs a predicate", p, err)
		_, err = regexp.Compile(`\A(?:` + expr + `)\z`)
		must(err == nil, "pattern %s: %v; it needs a predicate", p, err)
		name := fmt.Sprintf("match%d", i+1)
		f.p("// %s matches %s", name, p)
		if g.classMatcher(f, name, re.Simplify()) {
			continue
		}
		f.p("func %s(v string) bool { return pattern%d.Match(v) }\n", name, i+1)
		f.p("var pattern%d = constraint.NewPattern(%q)\n", i+1, expr)
	}
}

// classMatcher writes a loop for patterns that are one class of ASCII
// characters, repeated: ^[0-9a-z]+$.
func (g *generator) classMatcher(f *file, name string, re *syntax.Regexp) bool {
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = slices.DeleteFunc(slices.Clone(re.Sub), func(r *syntax.Regexp) bool {
			return r.Op == syntax.OpBeginText || r.Op == syntax.OpEndText
		})
	}
	if len(subs) != 1 || (subs[0].Op != syntax.OpPlus && subs[0].Op != syntax.OpStar) {
		return false
	}
	class := subs[0].Sub[0]
	if class.Op != syntax.OpCharClass {
		return false
	}
	var set [2]uint64
	for i := 0; i < len(class.Rune); i += 2 {
		for r := class.Rune[i]; r <= class.Rune[i+1]; r++ {
			if r >= 128 {
				return false
			}
			set[r/64] |= 1 << (r % 64)
		}
	}
	f.p("func %s(v string) bool {", name)
	f.p("for i := range len(v) {\nif !constraint.In(v[i], %#x, %#x) { return false }\n}", set[0], set[1])
	if subs[0].Op == syntax.OpPlus {
		f.p("return v != \"\"\n}\n")
	} else {
		f.p("return true\n}\n")
	}
	return true
}
