package table

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/belfry-run/belfry"
)

//go:embed reserved.txt
var reservedText string

// reserved are the words that cannot stand for attributes in expressions
// (Amazon DynamoDB's "Reserved words").
var reserved = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for w := range strings.Lines(reservedText) {
		words[strings.TrimSpace(w)] = true
	}
	return words
})

// maxExpression is the largest expression, in bytes.
const maxExpression = 4096

type tokenKind uint8

const (
	tokenEnd      tokenKind = iota
	tokenWord               // an attribute, a function or a keyword
	tokenName               // #name
	tokenValue              // :value
	tokenNumber             // an index
	tokenOperator           // everything else
)

type token struct {
	kind tokenKind
	text string
}

// is says whether the token is a keyword or an operator; keywords may be
// written in any case.
func (t token) is(text string) bool {
	return t.kind == tokenOperator && t.text == text || t.kind == tokenWord && strings.EqualFold(t.text, text)
}

// A parser takes one expression apart.
type parser struct {
	what   string // ConditionExpression, ...
	terms  *terms
	tokens []token
	at     int
}

// newParser returns a parser of src, which is the request's member called what.
func newParser(what, src string, t *terms) (*parser, error) {
	p := &parser{what: what, terms: t}
	if src == "" {
		return nil, p.fail("The expression can not be empty;")
	}
	if len(src) > maxExpression {
		return nil, p.fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(src))
	}
	for i := 0; i < len(src); {
		c := src[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			i++
			continue
		}
		n, kind := 1, tokenOperator
		switch {
		case c == '#' || c == ':':
			n += wordLen(src[i+1:])
			kind = tokenName
			if c == ':' {
				kind = tokenValue
			}
			if n == 1 {
				return nil, p.syntax(src[i:i+1], src[i:])
			}
		case c >= '0' && c <= '9':
			for kind = tokenNumber; i+n < len(src) && src[i+n] >= '0' && src[i+n] <= '9'; {
				n++
			}
		case wordByte(c):
			n, kind = wordLen(src[i:]), tokenWord
		case strings.HasPrefix(src[i:], "<>"), strings.HasPrefix(src[i:], "<="), strings.HasPrefix(src[i:], ">="):
			n = 2
		case strings.IndexByte("=<>()[],.+-", c) < 0:
			_, after, _ := strings.Cut(src[i:], " ")
			return nil, p.syntax(src[i:i+1], src[i:len(src)-len(after)])
		}
		p.tokens = append(p.tokens, token{kind, src[i : i+n]})
		i += n
	}
	return p, nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func wordLen(s string) int {
	n := 0
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return n
}

func (p *parser) fail(format string, args ...any) *belfry.Error {
	e := invalid("Invalid "+p.what+": "+format, args...)
	e.Field = p.what
	return e
}

func (p *parser) syntax(text, near string) *belfry.Error {
	return p.fail("Syntax error; token: \"%s\", near: \"%s\"", strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(near, "?"))
}

// peek returns the token that is k tokens ahead.
func (p *parser) peek(k int) token {
	if p.at+k >= len(p.tokens) {
		return token{kind: tokenEnd, text: "<EOF>"}
	}
	return p.tokens[p.at+k]
}

// accept takes the next token when it is this keyword or operator.
func (p *parser) accept(text string) bool {
	if !p.peek(0).is(text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.unexpected()
	}
	return nil
}

// unexpected refuses the next token, with its neighbours.
func (p *parser) unexpected() error {
	near := []string{}
	for k := p.at - 1; k <= p.at+1; k++ {
		if k >= 0 && k < len(p.tokens) {
			near = append(near, p.tokens[k].text)
		}
	}
	return p.syntax(p.peek(0).text, strings.Join(near, " "))
}

func (p *parser) end() error {
	if p.at < len(p.tokens) {
		return p.unexpected()
	}
	return nil
}
