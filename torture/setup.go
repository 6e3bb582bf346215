package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"

	"github.com/belfry-run/belfry/torture/rig"
)

// handler is the function that schedules call: it tells the sink, under the
// occurrence's key.
const handler = `import json, urllib.request

def handler(event, context):
    body = json.dumps(event).encode()
    request = urllib.request.Request(event["url"], data=body, headers={"Idempotency-Key": event["occurrence"]})
    urllib.request.urlopen(request, timeout=10).read()
    return "ok"
`

func (n *lane) queueARN(name string) string {
	return "arn:aws:sqs:" + rig.Region + ":" + rig.Account + ":" + name
}

// setUp makes the queues and, where there is a Python, the function.
func (n *lane) setUp(ctx context.Context) error {
	for _, name := range []string{"inbox", "dead"} {
		got, err := n.srv.Do(ctx, "sqs", http.MethodPost, "/", "AmazonSQS.CreateQueue", map[string]any{"QueueName": name})
		if err == nil {
			err = got.Err()
		}
		if err != nil {
			return err
		}
	}
	runtime := pythonRuntime(ctx)
	if runtime == "" {
		return nil
	}
	code, err := zipped("app.py", handler)
	if err != nil {
		return err
	}
	got, err := n.srv.Do(ctx, "lambda", http.MethodPost, "/2015-03-31/functions", "", map[string]any{
		"FunctionName": "tell", "Runtime": runtime, "Role": role, "Handler": "app.handler", "Timeout": 20,
		"Code": map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(code)},
	})
	if err == nil {
		err = got.Err()
	}
	n.function = "arn:aws:lambda:" + rig.Region + ":" + rig.Account + ":function:tell"
	return err
}

// pythonRuntime is the runtime of the Python there is; empty: there is none.
func pythonRuntime(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2], end='')").Output()
	if err != nil {
		return ""
	}
	return string(out)
}

func zipped(name, text string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// A message is what a queue had.
type message struct {
	MessageId, Body   string
	MessageAttributes map[string]struct{ StringValue string }
}

// drainQueue takes all messages out of a queue.
func (n *lane) drainQueue(ctx context.Context, name string) ([]message, error) {
	var all []message
	at := n.srv.URL() + "/" + rig.Account + "/" + url.PathEscape(name)
	for {
		got, err := n.srv.Do(ctx, "sqs", http.MethodPost, "/", "AmazonSQS.ReceiveMessage", map[string]any{
			"QueueUrl": at, "MaxNumberOfMessages": 10, "VisibilityTimeout": 43_200, "MessageAttributeNames": []string{"All"},
		})
		if err == nil {
			err = got.Err()
		}
		if err != nil {
			return nil, err
		}
		var page struct{ Messages []message }
		if err := json.Unmarshal(got.Body, &page); err != nil || len(page.Messages) == 0 {
			return all, err
		}
		all = append(all, page.Messages...)
	}
}
