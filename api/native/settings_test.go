package native_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
)

// oneFunction knows the function f and nothing else.
type oneFunction struct{ once *belfry.OncePer }

func (*oneFunction) FunctionARN(s belfry.Scope, name string) (string, error) {
	if strings.ContainsAny(name, " /") {
		return "", belfry.Errorf(belfry.Invalid, "FunctionName", "%q is not the name of a function.", name)
	}
	return "arn:aws:lambda:" + s.Region + ":" + s.Account + ":function:" + name, nil
}

func (*oneFunction) LogGroup(_ context.Context, arn string) (string, error) {
	return "/aws/lambda/" + arn[strings.LastIndexByte(arn, ':')+1:], nil
}

func (f *oneFunction) OncePer(_ context.Context, arn string) (*belfry.OncePer, error) {
	return f.once, f.find(arn)
}

func (f *oneFunction) SetOncePer(_ context.Context, arn string, once *belfry.OncePer) error {
	if err := f.find(arn); err != nil {
		return err
	}
	if once != nil {
		if err := once.Check(); err != nil {
			return err
		}
	}
	f.once = once
	return nil
}

func (*oneFunction) find(arn string) error {
	if arn != "arn:aws:lambda:eu-west-1::function:f" {
		return belfry.Errorf(belfry.NotFound, "FunctionName", "Function not found: %s", arn)
	}
	return nil
}

// paths are those of a schedule's and a function's settings.
func paths() [2]string {
	return [2]string{"schedules/settings?schedule=" + url.QueryEscape(prefix+"s"), "functions/f/settings"}
}

func serveSettings(t *testing.T, test func(t *testing.T, s server)) {
	serve(t, func(t *testing.T, s server) {
		s.Functions = &oneFunction{}
		s.Region = func(*http.Request) string { return "eu-west-1" }
		test(t, s)
	})
}

func TestSettingsAreSetShownAndTakenAway(t *testing.T) {
	serveSettings(t, func(t *testing.T, s server) {
		for _, path := range paths() {
			if status, out := s.send(t, "GET", path, ""); status != http.StatusOK || out["once_per"] != nil {
				t.Errorf("%s at first: %d %v", path, status, out)
			}
			for _, body := range []string{`{"once_per": {"window": "1h", "key": "$.id"}}`, `{"once_per": {"window": "occurrence"}}`, `{"once_per": null}`, `{}`} {
				status, out := s.send(t, "PUT", path, body)
				if status != http.StatusOK {
					t.Errorf("PUT %s %s: %d %v", path, body, status, out)
				}
				_, got := s.send(t, "GET", path, "")
				once, _ := got["once_per"].(map[string]any)
				if want := strings.Contains(body, "window"); (once != nil) != want || want && !strings.Contains(body, once["window"].(string)) {
					t.Errorf("after %s %s is %v", body, path, got)
				}
			}
		}
		if _, out := s.send(t, "GET", paths()[0], ""); out["schedule"] != prefix+"s" {
			t.Errorf("the schedule is %v", out)
		}
		if _, out := s.send(t, "GET", paths()[1], ""); out["function"] != "arn:aws:lambda:eu-west-1::function:f" {
			t.Errorf("the function is %v", out)
		}
	})
}

func TestSettingsThatCannotBeRight(t *testing.T) {
	serveSettings(t, func(t *testing.T, s server) {
		for _, path := range paths() {
			for body, field := range map[string]string{
				"": "", "[]": "", `{"once_per": "1h"}`: "", `{"once": {}}`: "", `{"once_per": {"window": "1h", "path": "$"}}`: "",
				`{"once_per": {}}`: "once_per.window", `{"once_per": {"window": "0h"}}`: "once_per.window",
				`{"once_per": {"window": "1h", "key": "id"}}`: "once_per.key",
			} {
				status, out := s.send(t, "PUT", path, body)
				if code, got, message := refusal(out); status != http.StatusBadRequest || code != "invalid" || got != field || message == "" {
					t.Errorf("PUT %s %s: %d %v, want a refusal of %q", path, body, status, out, field)
				}
			}
			if _, out := s.send(t, "GET", path, ""); out["once_per"] != nil {
				t.Errorf("after that %s is %v", path, out)
			}
		}
		for path, want := range map[string]int{
			"schedules/settings": 400, "schedules/settings?schedule=s": 400, "schedules/settings?schedule=" + prefix + "other": 404,
			"schedules/settings?schedule=arn:aws:events:us-east-1:000000000000:rule/r": 400,
			"functions/g/settings": 404, "functions/a%20b/settings": 400,
		} {
			for method, body := range map[string]string{"GET": "", "PUT": "{}"} {
				if status, out := s.send(t, method, path, body); status != want {
					t.Errorf("%s %s: %d %v, want %d", method, path, status, out, want)
				}
			}
		}
	})
}
