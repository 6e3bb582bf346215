package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// versioned tells which version runs it; its text changes from version to version.
const versioned = `
def handler(event, context):
    if event == "fail":
        raise ValueError("failed in version " + context.function_version)
    print("this is TEXT in version " + context.function_version)
    return ["TEXT", context.function_version, context.invoked_function_arn]
`

// publishTwice makes the function with two versions: "one" in 1, "two" in 2, and
// "three" in $LATEST.
func (s *server) publishTwice(name, role string) (arn string) {
	s.t.Helper()
	code := func(text string) string {
		return "fileb://" + s.file(text+".zip", zipOf(s.t, "app.py", strings.ReplaceAll(versioned, "TEXT", text)))
	}
	var made struct{ FunctionArn, Version string }
	s.aws(&made, "lambda", "create-function", "--function-name", name, "--runtime", "python3.12", "--handler", "app.handler",
		"--role", role, "--timeout", "20", "--zip-file", code("one"))
	s.aws(nil, "lambda", "wait", "function-active-v2", "--function-name", name)
	for i, text := range []string{"two", "three"} {
		var published struct{ FunctionArn, Version string }
		s.aws(&published, "lambda", "publish-version", "--function-name", name, "--description", "release "+text)
		if want := string(rune('1' + i)); published.Version != want || published.FunctionArn != made.FunctionArn+":"+want {
			s.t.Errorf("publish-version: %+v, want version %s", published, want)
		}
		s.aws(nil, "lambda", "wait", "published-version-active", "--function-name", name, "--qualifier", published.Version)
		s.aws(nil, "lambda", "update-function-code", "--function-name", name, "--zip-file", code(text))
		s.aws(nil, "lambda", "wait", "function-updated-v2", "--function-name", name)
	}
	return made.FunctionArn
}

// TestVersionsAndAliasesWithAWSCLI publishes, names, shifts and takes away.
func TestVersionsAndAliasesWithAWSCLI(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	arn := s.publishTwice("report", functionRole)
	invoke := func(qualifier, text, version string) {
		t.Helper()
		out := filepath.Join(s.dir, "out.json")
		var meta struct{ ExecutedVersion, FunctionError string }
		s.aws(&meta, "lambda", "invoke", "--function-name", "report", "--qualifier", qualifier, out)
		printed, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(string(printed))
		if want := `["` + text + `", "` + version + `", "` + arn + ":" + qualifier + `"]`; got != want || meta.ExecutedVersion != version || meta.FunctionError != "" {
			t.Errorf("invoke --qualifier %s: %+v, %s, want %s", qualifier, meta, got, want)
		}
	}
	invoke("1", "one", "1")
	invoke("2", "two", "2")
	invoke("$LATEST", "three", "$LATEST")
	var versions struct {
		Versions []struct{ Version, Description string }
	}
	s.aws(&versions, "lambda", "list-versions-by-function", "--function-name", "report")
	if v := versions.Versions; len(v) != 3 || v[0].Version != "$LATEST" || v[1].Version != "1" || v[2].Version != "2" || v[2].Description != "release three" {
		t.Errorf("list-versions-by-function: %+v", v)
	}
	var again struct{ Version string }
	for range 2 { // what has not changed is not published twice
		s.aws(&again, "lambda", "publish-version", "--function-name", "report")
		if again.Version != "3" {
			t.Errorf("publish-version made version %s, want 3", again.Version)
		}
	}

	type aliasShown struct {
		AliasArn, Name, FunctionVersion string
		RoutingConfig                   struct{ AdditionalVersionWeights map[string]float64 }
	}
	var alias aliasShown
	s.aws(&alias, "lambda", "create-alias", "--function-name", "report", "--name", "live", "--function-version", "1")
	if alias.AliasArn != arn+":live" || alias.FunctionVersion != "1" {
		t.Errorf("create-alias: %+v", alias)
	}
	s.awsFails("ResourceConflictException", "lambda", "create-alias", "--function-name", "report", "--name", "live", "--function-version", "2")
	s.awsFails("ResourceNotFoundException", "lambda", "create-alias", "--function-name", "report", "--name", "none", "--function-version", "9")
	invoke("live", "one", "1")
	// All invocations, then none, go to the additional version.
	s.aws(&alias, "lambda", "update-alias", "--function-name", "report", "--name", "live", "--routing-config", "AdditionalVersionWeights={2=1.0}")
	if alias.FunctionVersion != "1" || alias.RoutingConfig.AdditionalVersionWeights["2"] != 1 {
		t.Errorf("update-alias: %+v", alias)
	}
	for range 3 {
		invoke("live", "two", "2")
	}
	for _, version := range []string{"1", "2"} {
		s.awsFails("ResourceConflictException", "lambda", "delete-function", "--function-name", "report", "--qualifier", version)
	}
	s.aws(nil, "lambda", "update-alias", "--function-name", "report", "--name", "live", "--routing-config", "AdditionalVersionWeights={}")
	invoke("live", "one", "1")
	var aliases struct{ Aliases []aliasShown }
	s.aws(&aliases, "lambda", "list-aliases", "--function-name", "report")
	if a := aliases.Aliases; len(a) != 1 || a[0].Name != "live" || a[0].FunctionVersion != "1" || len(a[0].RoutingConfig.AdditionalVersionWeights) != 0 {
		t.Errorf("list-aliases: %+v", a)
	}

	s.aws(nil, "lambda", "delete-function", "--function-name", "report", "--qualifier", "2") // nobody uses it any more
	s.awsFails("ResourceNotFoundException", "lambda", "invoke", "--function-name", "report:2", "/dev/null")
	s.awsFails("ResourceConflictException", "lambda", "delete-function", "--function-name", "report", "--qualifier", "1")
	s.aws(nil, "lambda", "delete-alias", "--function-name", "report", "--name", "live")
	s.awsFails("ResourceNotFoundException", "lambda", "get-alias", "--function-name", "report", "--name", "live")
	s.awsFails("ResourceNotFoundException", "lambda", "invoke", "--function-name", "report", "--qualifier", "live", "/dev/null")
	s.aws(nil, "lambda", "delete-function", "--function-name", "report", "--qualifier", "1")
	invoke("$LATEST", "three", "$LATEST")
}

// TestAScheduleRunsTheVersionThatItNames, by number and by alias, if its role may
// invoke just that; what goes wrong names it.
func TestAScheduleRunsTheVersionThatItNames(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	dead := s.createQueue("dead")
	arn := s.publishTwice("report", s.role("worker", trustPolicy("lambda.amazonaws.com"), ""))
	s.aws(nil, "lambda", "create-alias", "--function-name", "report", "--name", "live", "--function-version", "2")
	allow := func(name, resource string) (role string) {
		return s.role(name, trustPolicy("scheduler.amazonaws.com"), `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "`+resource+`"},
			{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "`+dead+`"}]}`)
	}
	one, live, unqualified := allow("one", arn+":1"), allow("live", arn+":live"), allow("unqualified", arn)
	now := at(time.Now())
	schedule := func(name, target, role, input string) ledgerRun {
		t.Helper()
		s.createSchedule(name, now, map[string]any{
			"Arn": target, "RoleArn": role, "Input": input, "DeadLetterConfig": map[string]any{"Arn": dead},
			"RetryPolicy": map[string]any{"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 3600},
		})
		return s.ended(name, 1, 60*time.Second)[0]
	}
	for name, c := range map[string]struct{ target, role, printed string }{
		"by-number": {arn + ":1", one, "this is one in version 1\n"},
		"by-alias":  {arn + ":live", live, "this is two in version 2\n"},
	} {
		run := schedule(name, c.target, c.role, `"work"`)
		if log := s.belfry("logs", "--run", run.ID); run.Outcome != "succeeded" || !strings.Contains(log, c.printed) {
			t.Errorf("%s: %+v, its log\n%s\nwant %s", name, run, log, c.printed)
		}
	}

	// After an alias has moved, its schedules run what it leads to now.
	s.aws(nil, "lambda", "update-alias", "--function-name", "report", "--name", "live", "--function-version", "1")
	if log := s.belfry("logs", "--run", schedule("moved", arn+":live", live, `"work"`).ID); !strings.Contains(log, "this is one in version 1\n") {
		t.Errorf("after the alias has moved the log is\n%s", log)
	}

	// A handler's error, a version that is not there, and roles that may invoke
	// another ARN of the same function: all are told with the qualified name.
	for name, c := range map[string]struct{ target, role, code, message string }{
		"failing":        {arn + ":live", live, "ValueError", "failed in version 1"},
		"missing":        {arn + ":9", allow("nine", arn+":9"), "Lambda.ResourceNotFoundException", arn + ":9"},
		"role-of-all":    {arn + ":live", unqualified, "AccessDeniedException", "lambda:InvokeFunction on resource: " + arn + ":live"},
		"role-of-one":    {arn + ":live", one, "AccessDeniedException", "lambda:InvokeFunction on resource: " + arn + ":live"},
		"role-of-alias":  {arn, live, "AccessDeniedException", "lambda:InvokeFunction on resource: " + arn},
		"role-of-number": {arn + ":2", one, "AccessDeniedException", "lambda:InvokeFunction on resource: " + arn + ":2"},
	} {
		run := schedule(name, c.target, c.role, `"fail"`)
		if run.Outcome != "dead_lettered" || len(run.Attempts) != 1 || run.Attempts[0].ErrorCode != c.code || !strings.Contains(run.Attempts[0].ErrorMessage, c.message) {
			t.Errorf("%s: %+v, want one attempt with %s: %s", name, run, c.code, c.message)
		}
		m := s.receive("dead")
		if a := m.MessageAttributes; a["TARGET_ARN"].StringValue != c.target || a["SCHEDULE_ARN"].StringValue != scheduleARN(name) ||
			a["ERROR_CODE"].StringValue != c.code || m.Body != `"fail"` {
			t.Errorf("the dead letter of %s is %+v, want the target %s", name, m, c.target)
		}
		if why := s.belfry("why", name, run.ScheduledTime.Format(time.RFC3339)); !strings.Contains(why, c.message) {
			t.Errorf("belfry why %s does not say %q:\n%s", name, c.message, why)
		}
	}
	// The same holds for a signed call of somebody who has taken on such a role.
	caller := s.assume(s.role("caller", strings.Replace(trustPolicy(""), `"Service": ""`, `"AWS": "`+account+`"`, 1),
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "`+arn+`:1"}]}`))
	for path, want := range map[string]int{"report:1": http.StatusOK, "report:2": http.StatusForbidden, "report:live": http.StatusForbidden, "report": http.StatusForbidden} {
		got, err := s.as(caller).do("lambda", http.MethodPost, "/2015-03-31/functions/"+path+"/invocations", "", []byte(`"work"`))
		if err != nil || got.status != want {
			t.Errorf("invoke %s: %d %s, %v, want %d", path, got.status, got.body, err, want)
		}
	}
}

// assume takes a role on.
func (s *server) assume(role string) caller {
	s.t.Helper()
	var got struct {
		Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	}
	s.aws(&got, "sts", "assume-role", "--role-arn", role, "--role-session-name", "test")
	c := got.Credentials
	return caller{key: c.AccessKeyID, secret: c.SecretAccessKey, token: c.SessionToken, account: account}
}
