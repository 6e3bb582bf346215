package expr

import (
	"cmp"
	"strings"
)

// A field is one of the fields of an expression: the numbers that it takes and
// the names that stand for them.
type field struct {
	name      string
	min, max  int
	names     []string // of min, min+1, ...
	wraps     bool     // a range may run over the end of the field, as in 22-2
	unmarked  bool     // the dialect knows no ?
	between   string   // what stands between the ends of a range; empty: -
	shortYear bool     // 0-69 stand for 2000-2069, and 70-99 for 1970-1999
}

var (
	minuteField = &field{name: "minutes", max: 59, wraps: true}
	hourField   = &field{name: "hours", max: 23, wraps: true}
	dayField    = &field{name: "day-of-month", min: 1, max: 31, wraps: true}
	monthField  = &field{
		name: "month", min: 1, max: 12, wraps: true,
		names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	}
	weekdayField = &field{
		name: "day-of-week", min: 1, max: 7, wraps: true,
		names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"},
	}
	yearField = &field{name: "year", min: firstYear, max: lastYear}
	// Scheduled rules take years that the calendar does not reach; an expression
	// has no occurrence in them.
	ruleYearField = &field{name: "year", min: firstYear, max: 9999}
)

// parse reads a list and returns its values as a bit set. The field's values
// must be below 64.
func (f *field) parse(text string) (uint64, *SyntaxError) {
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		values, err := f.item(item)
		if err != nil {
			return 0, err
		}
		set |= values.bits()
	}
	return set, nil
}

// parseYears reads a list of years; those after the last of the calendar are
// left out of the set.
func parseYears(f *field, text string) (yearSet, *SyntaxError) {
	var set yearSet
	for item := range strings.SplitSeq(text, ",") {
		v, err := f.item(item)
		if err != nil {
			return set, err
		}
		for y := v.from; y <= min(v.to, lastYear); y += v.step {
			set.add(y - firstYear)
		}
	}
	return set, nil
}

// A span is what one item of a list stands for: from, from+step and so on up
// to to. If to is before from, it runs over the end of the field.
type span struct {
	from, to, step int
	field          *field
}

func (v span) bits() uint64 {
	size := v.field.max - v.field.min + 1
	to := v.to
	if to < v.from {
		to += size
	}
	var set uint64
	for value := v.from; value <= to; value += v.step {
		if value > v.field.max {
			set |= 1 << (value - size)
		} else {
			set |= 1 << value
		}
	}
	return set
}

// item reads *, a value or a range, each with or without a step. A step that
// is longer than the field leaves the first value only: 0/60 is 0.
func (f *field) item(text string) (span, *SyntaxError) {
	v := span{from: f.min, to: f.max, step: 1, field: f}
	base, step, stepped := strings.Cut(text, "/")
	first, last, ranged := strings.Cut(base, cmp.Or(f.between, "-"))
	switch {
	case text == "":
		return v, refuse(f.name, "has an empty item; remove the extra comma")
	case !f.unmarked && strings.Contains(text, "?"):
		return v, f.strayMark()
	case base == "*":
	default:
		var err *SyntaxError
		if v.from, err = f.value(first); err != nil {
			return v, err
		}
		switch {
		case ranged:
			if v.to, err = f.value(last); err != nil {
				return v, err
			}
		case !stepped:
			v.to = v.from
		}
	}
	if v.to < v.from && !f.wraps {
		return v, refuse(f.name, "the range %s ends before it begins; write %d%s%d", clip(base), v.to, cmp.Or(f.between, "-"), v.from)
	}
	if stepped {
		var ok bool
		if v.step, ok = number(step); !ok || v.step == 0 {
			return v, refuse(f.name, "%q is not a step; write a whole number of at least 1 after the /", clip(step))
		}
	}
	return v, nil
}

// strayMark refuses a ? where none may be.
func (f *field) strayMark() *SyntaxError {
	if f == dayField || f == weekdayField {
		return refuse(f.name, "has a ? beside other values; write ? alone")
	}
	return refuse(f.name, "has a ?, which only day-of-month and day-of-week may; write *")
}

// value reads a number or a name of the field.
func (f *field) value(text string) (int, *SyntaxError) {
	n, ok := number(text)
	if !ok {
		for i, name := range f.names {
			if strings.EqualFold(text, name) {
				return f.min + i, nil
			}
		}
		if f.names != nil {
			return 0, refuse(f.name, "%q is neither a number nor a name; write %d-%d or %s-%s",
				clip(text), f.min, f.max, f.names[0], f.names[len(f.names)-1])
		}
		return 0, refuse(f.name, "%q is not a number; write %d-%d", clip(text), f.min, f.max)
	}
	if f.shortYear && n < 100 {
		n += 1900
		if n < firstYear {
			n += 100
		}
	}
	if n < f.min || n > f.max {
		return 0, refuse(f.name, "%s is out of range; write %d-%d", clip(text), f.min, f.max)
	}
	return n, nil
}

// mostNumber is more than any field takes; longer numbers are cut to it, which
// changes nothing: they are out of range, or steps that leave the first value.
const mostNumber = 1_000_000

// number reads a whole number written in ASCII digits only.
func number(text string) (int, bool) {
	n := 0
	for _, c := range []byte(text) {
		if !digit(c) {
			return 0, false
		}
		n = min(n*10+int(c-'0'), mostNumber)
	}
	return n, text != ""
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// clip keeps what a message quotes short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
