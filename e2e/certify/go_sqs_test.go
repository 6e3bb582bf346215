package certify

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func goSQS(t *testing.T, config aws.Config) {
	c, ctx := sqs.NewFromConfig(config), t.Context()
	create := func(name string, attributes map[string]string) *string {
		t.Helper()
		return must[sqs.CreateQueueOutput](t)(c.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: &name, Attributes: attributes, Tags: map[string]string{"team": "a"},
		})).QueueUrl
	}
	dead := create("dead", nil)
	q := create("jobs", map[string]string{
		"VisibilityTimeout": "5",
		"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:` + config.Region + ":" + account + `:dead","maxReceiveCount":"3"}`,
	})
	same(t, "URL", *must[sqs.GetQueueUrlOutput](t)(c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})).QueueUrl, *q)
	must[sqs.SetQueueAttributesOutput](t)(c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"DelaySeconds": "0", "VisibilityTimeout": "30"}}))
	attributes := must[sqs.GetQueueAttributesOutput](t)(c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"All"}})).Attributes
	same(t, "visibility", attributes["VisibilityTimeout"], "30")
	same(t, "ARN", attributes["QueueArn"], "arn:aws:sqs:"+config.Region+":"+account+":jobs")

	urls := ""
	for list := sqs.NewListQueuesPaginator(c, &sqs.ListQueuesInput{MaxResults: aws.Int32(1)}); list.HasMorePages(); {
		urls += strings.Join(must[sqs.ListQueuesOutput](t)(list.NextPage(ctx)).QueueUrls, " ") + " "
	}
	same(t, "queues", strings.TrimSpace(urls), *dead+" "+*q)
	urls = ""
	for list := sqs.NewListDeadLetterSourceQueuesPaginator(c, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead, MaxResults: aws.Int32(1)}); list.HasMorePages(); {
		urls += strings.Join(must[sqs.ListDeadLetterSourceQueuesOutput](t)(list.NextPage(ctx)).QueueUrls, " ")
	}
	same(t, "sources", urls, *q)

	must[sqs.TagQueueOutput](t)(c.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: q, Tags: map[string]string{"x": "y"}}))
	must[sqs.UntagQueueOutput](t)(c.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: q, TagKeys: []string{"team"}}))
	tags := must[sqs.ListQueueTagsOutput](t)(c.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: q})).Tags
	if len(tags) != 1 || tags["x"] != "y" {
		t.Errorf("tags %v", tags)
	}
	goMessages(t, c, q)
	goSQSErrors(t, c, q)

	for _, url := range []*string{dead, q} {
		must[sqs.DeleteQueueOutput](t)(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url}))
	}
	out, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})
	is[*types.QueueDoesNotExist](t, out, err)
}

func goMessages(t *testing.T, c *sqs.Client, q *string) {
	ctx := t.Context()
	// The SDK checks the digests of what it sends and receives.
	must[sqs.SendMessageOutput](t)(c.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: q, MessageBody: aws.String("héllo"),
		MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String("1")}},
	}))
	batch := must[sqs.SendMessageBatchOutput](t)(c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String("1")},
		{Id: aws.String("b"), MessageBody: aws.String("2"), DelaySeconds: 901},
	}}))
	if len(batch.Successful) != 1 || len(batch.Failed) != 1 || *batch.Failed[0].Code != "InvalidParameterValue" {
		t.Errorf("batch %+v", batch)
	}
	var got []types.Message
	eventually(t, "both messages are received", func() bool {
		got = append(got, must[sqs.ReceiveMessageOutput](t)(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: q, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})).Messages...)
		return len(got) == 2
	})
	for _, m := range got {
		same(t, "receive count", m.Attributes["ApproximateReceiveCount"], "1")
	}
	must[sqs.ChangeMessageVisibilityOutput](t)(c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: q, ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 60}))
	changed := must[sqs.ChangeMessageVisibilityBatchOutput](t)(c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: q, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: 60}},
	}))
	same(t, "changed", len(changed.Successful), 1)
	must[sqs.DeleteMessageOutput](t)(c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: got[0].ReceiptHandle}))
	deleted := must[sqs.DeleteMessageBatchOutput](t)(c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
		QueueUrl: q, Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: got[1].ReceiptHandle}},
	}))
	same(t, "deleted", len(deleted.Successful), 1)
	must[sqs.PurgeQueueOutput](t)(c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: q}))
}

func goSQSErrors(t *testing.T, c *sqs.Client, q *string) {
	ctx := t.Context()
	purged, err := c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: q})
	is[*types.PurgeQueueInProgress](t, purged, err)
	created, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: map[string]string{"VisibilityTimeout": "7"}})
	is[*types.QueueNameExists](t, created, err)
	set, err := c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"Colour": "red"}})
	is[*types.InvalidAttributeName](t, set, err)
	set, err = c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"DelaySeconds": "901"}})
	is[*types.InvalidAttributeValue](t, set, err)
	deleted, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: aws.String("none")})
	is[*types.ReceiptHandleIsInvalid](t, deleted, err)
	entry := types.SendMessageBatchRequestEntry{Id: aws.String("a"), MessageBody: aws.String("x")}
	send := func(entries ...types.SendMessageBatchRequestEntry) error {
		_, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q, Entries: entries})
		return err
	}
	is[*types.BatchEntryIdsNotDistinct](t, nil, send(entry, entry))
	is[*types.EmptyBatchRequest](t, nil, send([]types.SendMessageBatchRequestEntry{}...))
	is[*types.TooManyEntriesInBatchRequest](t, nil, send(make11(entry)...))
	wrong := entry
	wrong.Id = aws.String("a b")
	is[*types.InvalidBatchEntryId](t, nil, send(wrong))
}

func make11(e types.SendMessageBatchRequestEntry) []types.SendMessageBatchRequestEntry {
	all := make([]types.SendMessageBatchRequestEntry, 11)
	for i := range all {
		all[i] = e
		all[i].Id = aws.String(strings.Repeat("a", i+1))
	}
	return all
}
