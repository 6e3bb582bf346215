package certify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A cli is the AWS CLI for one service. A command takes a second or so, so each
// operation is called once, and each kind of refusal.
type cli struct {
	t                         *testing.T
	service, endpoint, region string
	dir                       string
}

func certifyCLI(t *testing.T, endpoint, region string) {
	for service, certify := range map[string]func(*cli){
		"dynamodb": cliDynamoDB, "events": cliEvents, "iam": cliIAM, "lambda": cliLambda, "logs": cliLogs, "scheduler": cliScheduler, "sqs": cliSQS,
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			certify(&cli{t, service, endpoint, region, t.TempDir()})
		})
	}
}

func (c *cli) command(args string, more ...string) (stdout, stderr string, err error) {
	c.t.Helper()
	// aws sqs of version 1 does not read AWS_ENDPOINT_URL.
	all := append([]string{"--endpoint-url", c.endpoint, "--output", "json", c.service}, append(strings.Fields(args), more...)...)
	cmd := exec.CommandContext(c.t.Context(), tools.aws, all...)
	cmd.Env = clientEnv(c.endpoint, c.region)
	cmd.Dir = c.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// run runs a command: words, and more arguments as they are. The answer is what
// it printed, as a path through the JSON finds it.
func (c *cli) run(args string, more ...string) answer {
	c.t.Helper()
	stdout, stderr, err := c.command(args, more...)
	if err != nil {
		c.t.Fatalf("aws %s %s: %v\n%s", c.service, args, err, stderr)
	}
	a := answer{t: c.t}
	if strings.TrimSpace(stdout) == "" {
		return a
	}
	if err := json.Unmarshal([]byte(stdout), &a.value); err != nil {
		c.t.Fatalf("aws %s %s: %v in %q", c.service, args, err, stdout)
	}
	return a
}

// refused wants a command to fail with an error code of the service.
func (c *cli) refused(code, args string, more ...string) {
	c.t.Helper()
	_, stderr, err := c.command(args, more...)
	if err == nil || !strings.Contains(stderr, "("+code+")") {
		c.t.Errorf("aws %s %s: %v, standard error %q, want a failure with %s", c.service, args, err, stderr, code)
	}
}

type answer struct {
	t     *testing.T
	value any
}

// at follows a path such as Messages.0.Body.
func (a answer) at(path string) string {
	a.t.Helper()
	v := a.value
	for step := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(at) {
				a.t.Fatalf("no %s in %v", path, a.value)
			}
			v = at[i]
		default:
			a.t.Fatalf("no %s in %v", path, a.value)
		}
	}
	return fmt.Sprint(v)
}

// each collects a member of all items of a list.
func (a answer) each(list, member string) string {
	a.t.Helper()
	m, _ := a.value.(map[string]any)
	items, _ := m[list].([]any)
	var found []string
	for i := range items {
		found = append(found, answer{a.t, items[i]}.at(member))
	}
	return strings.Join(found, " ")
}

func (c *cli) file(name string, content []byte) string {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return "fileb://" + name
}

func cliScheduler(c *cli) {
	t := c.t
	group := c.run("create-schedule-group --name reports --tags Key=team,Value=a").at("ScheduleGroupArn")
	same(t, "state", c.run("get-schedule-group --name reports").at("State"), "ACTIVE")
	same(t, "groups", c.run("list-schedule-groups --page-size 1").each("ScheduleGroups", "Name"), "default reports")
	c.run("tag-resource --tags Key=x,Value=y --resource-arn", group)
	c.run("untag-resource --tag-keys team --resource-arn", group)
	same(t, "tags", c.run("list-tags-for-resource --resource-arn", group).each("Tags", "Key"), "x")

	target := "Arn=arn:aws:sqs:" + c.region + ":" + account + ":jobs,RoleArn=" + schedulerRole
	create := "create-schedule --group-name reports --state DISABLED --flexible-time-window Mode=OFF --target " + target + " --schedule-expression"
	for _, name := range []string{"one", "two"} {
		c.run(create, "rate(1 hour)", "--name", name)
	}
	c.refused("ConflictException", create, "rate(2 hours)", "--name", "one")
	c.refused("ValidationException", create, "cron(* * * * * *)", "--name", "bad")
	c.run("update-schedule --group-name reports --name one --flexible-time-window Mode=OFF --target "+target+" --schedule-expression", "cron(0 8 * * ? *)")
	same(t, "expression", c.run("get-schedule --group-name reports --name one").at("ScheduleExpression"), "cron(0 8 * * ? *)")
	same(t, "schedules", c.run("list-schedules --group-name reports --page-size 1").each("Schedules", "Name"), "one two")
	c.run("delete-schedule --group-name reports --name one")
	c.refused("ResourceNotFoundException", "get-schedule --group-name reports --name one")
	c.run("delete-schedule-group --name reports")
}

func cliSQS(c *cli) {
	t := c.t
	dead := c.run("create-queue --queue-name dead").at("QueueUrl")
	q := c.run("create-queue --queue-name jobs --tags team=a").at("QueueUrl")
	same(t, "URL", c.run("get-queue-url --queue-name jobs").at("QueueUrl"), q)
	attributes := c.file("attributes.json", []byte(`{"VisibilityTimeout": "60", "RedrivePolicy": "{\"deadLetterTargetArn\": \"arn:aws:sqs:`+c.region+":"+account+`:dead\", \"maxReceiveCount\": 3}"}`))
	c.run("set-queue-attributes --attributes "+strings.Replace(attributes, "fileb", "file", 1)+" --queue-url", q)
	same(t, "visibility", c.run("get-queue-attributes --attribute-names All --queue-url", q).at("Attributes.VisibilityTimeout"), "60")
	urls := c.run("list-queues --page-size 1")
	same(t, "queues", urls.at("QueueUrls.0")+" "+urls.at("QueueUrls.1"), dead+" "+q)
	same(t, "sources", c.run("list-dead-letter-source-queues --page-size 1 --queue-url", dead).at("queueUrls.0"), q)
	c.run("tag-queue --tags x=y --queue-url", q)
	c.run("untag-queue --tag-keys team --queue-url", q)
	same(t, "tags", fmt.Sprint(c.run("list-queue-tags --queue-url", q).value), "map[Tags:map[x:y]]")

	c.run("send-message --message-body hello --queue-url", q)
	same(t, "sent", c.run("send-message-batch --entries Id=a,MessageBody=1 --queue-url", q).at("Successful.0.Id"), "a")
	var handles []string
	eventually(t, "both messages are received", func() bool {
		if h := c.run("receive-message --max-number-of-messages 10 --wait-time-seconds 2 --queue-url", q).each("Messages", "ReceiptHandle"); h != "" {
			handles = append(handles, strings.Fields(h)...)
		}
		return len(handles) == 2
	})
	c.run("change-message-visibility --visibility-timeout 60 --queue-url", q, "--receipt-handle", handles[0])
	c.run("change-message-visibility-batch --entries Id=a,VisibilityTimeout=60,ReceiptHandle="+handles[1]+" --queue-url", q)
	c.run("delete-message --queue-url", q, "--receipt-handle", handles[0])
	same(t, "deleted", c.run("delete-message-batch --entries Id=a,ReceiptHandle="+handles[1]+" --queue-url", q).at("Successful.0.Id"), "a")
	c.run("purge-queue --queue-url", q)
	c.refused("AWS.SimpleQueueService.PurgeQueueInProgress", "purge-queue --queue-url", q)
	c.refused("ReceiptHandleIsInvalid", "delete-message --receipt-handle none --queue-url", q)
	c.refused("QueueAlreadyExists", "create-queue --queue-name jobs --attributes VisibilityTimeout=7")
	c.run("delete-queue --queue-url", q)
	c.run("delete-queue --queue-url", dead)
	c.refused("AWS.SimpleQueueService.NonExistentQueue", "get-queue-url --queue-name jobs")
}

func cliLambda(c *cli) {
	t := c.t
	create := "create-function --runtime python3.12 --handler handler.handler --timeout 30 --role " + functionRole +
		" --zip-file " + c.file("code.zip", zipped(t, handler)) + " --tags team=a --function-name "
	arn := c.run(create + "one").at("FunctionArn")
	c.run(create + "two")
	c.run("wait function-active-v2 --function-name one")
	c.refused("ResourceConflictException", create+"one")
	same(t, "state", c.run("get-function --function-name one").at("Configuration.State"), "Active")
	c.run("update-function-code --function-name one --zip-file " + c.file("code2.zip", zipped(t, handler+"\n")))
	c.run("update-function-configuration --function-name one --memory-size 256")
	c.run("wait function-updated-v2 --function-name one")
	same(t, "memory", c.run("get-function-configuration --function-name one").at("MemorySize"), "256")
	same(t, "functions", c.run("list-functions --page-size 1").each("Functions", "FunctionName"), "one two")
	same(t, "versions", c.run("list-versions-by-function --function-name one").each("Versions", "Version"), "$LATEST")
	same(t, "signing", c.run("get-function-code-signing-config --function-name one").at("FunctionName"), "one")

	invoked := c.run("invoke --function-name one --log-type Tail --payload " + c.file("event", []byte(`{"a":1}`)) + " out")
	log, err := base64.StdEncoding.DecodeString(invoked.at("LogResult"))
	if err != nil || !strings.Contains(string(log), "seen by") {
		t.Errorf("log %s, %v", log, err)
	}
	out, err := os.ReadFile(filepath.Join(c.dir, "out"))
	same(t, "result", strings.ReplaceAll(string(out), " ", ""), `{"a":1}`)
	if err != nil {
		t.Error(err)
	}
	c.refused("InvalidRequestContentException", "invoke --function-name one --payload "+c.file("bad", []byte(`{`))+" out")

	c.run("tag-resource --tags x=y --resource " + arn)
	c.run("untag-resource --tag-keys team --resource " + arn)
	same(t, "tags", fmt.Sprint(c.run("list-tags --resource "+arn).value), "map[Tags:map[x:y]]")
	c.run("add-permission --function-name one --statement-id s --action lambda:InvokeFunction --principal events.amazonaws.com")
	if policy := c.run("get-policy --function-name one").at("Policy"); !strings.Contains(policy, `"Sid":"s"`) {
		t.Errorf("policy %s", policy)
	}
	c.run("remove-permission --function-name one --statement-id s")
	c.refused("ResourceNotFoundException", "get-policy --function-name one")

	c.run("put-function-concurrency --function-name one --reserved-concurrent-executions 0")
	same(t, "reserved", c.run("get-function-concurrency --function-name one").at("ReservedConcurrentExecutions"), "0")
	c.refused("TooManyRequestsException", "invoke --function-name one out")
	c.run("delete-function-concurrency --function-name one")
	same(t, "functions", c.run("get-account-settings").at("AccountUsage.FunctionCount"), "2")

	c.run("put-function-event-invoke-config --function-name one --maximum-retry-attempts 0")
	c.run("update-function-event-invoke-config --function-name one --maximum-event-age-in-seconds 60")
	same(t, "retries", c.run("get-function-event-invoke-config --function-name one").at("MaximumRetryAttempts"), "0")
	same(t, "ages", c.run("list-function-event-invoke-configs --function-name one").each("FunctionEventInvokeConfigs", "MaximumEventAgeInSeconds"), "60")
	c.run("delete-function-event-invoke-config --function-name one")
	c.refused("InvalidParameterValueException", "put-function-event-invoke-config --function-name one")
	cliVersions(c)
	cliLayers(c)
	for _, name := range []string{"one", "two"} {
		c.run("delete-function --function-name " + name)
	}
	c.refused("ResourceNotFoundException", "get-function --function-name one")
}
