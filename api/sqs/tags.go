package sqs

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire/sqsapi"
)

// TagQueue implements [sqsapi.Service].
func (a *api) TagQueue(ctx context.Context, in *sqsapi.TagQueueInput) (*sqsapi.TagQueueOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.TagQueueOutput{}, a.queues.TagQueue(ctx, scope, name, in.Tags)
}

// UntagQueue implements [sqsapi.Service].
func (a *api) UntagQueue(ctx context.Context, in *sqsapi.UntagQueueInput) (*sqsapi.UntagQueueOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.UntagQueueOutput{}, a.queues.UntagQueue(ctx, scope, name, in.TagKeys)
}

// ListQueueTags implements [sqsapi.Service]. As on AWS the member is left out
// when there are none.
func (a *api) ListQueueTags(ctx context.Context, in *sqsapi.ListQueueTagsInput) (*sqsapi.ListQueueTagsOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q, err := a.queues.Queue(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListQueueTagsOutput{}
	if len(q.Tags) > 0 {
		out.Tags = q.Tags
	}
	return out, nil
}
