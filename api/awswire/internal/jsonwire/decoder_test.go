package jsonwire_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry/api/awswire/internal/jsonwire"
)

// record has one member of every kind.
type record struct {
	s *string
	i *int
	l *int64
	f *float64
	b *bool
	t *time.Time
	x []byte
	m map[string]string
	a []string
	r *record
}

func decode(d *jsonwire.Decoder, v *record) bool {
	if !d.Object() {
		return false
	}
	for d.Member() {
		switch string(d.Key()) {
		case "s":
			v.s = d.String()
		case "i":
			v.i = d.Int()
		case "l":
			v.l = d.Int64()
		case "f":
			v.f = d.Float()
		case "b":
			v.b = d.Bool()
		case "t":
			v.t = d.Time()
		case "x":
			v.x = d.Blob()
		case "m":
			v.m = nil
			if d.Object() {
				v.m = map[string]string{}
				for d.Member() {
					k := string(d.Key())
					if s, ok := d.Text(); ok {
						v.m[k] = s
					}
				}
			}
		case "a":
			v.a = nil
			if d.Array() {
				v.a = []string{}
				for d.Element() {
					if s, ok := d.Text(); ok {
						v.a = append(v.a, s)
					}
				}
			}
		case "r":
			v.r = new(record)
			if !decode(d, v.r) {
				v.r = nil
			}
		default:
			d.Skip()
		}
	}
	return true
}

func parse(src string) (*record, error) {
	var d jsonwire.Decoder
	d.Reset([]byte(src))
	v := new(record)
	decode(&d, v)
	return v, d.End()
}

func TestValues(t *testing.T) {
	at := func(sec, nsec int64) time.Time { return time.Unix(sec, nsec).UTC() }
	for _, c := range []struct {
		src string
		ok  func(*record) bool
	}{
		{`{"s":""}`, func(v *record) bool { return *v.s == "" }},
		{`{"s":"é\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\"}`, func(v *record) bool { return *v.s == "éé😀/\b\f\n\r\t\"\\" }},
		{`{"\u0073":"a"}`, func(v *record) bool { return *v.s == "a" }},
		{`{"S":"a"}`, func(v *record) bool { return v.s == nil }},
		{`{"s":"a","s":null}`, func(v *record) bool { return v.s == nil }},
		{`{"i":2147483647}`, func(v *record) bool { return *v.i == math.MaxInt32 }},
		{`{"i":-2147483648}`, func(v *record) bool { return *v.i == math.MinInt32 }},
		{`{"i":-0}`, func(v *record) bool { return *v.i == 0 }},
		{`{"l":9223372036854775807}`, func(v *record) bool { return *v.l == math.MaxInt64 }},
		{`{"f":-1.5e3}`, func(v *record) bool { return *v.f == -1500 }},
		{`{"b":true}`, func(v *record) bool { return *v.b }},
		{`{"b":false}`, func(v *record) bool { return !*v.b }},
		{`{"t":1893553445}`, func(v *record) bool { return v.t.Equal(at(1893553445, 0)) }},
		{`{"t":1893553445.123456789}`, func(v *record) bool { return v.t.Equal(at(1893553445, 123456789)) }},
		{`{"t":1893553445.1234567891}`, func(v *record) bool { return v.t.Equal(at(1893553445, 123456789)) }},
		{`{"t":1.893553445E9}`, func(v *record) bool { return v.t.Equal(at(1893553445, 0)) }},
		{`{"t":1.8935534455E9}`, func(v *record) bool { return v.t.Equal(at(1893553445, 500_000_000)) }},
		{`{"t":-0.5}`, func(v *record) bool { return v.t.Equal(at(0, -500_000_000)) }},
		{`{"t":-62135596800}`, func(v *record) bool { return v.t.Year() == 1 }},
		{`{"t":253402300799.9}`, func(v *record) bool { return v.t.Year() == 9999 }},
		{`{"x":"AQI="}`, func(v *record) bool { return bytes.Equal(v.x, []byte{1, 2}) }},
		{`{"x":"\/\/\/\/"}`, func(v *record) bool { return bytes.Equal(v.x, []byte{255, 255, 255}) }},
		{`{"x":""}`, func(v *record) bool { return v.x != nil && len(v.x) == 0 }},
		{`{"m":{}}`, func(v *record) bool { return v.m != nil && len(v.m) == 0 }},
		{`{"m":{"a":"1","b":null,"a":"2"}}`, func(v *record) bool { return len(v.m) == 1 && v.m["a"] == "2" }},
		{`{"a":[]}`, func(v *record) bool { return v.a != nil && len(v.a) == 0 }},
		{`{"a":["x",null,"y"]}`, func(v *record) bool { return strings.Join(v.a, "") == "xy" }},
		{`{"r":{},"s":"after"}`, func(v *record) bool { return *v.s == "after" && v.r != nil }},
		{`{"r":{"s":"a"},"r":{"i":1}}`, func(v *record) bool { return v.r.s == nil && *v.r.i == 1 }},
		{` { "z" : [ { } , [ ] , "\"" , -1.0E+2 , true , false , null ] , "s" : "a" } `, func(v *record) bool { return *v.s == "a" }},
	} {
		v, err := parse(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
		} else if !c.ok(v) {
			t.Errorf("%s decoded wrongly", c.src)
		}
	}
}

func TestErrorsNameTheMember(t *testing.T) {
	for _, c := range []struct{ src, message string }{
		{`{"i":2147483648}`, "The member 'i' does not fit an integer of 32 bits."},
		{`{"i":-2147483649}`, "The member 'i' does not fit an integer of 32 bits."},
		{`{"i":1.0}`, "The member 'i' must be an integer, not a number with a fraction or exponent."},
		{`{"i":"1"}`, "The member 'i' must be an integer, not a string."},
		{`{"i":01}`, "The member 'i' is not valid JSON at byte 6."},
		{`{"i":-}`, "The member 'i' is not valid JSON at byte 6."},
		{`{"i":1.}`, "The member 'i' is not valid JSON at byte 7."},
		{`{"i":1e}`, "The member 'i' is not valid JSON at byte 7."},
		{`{"i":+1}`, "The member 'i' is not valid JSON at byte 5."},
		{`{"l":9223372036854775808}`, "The member 'l' does not fit an integer of 64 bits."},
		{`{"f":1e999}`, "The member 'f' is out of range."},
		{`{"b":0}`, "The member 'b' must be a boolean, not a number."},
		{`{"b":tru}`, "The member 'b' is not valid JSON at byte 5."},
		{`{"t":"2026-01-01"}`, "The member 't' must be a number of seconds since 1970, not a string."},
		{`{"t":253402300800}`, "The member 't' is not a time between the years 1 and 9999."},
		{`{"t":-62135596800.1}`, "The member 't' is not a time between the years 1 and 9999."},
		{`{"t":1e300}`, "The member 't' is not a time between the years 1 and 9999."},
		{`{"x":"!"}`, "The member 'x' is not valid base64."},
		{`{"r":{"r":{"a":["x",1]}}}`, "The member 'r.r.a[1]' must be a string, not a number."},
		{`{"m":{"k":[]}}`, "The member 'm.k' must be a string, not a list."},
		{`{"a":["x"}`, "The member 'a[0]' is not valid JSON at byte 9."},
		{`{"a":[,]}`, "The member 'a[0]' is not valid JSON at byte 6."},
		{`{"a":["x",]}`, "The member 'a[1]' is not valid JSON at byte 10."},
		{`{"s":"a",}`, "The member 's' is not valid JSON at byte 9."},
		{`{"s" "a"}`, "The member 's' is not valid JSON at byte 5."},
		{`{s:1}`, "The request body is not valid JSON at byte 1."},
		{`{"s":"a`, "The member 's' ends too early."},
		{`{"s":"\`, "The member 's' ends too early."},
		{`{"s":"\u12"}`, "The member 's' has an invalid \\u escape."},
		{`{"s":"\ud83dx"}`, "The member 's' has an invalid \\u escape."},
		{`{"s":"\ud83d\u0041"}`, "The member 's' has an invalid \\u escape."},
		{`{"s":"\ude00"}`, "The member 's' has an invalid \\u escape."},
		{`{"` + strings.Repeat("k", 300) + `":x}`, "The member '" + strings.Repeat("k", 256) + "' is not valid JSON at byte 304."},
	} {
		_, err := parse(c.src)
		if err == nil || err.Error() != c.message {
			t.Errorf("%s:\n got %v\nwant %s", c.src, err, c.message)
		}
	}
}

func TestTimesAreWrittenAsAWSDoes(t *testing.T) {
	for _, c := range []struct {
		ns   int64
		want string
	}{
		{0, "0"},
		{1e9, "1"},
		{1_500_000_000, "1.5"},
		{1_050_000_000, "1.05"},
		{1_005_000_000, "1.005"},
		{1_230_000_000, "1.23"},
		{1_999_999_999, "1.999"},
		{-1_500_000_000, "-1.5"},
	} {
		if got := string(jsonwire.Time(nil, time.Unix(0, c.ns))); got != c.want {
			t.Errorf("%d ns: got %s, want %s", c.ns, got, c.want)
		}
	}
}

// FuzzDecoder holds the decoder against encoding/json: what one accepts as
// JSON the other does, save for what this one refuses on purpose.
func FuzzDecoder(f *testing.F) {
	for _, s := range []string{
		`{"s":"a","i":1,"l":2,"f":1.5,"b":true,"t":1.25,"x":"AQI=","m":{"a":"b"},"a":["x"],"r":{"s":"\u00e9"}}`,
		`{"z":[1,{"a":[]},"\ud83d\ude00",null,-0.1e+5]}`, `[]`, `null`, `{`, `{"s":"\ud800"}`, "{\"\xff\":1}", ` {} `, `{"a":[,]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		kept := bytes.Clone(src)
		var d jsonwire.Decoder
		d.Reset(src)
		d.Skip()
		err := d.End()
		valid := json.Valid(src) && utf8.Valid(src)
		if err == nil && !valid {
			t.Fatalf("accepted %q", src)
		}
		if err != nil && valid && !strings.Contains(err.Error(), "nested") && !strings.Contains(err.Error(), "\\u escape") {
			t.Fatalf("refused %q: %v", src, err)
		}
		if err != nil && !utf8.ValidString(err.Error()) {
			t.Fatalf("message %q", err)
		}

		v, err := parse(string(src))
		if !bytes.Equal(kept, src) {
			t.Fatal("the source was changed")
		}
		if err != nil {
			return
		}
		if !valid {
			t.Fatalf("decoded %q", src)
		}
		// What was read as a string is what encoding/json reads, when the
		// member stands once and its name has no other spelling.
		var o map[string]json.RawMessage
		if json.Unmarshal(src, &o) != nil || o["s"] == nil || v.s == nil {
			return
		}
		var s string
		if json.Unmarshal(o["s"], &s) == nil && s != *v.s {
			t.Fatalf("%q: got %q, want %q", src, *v.s, s)
		}
		if out := jsonwire.String(nil, *v.s); !json.Valid(out) {
			t.Fatalf("wrote %q", out)
		}
	})
}
