package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// queues are the names of the dead-letter queues that are to be made, each once.
func (d *Deployment) queues() []string {
	var names []string
	note := func(name string) {
		if name != "" && !strings.HasPrefix(name, "arn:") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	note(d.Package.DeadLetter)
	for i := range d.Package.Schedules {
		note(d.Package.Schedules[i].DeadLetter)
	}
	return names
}

// queue makes a queue if it is not there; one that is stays as it is.
func (d *Deployment) queue(ctx context.Context, name string) error {
	in := map[string]string{"QueueName": name}
	err := d.Client.do(ctx, request{service: "sqs", method: "POST", path: "/", target: "AmazonSQS.GetQueueUrl", in: in}, nil)
	if err == nil {
		d.did("queue", name, Unchanged)
		return nil
	}
	if e, ok := errors.AsType[*Refusal](err); !ok || e.Code != "QueueDoesNotExist" {
		return err
	}
	if err := d.change(ctx, request{service: "sqs", method: "POST", path: "/", target: "AmazonSQS.CreateQueue", in: in}, nil); err != nil {
		return err
	}
	d.did("queue", name, Created)
	return nil
}
