package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
	"github.com/hashicorp/cronexpr"
	netresearch "github.com/netresearch/go-cron"
	robfig "github.com/robfig/cron/v3"

	"github.com/belfry-run/belfry/expr"
)

// A nexter returns the first occurrence after an instant; the zero time stands
// for none.
type nexter func(time.Time) time.Time

// A rival is a library. parse translates an expression of EventBridge Scheduler
// into its dialect; errCannot says that the dialect has no words for it.
type rival struct {
	name    string
	version string
	parse   func(expression string, loc *time.Location) (nexter, error)
}

var errCannot = errors.New("the dialect cannot express this")

var rivals = []rival{
	{"belfry", "", func(s string, loc *time.Location) (nexter, error) {
		e, err := expr.Parse(s, loc)
		if err != nil {
			return nil, err
		}
		return func(t time.Time) time.Time {
			next, _ := e.Next(t, expr.Bounds{})
			return next
		}, nil
	}},
	{"robfig/cron", "v3.0.1", func(s string, loc *time.Location) (nexter, error) {
		f, err := translate(s)
		if err != nil {
			return nil, err
		}
		if f.year != "*" || f.special() {
			return nil, errCannot
		}
		schedule, err := robfig.ParseStandard(f.five())
		if err != nil {
			return nil, err
		}
		return func(t time.Time) time.Time { return schedule.Next(t.In(loc)) }, nil
	}},
	{"hashicorp/cronexpr", "v1.1.3", func(s string, loc *time.Location) (nexter, error) {
		f, err := translate(s)
		if err != nil {
			return nil, err
		}
		schedule, err := cronexpr.Parse("0 " + f.five() + " " + f.year)
		if err != nil {
			return nil, err
		}
		return func(t time.Time) time.Time { return schedule.Next(t.In(loc)) }, nil
	}},
	{"adhocore/gronx", "v1.20.4", func(s string, loc *time.Location) (nexter, error) {
		f, err := translate(s)
		if err != nil {
			return nil, err
		}
		text := "0 " + f.five() + " " + f.year
		if !gronx.IsValid(text) {
			return nil, errors.New("not valid")
		}
		return func(t time.Time) time.Time {
			next, err := gronx.NextTickAfter(text, t.In(loc), false)
			if err != nil {
				return time.Time{}
			}
			return next
		}, nil
	}},
	{"netresearch/go-cron", "v0.9.1", func(s string, loc *time.Location) (nexter, error) {
		f, err := translate(s)
		if err != nil {
			return nil, err
		}
		f.dow = strings.Replace(f.dow, "L", "#L", 1)
		parser := netresearch.MustNewParser(netresearch.Minute | netresearch.Hour | netresearch.Dom |
			netresearch.Month | netresearch.Dow | netresearch.Year | netresearch.Extended)
		schedule, err := parser.Parse(f.five() + " " + f.year)
		if err != nil {
			return nil, err
		}
		return func(t time.Time) time.Time { return schedule.Next(t.In(loc)) }, nil
	}},
}

// fields are those of a cron expression in the words that all rivals share:
// weekdays count from 0, ? is *, ranges over a field's end are written out.
type fields struct{ minute, hour, dom, month, dow, year string }

func (f fields) five() string {
	return strings.Join([]string{f.minute, f.hour, f.dom, f.month, f.dow}, " ")
}

func (f fields) special() bool { return strings.ContainsAny(f.dom+f.dow, "LW#") }

var (
	months   = strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	weekdays = strings.Fields("SUN MON TUE WED THU FRI SAT")
)

func translate(s string) (fields, error) {
	f := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(s, "cron("), ")"))
	if len(f) != 6 {
		return fields{}, fmt.Errorf("translate %s: %d fields", s, len(f))
	}
	out := fields{
		minute: numbers(f[0], 0, 59, nil, 0),
		hour:   numbers(f[1], 0, 23, nil, 0),
		dom:    f[2],
		month:  numbers(f[3], 1, 12, months, 0),
		dow:    f[4],
		year:   years(f[5]),
	}
	switch {
	case f[2] == "?":
		out.dom = "*"
	case !strings.ContainsAny(f[2], "LW"):
		out.dom = numbers(f[2], 1, 31, nil, 0)
	}
	switch day := f[4]; {
	case day == "?":
		out.dow = "*"
	case day == "L":
		out.dow = "6"
	case strings.HasSuffix(day, "L"):
		out.dow = numbers(strings.TrimSuffix(day, "L"), 1, 7, weekdays, -1) + "L"
	case strings.Contains(day, "#"):
		d, n, _ := strings.Cut(day, "#")
		out.dow = numbers(d, 1, 7, weekdays, -1) + "#" + n
	default:
		out.dow = numbers(day, 1, 7, weekdays, -1)
	}
	return out, nil
}

// years writes the year field. Steps are written out up to 2099, where some
// rivals end.
func years(text string) string {
	if !strings.Contains(text, "/") {
		return text
	}
	return numbers(text, 1970, 2099, nil, 0)
}

// numbers writes a field as * or as numbers and plain ranges, shifted.
func numbers(text string, lo, hi int, names []string, shift int) string {
	value := func(s string) int {
		for i, name := range names {
			if strings.EqualFold(s, name) {
				return lo + i
			}
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(err) // the expressions are our own
		}
		return n
	}
	set := make([]bool, hi-lo+1)
	for item := range strings.SplitSeq(text, ",") {
		base, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			step = value(stepText)
		}
		from, to := lo, hi
		if base != "*" {
			first, last, ranged := strings.Cut(base, "-")
			from = value(first)
			if ranged {
				to = value(last)
			} else if !stepped {
				to = from
			}
		}
		if to < from {
			to += len(set)
		}
		for v := from; v <= to; v += step {
			set[(v-lo)%len(set)] = true
		}
	}
	return written(set, lo+shift)
}

// written writes a set as *, or as a list of ranges, or of values.
func written(set []bool, lo int) string {
	var items []string
	full := true
	for i := 0; i < len(set); i++ {
		if !set[i] {
			full = false
			continue
		}
		j := i
		for j+1 < len(set) && set[j+1] {
			j++
		}
		switch {
		case j > i+1:
			items = append(items, fmt.Sprintf("%d-%d", lo+i, lo+j))
			i = j
		default:
			items = append(items, strconv.Itoa(lo+i))
		}
	}
	if full {
		return "*"
	}
	return strings.Join(items, ",")
}
