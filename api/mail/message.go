package mail

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
)

// Bounds of what is looked at in a message.
const (
	maxDepth = 10  // multipart within multipart
	maxParts = 100 // of a multipart
)

// read returns the subject of a message and the text of its body: the first part
// that is plain, and the first that is HTML, without its markup. Attachments are
// left out. A message that is none is all text.
func read(raw []byte) (subject, text string) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", valid(raw)
	}
	subject = m.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = decoded
	}
	var t texts
	t.take(part{m.Header.Get, m.Body}, 0)
	return strings.ToValidUTF8(subject, "�"), strings.Join(append(t.plain, t.html...), "\n")
}

// A part is a message, or a part of one.
type part struct {
	header func(name string) string
	body   io.Reader
}

// texts are the first plain part and the first of HTML, if there are such.
type texts struct{ plain, html []string }

func (t *texts) take(p part, depth int) {
	if disposition, _, _ := mime.ParseMediaType(p.header("Content-Disposition")); disposition == "attachment" {
		return
	}
	kind, parameters, err := mime.ParseMediaType(p.header("Content-Type"))
	if err != nil {
		kind, parameters = "text/plain", nil // as RFC 2045 has it
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && depth < maxDepth:
		parts := multipart.NewReader(p.body, parameters["boundary"])
		for range maxParts {
			next, err := parts.NextRawPart()
			if err != nil {
				return // what is cut off counts as far as it goes
			}
			t.take(part{next.Header.Get, next}, depth+1)
		}
	case kind == "text/plain" && t.plain == nil:
		t.plain = []string{p.text(parameters["charset"])}
	case kind == "text/html" && t.html == nil:
		t.html = []string{plain(p.text(parameters["charset"]))}
	}
}

// text returns the text of a part as far as it can be read. Of other character
// sets than UTF-8 and Latin-1 what is ASCII can.
func (p part) text(charset string) string {
	body := p.body
	switch strings.ToLower(strings.TrimSpace(p.header("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, _ := io.ReadAll(body) // the whole message is bounded
	switch strings.ToLower(charset) {
	case "iso-8859-1", "latin1", "windows-1252":
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes)
	}
	return valid(b)
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "�") }

// What of HTML is no text, and what ends a line.
var (
	unseen = regexp.MustCompile(`(?is)<!--.*?-->|<script\b.*?</script\s*>|<style\b.*?</style\s*>|<title\b.*?</title\s*>`)
	breaks = regexp.MustCompile(`(?is)<(?:br|/?(?:p|div|h[1-6]|li|ul|ol|tr|table|blockquote|pre|hr))\b[^>]*>`)
	tags   = regexp.MustCompile(`(?s)</?[A-Za-z!?][^>]*>`)
	blanks = regexp.MustCompile(`[ \t\r\n]+`)
)

// plain returns the text of a page of HTML.
func plain(page string) string {
	page = unseen.ReplaceAllString(page, "")
	page = blanks.ReplaceAllString(page, " ")
	page = breaks.ReplaceAllString(page, "\n")
	return html.UnescapeString(tags.ReplaceAllString(page, ""))
}
