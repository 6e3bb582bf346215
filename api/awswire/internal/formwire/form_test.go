package formwire_test

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/belfry-run/belfry/api/awswire/internal/formwire"
)

func TestLookups(t *testing.T) {
	f, err := formwire.Parse("a=1&a=2&l.1=x&l.2=y&l.10=z&s.1.Id=i&one=w", "b+c=d%2Be&&e")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "2", "b c": "d+e", "e": "", "l.10": "z"} {
		if got, ok := f.Get(name); !ok || got != want {
			t.Errorf("%s: got %q, %t; want %q", name, got, ok, want)
		}
	}
	for name, want := range map[string]bool{"a": true, "s": true, "s.1": true, "s.1.Id": true, "s.1.I": false, "l.3": false, "": false, "z": false} {
		if got := f.Has(name); got != want {
			t.Errorf("has %q: got %t", name, got)
		}
	}
	var got []string
	for i := 1; ; i++ {
		n, ok := f.Element("l", i)
		if !ok {
			break
		}
		got = append(got, *f.String(n))
	}
	if strings.Join(got, "") != "xy" {
		t.Errorf("a list ends at its first gap: got %v", got)
	}
	if n, ok := f.Element("one", 1); !ok || n != "one" {
		t.Errorf("a list of one may go without a number: got %q, %t", n, ok)
	}
	if f.String("none") != nil || f.Int("none") != nil || f.Bool("none") != nil || f.Blob("none") != nil || f.Err() != nil {
		t.Error("absent is not nil")
	}
}

// FuzzForm holds the parser against net/url, and XML against encoding/xml.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "Action=X&L.1.Name=a&L.1.Value=%C3%A9", "a=%zz", "=&&=", "a.1=b&a=c", "+%20=%2B", "a;b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := formwire.Parse(s)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("message %q", err)
			}
			return
		}
		if strings.Contains(s, ";") { // net/url refuses it, the protocol does not
			return
		}
		want, err := url.ParseQuery(s)
		if err != nil {
			t.Fatalf("accepted %q: %v", s, err)
		}
		for name, values := range want {
			v, ok := got.Get(name)
			if !ok || v != values[len(values)-1] {
				t.Fatalf("%q in %q: got %q, %t", name, s, v, ok)
			}
			if !got.Has(name) {
				t.Fatalf("%q in %q is not there", name, s)
			}
			got.Element(name, 1)
			var back struct {
				Text string `xml:",chardata"`
			}
			out := formwire.Text(nil, "v", v)
			if err := xml.Unmarshal(out, &back); err != nil {
				t.Fatalf("%q: %v", out, err)
			}
			if !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r >= 0xFFFD }) && back.Text != v {
				t.Fatalf("wrote %q, read %q", v, back.Text)
			}
		}
	})
}
