package jsonwire

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// number consumes a number and returns its text; integer says that it has
// neither fraction nor exponent.
func (d *Decoder) number(want string) (text []byte, integer, ok bool) {
	if d.err != nil || d.Null() || d.err != nil {
		return nil, false, false
	}
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		d.mismatch(want)
		return nil, false, false
	}
	start := d.pos
	integer, ok = d.scanNumber()
	if !ok {
		d.syntax()
		return nil, false, false
	}
	return d.src[start:d.pos], integer, true
}

func (d *Decoder) scanNumber() (integer, ok bool) {
	if d.src[d.pos] == '-' {
		d.pos++
	}
	if d.pos < len(d.src) && d.src[d.pos] == '0' {
		d.pos++
	} else if !d.digits() {
		return false, false
	}
	integer = true
	if d.pos < len(d.src) && d.src[d.pos] == '.' {
		integer = false
		d.pos++
		if !d.digits() {
			return false, false
		}
	}
	if d.pos < len(d.src) && d.src[d.pos]|0x20 == 'e' {
		integer = false
		d.pos++
		if d.pos < len(d.src) && (d.src[d.pos] == '+' || d.src[d.pos] == '-') {
			d.pos++
		}
		if !d.digits() {
			return false, false
		}
	}
	return integer, true
}

func (d *Decoder) digits() bool {
	start := d.pos
	for d.pos < len(d.src) && d.src[d.pos] >= '0' && d.src[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > start
}

func (d *Decoder) integer(bits int) (int64, bool) {
	text, integer, ok := d.number("an integer")
	if !ok {
		return 0, false
	}
	if !integer {
		d.fail("must be an integer, not a number with a fraction or exponent")
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, bits)
	if err != nil {
		d.fail("does not fit an integer of " + strconv.Itoa(bits) + " bits")
		return 0, false
	}
	return n, true
}

// Int reads an integer of 32 bits; nil is null.
func (d *Decoder) Int() *int {
	n, ok := d.integer(32)
	if !ok {
		return nil
	}
	if len(d.ints) == 0 {
		d.ints = make([]int, 4)
	}
	p := &d.ints[0]
	d.ints = d.ints[1:]
	*p = int(n)
	return p
}

// Int64 reads an integer of 64 bits; nil is null.
func (d *Decoder) Int64() *int64 {
	n, ok := d.integer(64)
	if !ok {
		return nil
	}
	return &n
}

// Float reads a number; nil is null.
func (d *Decoder) Float() *float64 {
	text, _, ok := d.number("a number")
	if !ok {
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		d.fail("is out of range")
		return nil
	}
	return &f
}

// The instants that a timestamp can name: the years 1 to 9999.
const (
	minEpoch = -62135596800
	maxEpoch = 253402300799
)

// Time reads seconds since 1970, with or without a fraction; nil is null. The
// fraction is exact to the nanosecond when the number has no exponent.
func (d *Decoder) Time() *time.Time {
	text, _, ok := d.number("a number of seconds since 1970")
	if !ok {
		return nil
	}
	sec, nsec, ok := epoch(text)
	if !ok {
		d.fail("is not a time between the years 1 and 9999")
		return nil
	}
	t := time.Unix(sec, nsec).UTC()
	return &t
}

func epoch(text []byte) (sec, nsec int64, ok bool) {
	if bytes.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil || f < minEpoch || f >= maxEpoch+1 {
			return 0, 0, false
		}
		whole := math.Floor(f)
		return int64(whole), int64(math.Round((f-whole)*1e6)) * 1000, true
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	sec, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || sec < minEpoch || sec > maxEpoch {
		return 0, 0, false
	}
	for i := range 9 {
		nsec *= 10
		if i < len(fraction) {
			nsec += int64(fraction[i] - '0')
		}
	}
	if text[0] == '-' {
		nsec = -nsec
		if sec == minEpoch && nsec != 0 {
			return 0, 0, false
		}
	}
	return sec, nsec, true
}
