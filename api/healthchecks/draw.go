package healthchecks

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// maxLabel bounds the words on a badge, in characters.
const maxLabel = 60

// badgeColors are the colours of what a badge says, dark enough for white words.
var badgeColors = map[string]string{"up": "#2e7d32", "late": "#b25e00", "down": "#c62828"}

// draw returns a badge as an SVG picture: a label and what is said of it, in two
// fields side by side.
func draw(label, status string) []byte {
	if utf8.RuneCountInString(label) > maxLabel {
		label = string([]rune(label)[:maxLabel-1]) + "…"
	}
	const margin, height = 8, 20
	left, right := textWidth(label)+2*margin, textWidth(status)+2*margin
	color := badgeColors[status]
	label = html.EscapeString(clean(label))
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img" aria-label="%s: %s">`,
		left+right, height, label, status)
	fmt.Fprintf(&b, `<title>%s: %s</title>`, label, status)
	fmt.Fprintf(&b, `<path fill="#37474f" d="M4 0h%dv%dh-%da4 4 0 0 1-4-4v-12a4 4 0 0 1 4-4z"/>`, left-4, height, left-4)
	fmt.Fprintf(&b, `<path fill="%s" d="M%d 0h%da4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-%dz"/>`, color, left, right-4, right-4)
	b.WriteString(`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`)
	fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d">%s</text>`, margin, left-2*margin, label)
	fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d">%s</text></g></svg>`+"\n", left+margin, right-2*margin, status)
	return b.Bytes()
}

// textWidth guesses how wide a text is, in pixels; the picture makes it so.
func textWidth(s string) int {
	tenths := 0
	for _, c := range s {
		switch {
		case strings.ContainsRune("fijlrtI .,:;'!|()[]", c):
			tenths += 43
		case strings.ContainsRune("mwMW@%", c):
			tenths += 105
		case 'A' <= c && c <= 'Z':
			tenths += 77
		case c < 0x2e80:
			tenths += 68
		default: // ideographs, pictures
			tenths += 110
		}
	}
	return (tenths + 9) / 10
}

// clean leaves out what XML has no way to write.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0xfffe || c == 0xffff || c == utf8.RuneError {
			return ' '
		}
		return c
	}, s)
}
