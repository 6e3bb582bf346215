package auth

import "strings"

// match says whether s is what the pattern describes: * stands for any text,
// colons and slashes included, ? for one byte of it.
func match(pattern, s string) bool {
	star, mark := -1, 0 // the last * met, and how much of s it has taken
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if match(p, s) {
			return true
		}
	}
	return false
}

// matchARN compares the six parts of an ARN one by one, so that a * does not
// reach over a colon. The sixth part has the rest.
func matchARN(pattern, s string) bool {
	for range 5 {
		p, prest, pok := strings.Cut(pattern, ":")
		t, trest, tok := strings.Cut(s, ":")
		if !pok || !tok || !match(p, t) {
			return false
		}
		pattern, s = prest, trest
	}
	return match(pattern, s)
}
