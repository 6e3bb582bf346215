package expr

import (
	"strings"
	"time"
)

// ParseRule reads s in the dialect of EventBridge's scheduled rules, which is
// stricter than Scheduler's (semantics.md 2.2):
//
//   - the forms are cron(...) and rate(...), in lower case; there is no at(...);
//   - cron has all six fields and is in UTC;
//   - rate has one blank and a unit that agrees with its value: 1 minute, 5 minutes.
//
// Years up to 9999 are accepted, but nothing is due after 2199. The error is a
// [*SyntaxError]. An expression that both dialects have is due at the same times
// in both.
func ParseRule(s string) (*Expression, error) {
	keyword, body, err := split(s)
	switch {
	case err != nil:
	case !strings.HasPrefix(s, keyword):
		err = refuse("", "begins with upper case; write %s(...)", keyword)
	case keyword == "at":
		err = refuse("", "a rule has no at(...); write cron(...) or rate(...)")
	case keyword == "rate":
		err = checkRuleRate(body)
	default:
		if n := len(cronFields(body)); n != 6 {
			err = refuse("", "has %d fields; write minutes hours day-of-month month day-of-week year", n)
		}
	}
	if err != nil {
		err.Expression = s
		return nil, err
	}
	return build(s, keyword, body, time.UTC, ruleYearField)
}

// checkRuleRate refuses what Scheduler takes and a rule does not. Whether the
// value is a number, and not 0, is parseRate's to say.
func checkRuleRate(body string) *SyntaxError {
	const field = "rate"
	value, unit, _ := strings.Cut(body, " ")
	one, plural := strings.CutSuffix(unit, "s")
	switch one {
	case "minute", "hour", "day":
	default:
		return refuse(field, "%q is not a value, a blank and a unit; write minutes, hours or days in lower case", clip(body))
	}
	if n, ok := number(value); ok && (n == 1) == plural {
		if n == 1 {
			return refuse(field, "the value is 1; write %s", one)
		}
		return refuse(field, "the value is not 1; write %ss", one)
	}
	return nil
}
