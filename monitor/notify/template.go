package notify

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// placeholder finds what expand replaces: Healthchecks' placeholders
// (semantics.md 8.5), and Belfry's own after them.
var placeholder = regexp.MustCompile(`\$(?:CODE|STATUS|NOW|NAME_JSON|NAME|SLUG|TAGS|TAG\d+|JSON|BODY_JSON|BODY|EXITSTATUS|EVENT|SEVERITY|REASON|DETAIL_JSON|DETAIL|RUN|ALERT|ACK_URL|KIND)`)

// expand replaces the placeholders of a template. What is filled in is not
// looked at again, so that a check's name cannot ask for a body. A placeholder
// without a value, such as $TAG3 of a check with two tags, stays as it is.
func expand(template string, values map[string]string, encode func(string) string) string {
	return placeholder.ReplaceAllStringFunc(template, func(name string) string {
		v, ok := values[name]
		if !ok {
			return name
		}
		if encode != nil {
			return encode(v)
		}
		return v
	})
}

// placeholders are the values for a message about one subject.
func placeholders(m *Message) map[string]string {
	it := &m.Items[0]
	status := it.Status
	if m.Event != Up && m.Event != Test {
		status = "down"
	}
	v := map[string]string{
		"$CODE": it.Subject, "$STATUS": status, "$NOW": m.At.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05+00:00"),
		"$NAME": it.Name, "$NAME_JSON": asciiJSON(it.Name), "$SLUG": "", "$TAGS": "", "$BODY": "", "$BODY_JSON": `""`, "$EXITSTATUS": "-1",
		"$EVENT": string(m.Event), "$SEVERITY": m.Severity, "$REASON": it.Reason, "$DETAIL": it.Detail, "$DETAIL_JSON": asciiJSON(it.Detail),
		"$RUN": it.Run, "$ALERT": it.Alert, "$ACK_URL": m.AckURL, "$KIND": it.Kind,
	}
	if document, err := json.Marshal(it); err == nil {
		v["$JSON"] = string(document)
	}
	f := it.Facts
	if f == nil {
		return v
	}
	v["$SLUG"], v["$TAGS"], v["$BODY"], v["$BODY_JSON"] = f.Slug, strings.Join(f.Tags, " "), f.Body, asciiJSON(f.Body)
	v["$EXITSTATUS"] = strconv.Itoa(f.ExitStatus)
	if f.JSON != nil {
		v["$JSON"] = string(f.JSON)
	}
	for i, tag := range f.Tags {
		v["$TAG"+strconv.Itoa(i+1)] = tag
	}
	return v
}

// asciiJSON is s as a JSON string of ASCII characters, as Python writes it.
func asciiJSON(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, hi), lo)
		default:
			b = appendEscape(b, r)
		}
	}
	return string(append(b, '"'))
}

func appendEscape(b []byte, r rune) []byte {
	hex := strconv.FormatInt(int64(r), 16)
	return append(append(b, `\u`...), ("0000" + hex)[len(hex):]...)
}
