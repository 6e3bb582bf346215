package table

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "0.00": "0", "0e50": "0", "1": "1", "+1": "1", "007": "7", "1.50": "1.5", ".5": "0.5", "5.": "5",
		"-1.5": "-1.5", "1e3": "1000", "1E+3": "1000", "1.5e-3": "0.0015", "123.456e1": "1234.56",
		"1e125":  "1" + strings.Repeat("0", 125),
		"1e-130": "0." + strings.Repeat("0", 129) + "1",
		"-9.9999999999999999999999999999999999999e125": "-" + strings.Repeat("9", 38) + strings.Repeat("0", 88),
		"12345678901234567890123456789012345678":       "12345678901234567890123456789012345678",
		"100000000000000000000000000000000000000000":   "100000000000000000000000000000000000000000",
	} {
		n, err := parseNumber(in)
		if err != nil || n.String() != want {
			t.Errorf("%s is %s, %v, want %s", in, n, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "cannot be converted", "x": "cannot be converted", ".": "cannot be converted", "1e": "cannot be converted", "1e+": "cannot be converted",
		"1e+-1": "cannot be converted", "--1": "cannot be converted", "1 ": "cannot be converted", "1.2.3": "cannot be converted", "NaN": "cannot be converted",
		"0x1": "cannot be converted", "1_0": "cannot be converted",
		"1e126": "overflow", "-1e126": "overflow", "1e99999999999999999999": "overflow",
		"1e-131": "underflow", "1e-99999999999999999999": "underflow",
		"123456789012345678901234567890123456789": "38 significant digits", "1.00000000000000000000000000000000000001": "38 significant digits",
	} {
		if _, err := parseNumber(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", in, err, want)
		}
	}
}

// someNumber returns a number of up to 20 digits, and the same as a fraction.
func someNumber(r *rand.Rand) (string, *big.Rat) {
	digits := ""
	for range 1 + r.IntN(20) {
		digits += string(rune('0' + r.IntN(10)))
	}
	if at := r.IntN(len(digits) + 1); at < len(digits) {
		digits = digits[:at] + "." + digits[at:]
	}
	if digits[0] == '.' {
		digits = "0" + digits
	}
	if r.IntN(2) == 0 {
		digits = "-" + digits
	}
	f, ok := new(big.Rat).SetString(digits)
	if !ok {
		panic(digits)
	}
	return digits, f
}

func TestNumbersAgreeWithFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		a, fa := someNumber(r)
		b, fb := someNumber(r)
		if r.IntN(10) == 0 {
			b, fb = a, fa
		}
		m, n := mustNumber(a), mustNumber(b)
		want := fa.Cmp(fb)
		if got := m.cmp(n); got != want {
			t.Fatalf("cmp(%s, %s) is %d, want %d", a, b, got, want)
		}
		if got := bytes.Compare(m.sortKey(), n.sortKey()); got != want {
			t.Fatalf("the sort keys of %s and %s compare as %d, want %d", a, b, got, want)
		}
		for op, do := range map[string]func() (number, error){"+": func() (number, error) { return m.add(n) }, "-": func() (number, error) { return m.sub(n) }} {
			exact := new(big.Rat).Add(fa, fb)
			if op == "-" {
				exact.Sub(fa, fb)
			}
			got, err := do()
			if err != nil {
				if len(strings.Trim(strings.Replace(exact.FloatString(25), ".", "", 1), "-0")) <= maxDigits {
					t.Fatalf("%s %s %s: %v", a, op, b, err)
				}
				continue
			}
			if f, _ := new(big.Rat).SetString(got.String()); f.Cmp(exact) != 0 {
				t.Fatalf("%s %s %s is %s, want %s", a, op, b, got, exact.FloatString(25))
			}
		}
		floor := new(big.Int).Div(fa.Num(), fa.Denom()) // towards minus infinity: the denominator is positive
		if got, ok := m.floor(); ok && floor.Cmp(big.NewInt(got)) != 0 || !ok && floor.CmpAbs(big.NewInt(1e15)) < 0 {
			t.Fatalf("floor(%s) is %d, %t, want %s", a, got, ok, floor)
		}
	}
}

func TestSumsHaveLimits(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"9e125", "1e125", "overflow"},
		{"1e125", "1", "38 significant digits"},
		{"1e-130", "1e-130", ""},
		{"99999999999999999999999999999999999999", "1", ""},
		{"99999999999999999999999999999999999999", "2", "38 significant digits"},
	} {
		_, err := mustNumber(c.a).add(mustNumber(c.b))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s + %s: error is %v, want %q", c.a, c.b, err, c.want)
		}
	}
}
