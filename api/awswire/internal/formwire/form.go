// Package formwire reads the forms and writes the XML of AWS's query protocol,
// in which lists and maps are flattened: Tag.1.Key=a&Tag.1.Value=b.
//
// What a Form keeps true: of several equal parameters the last wins, looking
// up costs the logarithm of the form's size, and no request can make it use
// much more memory than the request itself takes.
package formwire

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxParameters is the number of parameters of one request.
const MaxParameters = 10_000

// An Error says in a sentence for the client what is wrong with a form.
type Error struct{ Message string }

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

var errEncoding = &Error{"The request is not valid percent-encoded UTF-8."}

// A Form holds the parameters of one request, sorted by name.
type Form struct {
	pairs []pair
	err   error
}

type pair struct{ name, value string }

// Parse reads the parameters of a body or a query string.
func Parse(sources ...string) (*Form, error) {
	f := &Form{}
	for _, s := range sources {
		for s != "" {
			var p string
			p, s, _ = strings.Cut(s, "&")
			if p == "" {
				continue
			}
			if len(f.pairs) == MaxParameters {
				return nil, &Error{fmt.Sprintf("The request has more than %d parameters.", MaxParameters)}
			}
			name, value, _ := strings.Cut(p, "=")
			name, err := unescape(name)
			if err != nil {
				return nil, err
			}
			if value, err = unescape(value); err != nil {
				return nil, &Error{"The parameter " + clip(name) + " is not valid percent-encoded UTF-8."}
			}
			f.pairs = append(f.pairs, pair{name, value})
		}
	}
	// The sort is stable, so the last of equals stays last.
	slices.SortStableFunc(f.pairs, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	return f, nil
}

func unescape(s string) (string, error) {
	if strings.ContainsAny(s, "%+") {
		var err error
		if s, err = url.QueryUnescape(s); err != nil {
			return "", errEncoding
		}
	} else {
		s = strings.Clone(s)
	}
	if !utf8.ValidString(s) {
		return "", errEncoding
	}
	return s, nil
}

func clip(s string) string {
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "")
	}
	return s
}

// Get returns the last value of the parameter.
func (f *Form) Get(name string) (string, bool) {
	i, _ := slices.BinarySearchFunc(f.pairs, name, func(p pair, n string) int {
		if p.name <= n {
			return -1
		}
		return 1
	})
	if i > 0 && f.pairs[i-1].name == name {
		return f.pairs[i-1].value, true
	}
	return "", false
}

// Has says whether there is the parameter itself or one below it.
func (f *Form) Has(name string) bool {
	if _, ok := f.Get(name); ok {
		return true
	}
	below := name + "."
	i, _ := slices.BinarySearchFunc(f.pairs, below, func(p pair, n string) int { return cmp.Compare(p.name, n) })
	return i < len(f.pairs) && strings.HasPrefix(f.pairs[i].name, below)
}

// Err returns what was first found wrong with a value.
func (f *Form) Err() error { return f.err }

func (f *Form) fail(name, reason string) {
	if f.err == nil {
		f.err = &Error{"The parameter " + clip(name) + " " + reason + "."}
	}
}

// String returns the parameter; nil is absent.
func (f *Form) String(name string) *string {
	s, ok := f.Get(name)
	if !ok {
		return nil
	}
	return &s
}

func (f *Form) integer(name string, bits int) (int64, bool) {
	s, ok := f.Get(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		f.fail(name, "must be an integer of "+strconv.Itoa(bits)+" bits")
		return 0, false
	}
	return n, true
}

// Int returns the parameter as an integer of 32 bits; nil is absent.
func (f *Form) Int(name string) *int {
	n, ok := f.integer(name, 32)
	if !ok {
		return nil
	}
	return new(int(n))
}

// Int64 returns the parameter as an integer of 64 bits; nil is absent.
func (f *Form) Int64(name string) *int64 {
	n, ok := f.integer(name, 64)
	if !ok {
		return nil
	}
	return &n
}

// Bool returns the parameter as a boolean; nil is absent.
func (f *Form) Bool(name string) *bool {
	s, ok := f.Get(name)
	if !ok {
		return nil
	}
	if s != "true" && s != "false" {
		f.fail(name, "must be true or false")
		return nil
	}
	return new(s == "true")
}

// Blob returns the parameter decoded from base64; nil is absent.
func (f *Form) Blob(name string) []byte {
	s, ok := f.Get(name)
	if !ok {
		return nil
	}
	b, err := decodeBase64(s)
	if err != nil {
		f.fail(name, "is not valid base64")
		return nil
	}
	return b
}

// Element returns the name of the i-th element of a flattened list or map,
// counting from 1, and whether the form has it. A single element may stand
// without its number, as old clients send it.
func (f *Form) Element(name string, i int) (string, bool) {
	n := name + "." + strconv.Itoa(i)
	if f.Has(n) {
		return n, true
	}
	if i == 1 {
		if _, ok := f.Get(name); ok {
			return name, true
		}
	}
	return "", false
}
