package table

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// Limits of numbers (semantics.md 5; Amazon DynamoDB's "Naming rules and data types").
const (
	maxDigits   = 38
	maxExponent = 125  // of the first digit
	minExponent = -130 // of the first digit
)

// A number is an exact decimal: 0.digits times ten to the exp. digits have
// neither leading nor trailing zeros; zero has none.
type number struct {
	neg    bool
	digits string
	exp    int
}

// parseNumber reads a number as clients write it: 1, -0.5, .5, 1e-3.
func parseNumber(s string) (n number, err error) {
	bad := func() (number, error) {
		if s == "" {
			return n, invalid("The parameter cannot be converted to a numeric value")
		}
		return n, invalid("The parameter cannot be converted to a numeric value: %s", s[:min(len(s), 256)])
	}
	rest := s
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		n.neg = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent, scientific := rest, "", false
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent, scientific = rest[:i], rest[i+1:], true
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return bad()
	}
	shift := 0
	if scientific {
		unsigned := strings.TrimLeft(exponent, "+-")
		if unsigned == "" || len(exponent)-len(unsigned) > 1 || !allDigits(unsigned) {
			return bad()
		}
		if shift, err = strconv.Atoi(exponent); err != nil || shift > 1<<30 || shift < -1<<30 {
			shift = 1 << 30 // beyond every limit, whatever the digits
			if exponent[0] == '-' {
				shift = -1 << 30
			}
		}
	}
	all := whole + fraction
	digits := strings.TrimLeft(all, "0")
	n.exp = len(whole) - (len(all) - len(digits)) + shift
	n.digits = strings.TrimRight(digits, "0")
	return n.checked()
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// checked returns n when it is within the limits.
func (n number) checked() (number, error) {
	switch {
	case n.digits == "":
		return number{}, nil
	case len(n.digits) > maxDigits:
		return n, invalid("Attempting to store more than 38 significant digits in a Number")
	case n.exp-1 > maxExponent:
		return n, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case n.exp-1 < minExponent:
		return n, invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return n, nil
}

// mustNumber reads a number that has been checked before.
func mustNumber(s string) number {
	n, err := parseNumber(s)
	if err != nil {
		return number{} // a store that was tampered with
	}
	return n
}

// String returns the number in plain notation.
func (n number) String() string {
	if n.digits == "" {
		return "0"
	}
	var b strings.Builder
	if n.neg {
		b.WriteByte('-')
	}
	switch {
	case n.exp <= 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -n.exp))
		b.WriteString(n.digits)
	case n.exp >= len(n.digits):
		b.WriteString(n.digits)
		b.WriteString(strings.Repeat("0", n.exp-len(n.digits)))
	default:
		b.WriteString(n.digits[:n.exp])
		b.WriteByte('.')
		b.WriteString(n.digits[n.exp:])
	}
	return b.String()
}

// cmp compares exactly.
func (n number) cmp(m number) int {
	sign := func(x number) int {
		switch {
		case x.digits == "":
			return 0
		case x.neg:
			return -1
		}
		return 1
	}
	s := sign(n)
	if c := cmp.Compare(s, sign(m)); c != 0 || s == 0 {
		return c
	}
	return s * cmp.Or(cmp.Compare(n.exp, m.exp), cmp.Compare(n.digits, m.digits))
}

// add returns the exact sum, or an error when that has too many digits or is
// too large.
func (n number) add(m number) (number, error) {
	low := min(n.exp-len(n.digits), m.exp-len(m.digits))
	sum := n.scaled(low)
	sum.Add(sum, m.scaled(low))
	r := number{neg: sum.Sign() < 0}
	text := sum.Abs(sum).String()
	r.exp = len(text) + low
	r.digits = strings.TrimRight(text, "0")
	return r.checked()
}

// sub returns the exact difference, as add does the sum.
func (n number) sub(m number) (number, error) {
	m.neg = !m.neg
	return n.add(m)
}

// scaled returns n divided by ten to the low, a whole number.
func (n number) scaled(low int) *big.Int {
	i := new(big.Int)
	if n.digits == "" {
		return i
	}
	i.SetString(n.digits+strings.Repeat("0", n.exp-len(n.digits)-low), 10)
	if n.neg {
		i.Neg(i)
	}
	return i
}

// floor returns the largest integer that is not above n; ok is false when that
// has more than 15 digits.
func (n number) floor() (i int64, ok bool) {
	if n.digits == "" {
		return 0, true
	}
	if n.exp > 15 {
		return 0, false
	}
	whole := n.digits[:max(0, min(n.exp, len(n.digits)))]
	if whole != "" {
		if i, _ = strconv.ParseInt(whole+strings.Repeat("0", n.exp-len(whole)), 10, 64); n.neg {
			i = -i
		}
	}
	if n.neg && len(whole) < len(n.digits) {
		i--
	}
	return i, true
}

// size is about a byte for two digits, and one.
func (n number) size() int {
	size := (len(n.digits)+1)/2 + 1
	if n.neg {
		size++
	}
	return size
}

// sortKey returns bytes that are in the order of the numbers.
func (n number) sortKey() []byte {
	if n.digits == "" {
		return []byte{1}
	}
	b := append([]byte{2, byte(n.exp - minExponent)}, n.digits...)
	if !n.neg {
		return b
	}
	b[0] = 0
	for i := range b[1:] {
		b[i+1] = ^b[i+1]
	}
	return append(b, 0xff) // a negative number with more digits is smaller
}
