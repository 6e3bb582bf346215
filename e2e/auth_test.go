package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestIAMAndSTSWithBoto3 runs testdata/iam.py, whose assertions are its own.
func TestIAMAndSTSWithBoto3(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	s.boto3("iam.py", account)
	other := s.newAccount("111111111111")
	s.as(other).boto3("iam.py", other.account)
}

const otherAccount = "111111111111"

// TestOnlySignedRequests: the AWS CLI and plain HTTP against a server that
// checks signatures.
func TestOnlySignedRequests(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	s.aws(nil, "scheduler", "list-schedules")
	s.aws(nil, "lambda", "list-functions")
	s.aws(nil, "sqs", "list-queues")
	var me struct{ Account string }
	s.aws(&me, "sts", "get-caller-identity")
	if me.Account != account {
		t.Errorf("the root key is of account %q", me.Account)
	}

	wrong := s.as(caller{key: s.who.key, secret: "wrong"})
	wrong.awsFails("InvalidSignatureException", "scheduler", "list-schedules")
	wrong.awsFails("SignatureDoesNotMatch", "sqs", "list-queues")
	wrong.awsFails("SignatureDoesNotMatch", "iam", "list-roles")
	s.as(caller{key: "AKIA0000000000000000", secret: "x"}).awsFails("UnrecognizedClientException", "lambda", "list-functions")
	s.as(caller{key: "AKIA0000000000000000", secret: "x"}).awsFails("InvalidClientTokenId", "sts", "get-caller-identity")

	// Unsigned, and changed on the way.
	for _, path := range []string{"/schedules", "/2015-03-31/functions", "/belfry/v1/runs?schedule=x", "/belfry/v1/keys", "/belfry/v1/identity", "/belfry/v1/nothing"} {
		resp, err := s.http.Get(s.endpoint + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("unsigned GET %s: %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		resp, err := s.http.Get(s.endpoint + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("unsigned GET %s: %d", path, resp.StatusCode)
		}
	}
	body := []byte(`{"QueueName": "q"}`)
	req, err := http.NewRequest(http.MethodPost, s.endpoint+"/", bytes.NewReader([]byte(`{"QueueName": "r"}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AmazonSQS.CreateQueue")
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	if err := s.who.sign(req, "sqs", body); err != nil {
		t.Fatal(err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another body than the one that was signed: %d", resp.StatusCode)
	}
	// A signature for one service is none for the native API.
	got, err := s.do("sqs", http.MethodGet, "/belfry/v1/keys", "", nil)
	if err != nil || got.status != http.StatusForbidden {
		t.Errorf("the native API signed for sqs: %d %s, %v", got.status, got.body, err)
	}

	// A link that somebody else was given works until it expires.
	req, err = http.NewRequest(http.MethodGet, s.endpoint+"/schedules?X-Amz-Expires=300", nil)
	if err != nil {
		t.Fatal(err)
	}
	const noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	link, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: s.who.key, SecretAccessKey: s.who.secret},
		req, noBody, "scheduler", region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err = s.http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a presigned link: %d", resp.StatusCode)
	}

	// A key that is revoked is refused at once, and stays so.
	key := s.newAccount(otherAccount)
	s.as(key).aws(nil, "scheduler", "list-schedules")
	s.belfry("keys", "revoke", key.key)
	s.as(key).awsFails("UnrecognizedClientException", "scheduler", "list-schedules")
	s.stop()
	s.start()
	s.aws(nil, "scheduler", "list-schedules")
	s.as(key).awsFails("UnrecognizedClientException", "scheduler", "list-schedules")
}

// TestAccountsDoNotSeeEachOther: whatever one account has, another neither
// sees, changes nor reaches.
func TestAccountsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	who := s.newAccount(otherAccount)
	other := s.as(who)

	const ownRole = "arn:aws:iam::" + account + ":role/belfry"
	const othersRole = "arn:aws:iam::" + otherAccount + ":role/belfry"
	queue := s.createQueue("secret")
	s.aws(nil, "lambda", "create-function", "--function-name", "secret", "--runtime", "python3.12", "--handler", "handler.handler",
		"--role", ownRole, "--zip-file", "fileb://"+s.file("f.zip", functionZip(t)))
	s.createSchedule("secret", at(time.Now().Add(-time.Second)), map[string]any{"Arn": queue, "RoleArn": ownRole, "Input": "ours"})
	s.aws(nil, "iam", "create-role", "--role-name", "secret", "--assume-role-policy-document", trustPolicy("scheduler.amazonaws.com"))
	s.receive("secret")
	s.ended("secret", 1, 30*time.Second)

	// Nothing of it is listed or found.
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"scheduler", "list-schedules"}, `{"Schedules":[]}`},
		{[]string{"lambda", "list-functions"}, `{"Functions":[]}`},
		{[]string{"sqs", "list-queues"}, ``},
		{[]string{"iam", "list-roles", "--query", "Roles[].RoleName"}, `["belfry"]`},
	} {
		stdout, stderr, err := other.runAWS(c.args...)
		if got := strings.Join(strings.Fields(string(stdout)), ""); err != nil || got != c.want {
			t.Errorf("aws %v: %v %s %s, want %s", c.args, err, stdout, stderr, c.want)
		}
	}
	other.awsFails("ResourceNotFoundException", "scheduler", "get-schedule", "--name", "secret")
	other.awsFails("ResourceNotFoundException", "lambda", "get-function", "--function-name", "secret")
	other.awsFails("AccessDeniedException", "lambda", "invoke", "--function-name", "arn:aws:lambda:"+region+":"+account+":function:secret", "/dev/null")
	other.awsFails("AccessDenied", "sqs", "receive-message", "--queue-url", s.queueURL("secret"))
	other.awsFails("AccessDenied", "sqs", "send-message", "--queue-url", s.queueURL("secret"), "--message-body", "x")
	other.awsFails("NoSuchEntity", "iam", "get-role", "--role-name", "secret")
	other.awsFails("AccessDenied", "sts", "assume-role", "--role-arn", "arn:aws:iam::"+account+":role/secret", "--role-session-name", "me")

	// Nor through the native API, which does not tell whether it is there.
	for _, path := range []string{"runs", "ledger", "why"} {
		for _, name := range []string{"secret", "none"} {
			query := url.Values{"schedule": {scheduleARN(name)}, "time": {"2026-03-01T00:00:00Z"}}
			got, err := other.do("", http.MethodGet, "/belfry/v1/"+path+"?"+query.Encode(), "", nil)
			if err != nil || got.status != http.StatusForbidden || !strings.Contains(string(got.body), "belongs to another account") {
				t.Errorf("%s of %s: %d %s, %v", path, name, got.status, got.body, err)
			}
		}
	}
	got, err := other.do("", http.MethodGet, "/belfry/v1/keys", "", nil)
	if err != nil || got.status != http.StatusOK || strings.Contains(string(got.body), s.who.key) || !strings.Contains(string(got.body), who.key) {
		t.Errorf("keys: %d %s, %v", got.status, got.body, err)
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPost, "keys", `{"account": "` + account + `"}`},
		{http.MethodGet, "keys?account=" + account, ""},
		{http.MethodDelete, "keys/" + s.who.key, ""},
	} {
		got, err := other.do("", c.method, "/belfry/v1/"+c.path, "", []byte(c.body))
		if err != nil || got.status != http.StatusForbidden && got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s, %v", c.method, c.path, got.status, got.body, err)
		}
	}

	// A schedule of the other account reaches nothing of this one, whatever its
	// role allows; nor can it borrow a role.
	other.createSchedule("thief", at(time.Now()), map[string]any{"Arn": queue, "RoleArn": othersRole, "Input": "theirs"})
	var run ledgerRun
	s.eventually("the thief's run", 30*time.Second, func() bool {
		var got struct{ Items []ledgerRun }
		other.native("runs", url.Values{"schedule": {"arn:aws:scheduler:" + region + ":" + otherAccount + ":schedule/default/thief"}}, &got)
		if len(got.Items) == 1 {
			run = got.Items[0]
		}
		return len(got.Items) == 1 && run.final()
	})
	if run.Outcome != "failed" || len(run.Attempts) != 1 || run.Attempts[0].ErrorCode != "AccessDeniedException" ||
		!strings.Contains(run.Attempts[0].ErrorMessage, "belongs to another account") {
		t.Errorf("the thief's run is %+v", run)
	}
	refused, err := other.do("scheduler", http.MethodPost, "/schedules/borrower", "", mustJSON(t, scheduleBody("rate(1 hour)", map[string]any{"Arn": queue, "RoleArn": ownRole})))
	if err != nil || refused.status != http.StatusBadRequest || !strings.Contains(string(refused.body), executionRole) {
		t.Errorf("a borrowed role: %d %s, %v", refused.status, refused.body, err)
	}
	// The verbs find the account of the access key by themselves.
	if out := other.belfry("runs", "thief"); !strings.Contains(out, "belongs to another account") {
		t.Errorf("belfry runs thief:\n%s", out)
	}
}

const executionRole = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func trustPolicy(service string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": %q}, "Action": "sts:AssumeRole"}]}`, service)
}

// role makes a role with a trust policy and, unless it is empty, a policy.
func (s *server) role(name, trust, policy string) (arn string) {
	s.t.Helper()
	var made struct{ Role struct{ Arn string } }
	s.aws(&made, "iam", "create-role", "--role-name", name, "--assume-role-policy-document", trust)
	if policy != "" {
		s.aws(nil, "iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document", policy)
	}
	return made.Role.Arn
}

// TestRolesOfSchedules: what a role must trust when a schedule is written, and
// allow when it runs.
func TestRolesOfSchedules(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	queue, dead := s.createQueue("work"), s.createQueue("dead")
	s.createQueue("other")
	condition := func(sourceARN string) string {
		return strings.Replace(trustPolicy("scheduler.amazonaws.com"), `"Action"`,
			`"Condition": {"StringEquals": {"aws:SourceAccount": "`+account+`"}, "ArnLike": {"aws:SourceArn": "`+sourceARN+`"}}, "Action"`, 1)
	}
	group := "arn:aws:scheduler:" + region + ":" + account + ":schedule-group/default"
	send := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ["` + queue + `", "` + dead + `"]}]}`
	sender := s.role("sender", condition(group), send)

	create := func(name string, target map[string]any) answer {
		t.Helper()
		got, err := s.do("scheduler", http.MethodPost, "/schedules/"+name, "", mustJSON(t, scheduleBody(at(time.Now()), target)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, role := range map[string]string{
		"none":     "arn:aws:iam::" + account + ":role/none",
		"lambda":   s.role("lambda", trustPolicy("lambda.amazonaws.com"), ""),
		"schedule": s.role("schedule", condition("arn:aws:scheduler:"+region+":"+account+":schedule/default/x"), send),
		"foreign":  "arn:aws:iam::" + otherAccount + ":role/belfry",
	} {
		got := create(name, map[string]any{"Arn": queue, "RoleArn": role})
		if got.status != http.StatusBadRequest || got.header.Get("X-Amzn-Errortype") != "ValidationException" || !strings.Contains(string(got.body), executionRole) {
			t.Errorf("a role that is %s: %d %s", name, got.status, got.body)
		}
	}

	letters := map[string]any{"Arn": dead}
	if got := create("good", map[string]any{"Arn": queue, "RoleArn": sender, "Input": "hello"}); got.status != http.StatusOK {
		t.Fatalf("create: %d %s", got.status, got.body)
	}
	if m := s.receive("work"); m.Body != "hello" {
		t.Errorf("received %q", m.Body)
	}
	// Denied is permanent: one attempt, then the dead-letter queue.
	create("denied", map[string]any{"Arn": "arn:aws:sqs:" + region + ":" + account + ":other", "RoleArn": sender, "Input": "no", "DeadLetterConfig": letters})
	if m := s.receive("dead"); m.Body != "no" || m.MessageAttributes["ERROR_CODE"].StringValue != "AccessDeniedException" ||
		!strings.Contains(m.MessageAttributes["ERROR_MESSAGE"].StringValue, "is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:"+region+":"+account+":other because no identity-based policy allows") {
		t.Errorf("the dead letter is %+v", m)
	}
	if run := s.ended("denied", 1, 30*time.Second)[0]; run.Outcome != "dead_lettered" || len(run.Attempts) != 1 || run.Attempts[0].Result != "permanent_error" {
		t.Errorf("the denied run is %+v", run)
	}
	// The dead-letter queue takes the role's permission too.
	create("nowhere", map[string]any{
		"Arn": "arn:aws:sqs:" + region + ":" + account + ":none", "RoleArn": sender,
		"DeadLetterConfig": map[string]any{"Arn": "arn:aws:sqs:" + region + ":" + account + ":other"},
	})
	if run := s.ended("nowhere", 1, 30*time.Second)[0]; run.Outcome != "failed" || !strings.Contains(run.Reason, "could not be put into the dead-letter queue") {
		t.Errorf("the run without a dead-letter queue is %+v", run)
	}
	// What is taken from a role is taken at once.
	s.aws(nil, "iam", "delete-role-policy", "--role-name", "sender", "--policy-name", "p")
	create("late", map[string]any{"Arn": queue, "RoleArn": sender})
	if run := s.ended("late", 1, 30*time.Second)[0]; run.Outcome != "failed" || !strings.Contains(run.Reason, "AccessDeniedException") && !strings.Contains(run.Reason, "not authorized") {
		t.Errorf("the run of a role without policies is %+v", run)
	}
}

// TestPermissive: signatures are checked, roles are not.
func TestPermissive(t *testing.T) {
	t.Parallel()
	s := startSigned(t, "--permissive")
	queue := s.createQueue("work")
	s.createSchedule("free", at(time.Now()), map[string]any{"Arn": queue, "Input": "free"})
	if m := s.receive("work"); m.Body != "free" {
		t.Errorf("received %q", m.Body)
	}
	s.as(caller{key: s.who.key, secret: "wrong"}).awsFails("InvalidSignatureException", "scheduler", "list-schedules")
}

const callBack = `
import boto3, os

def handler(event, context):
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=event["queue"])["QueueUrl"]
    try:
        sqs.receive_message(QueueUrl=url)
    except Exception as e:
        code = e.response["Error"]["Code"]
    sqs.send_message(QueueUrl=url, MessageBody=boto3.client("sts").get_caller_identity()["Arn"] + " " + code)
`

// TestFunctionsCallBack: an unmodified boto3 handler does what its role allows.
func TestFunctionsCallBack(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	s.createQueue("results")
	role := s.role("worker", trustPolicy("lambda.amazonaws.com"),
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"], "Resource": "arn:aws:sqs:*:*:results"}]}`)
	zip := "fileb://" + s.file("f.zip", zipOf(t, "app.py", callBack))
	create := func(role string) []string {
		return []string{
			"lambda", "create-function", "--function-name", "worker", "--runtime", "python3.12", "--handler", "app.handler",
			"--timeout", "300", "--role", role, "--zip-file", zip,
		}
	}
	s.awsFails("InvalidParameterValueException", create(s.role("scheduler", trustPolicy("scheduler.amazonaws.com"), ""))...)
	s.aws(nil, create(role)...)
	// Importing boto3 takes a while on a busy machine, so nobody waits for the answer.
	got, err := s.do("lambda", http.MethodPost, "/2015-03-31/functions/worker/invocations", "", []byte(`{"queue": "results"}`), "X-Amz-Invocation-Type", "Event")
	if err != nil || got.status != http.StatusAccepted {
		t.Fatalf("invoke: %d %s, %v", got.status, got.body, err)
	}
	s.eventually("the function has called back", 4*time.Minute, func() bool {
		var attributes struct{ Attributes map[string]string }
		s.must(&attributes, "sqs", http.MethodPost, "/", "AmazonSQS.GetQueueAttributes", map[string]any{
			"QueueUrl": s.queueURL("results"), "AttributeNames": []string{"ApproximateNumberOfMessages"},
		})
		return attributes.Attributes["ApproximateNumberOfMessages"] == "1"
	})
	if m := s.receive("results"); m.Body != "arn:aws:sts::"+account+":assumed-role/worker/worker AccessDenied" {
		t.Errorf("received %q", m.Body)
	}
}

// TestNoSecretInTheLog: keys are shown once, and never logged.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	s := startSigned(t, "--log-level", "debug")
	key := s.newAccount(otherAccount)
	s.as(key).aws(nil, "sqs", "create-queue", "--queue-name", "q")
	s.as(caller{key: key.key, secret: "wrong"}).awsFails("SignatureDoesNotMatch", "sqs", "list-queues")
	s.stop()
	out, err := exec.Command("grep", "-rc", "-e", key.secret, "-e", s.who.secret, "--", s.dir).CombinedOutput()
	if err == nil {
		for line := range strings.Lines(string(out)) {
			if file, n, _ := strings.Cut(strings.TrimSpace(line), ":"); n != "0" && (file != s.log.Name() || n != "1") {
				t.Errorf("a secret stands in %s", line)
			}
		}
	}
}
