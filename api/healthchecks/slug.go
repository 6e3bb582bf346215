package healthchecks

import "strings"

// slugify makes a slug of a name, as versions 1 and 2 of the API do: in lower
// case, blanks and dashes as one dash, without what is no ASCII letter, digit or
// underscore.
func slugify(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
			b.WriteRune(c)
		case c == '-', c == ' ', '\t' <= c && c <= '\r':
			if s := b.String(); s != "" && s[len(s)-1] != '-' {
				b.WriteByte('-')
			}
		}
	}
	return strings.Trim(b.String(), "-_")
}
