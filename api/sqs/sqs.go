// Package sqs serves Amazon SQS's API on queues. It only translates: the rules
// and their texts are in package queue, the protocols in awswire.
package sqs

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
	"github.com/belfry-run/belfry/queue"
)

// New returns the API as a router serves it.
func New(queues *queue.Service) *awswire.Service {
	a := &api{queues: queues}
	s := sqsapi.New(a)
	a.dialect = s.Dialect
	return s
}

type api struct {
	queues  *queue.Service
	dialect awswire.Dialect
}

var _ sqsapi.Service = (*api)(nil)

// named finds the scope and name that a queue URL names. The host is not
// looked at: clients reach the server under many names.
func named(ctx context.Context, queueURL *string) (scope belfry.Scope, name string, err error) {
	raw := awswire.Value(queueURL)
	scope = awswire.CallerFrom(ctx).Scope
	u, err := url.Parse(raw)
	if err != nil {
		return scope, "", notAnAddress(raw)
	}
	account, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !ok || !awswire.IsAccount(account) || name == "" || strings.Contains(name, "/") {
		return scope, "", notAnAddress(raw)
	}
	if account != scope.Account {
		return scope, "", belfry.Errorf(belfry.Denied, "QueueUrl", "Access to the resource %s is denied.", raw)
	}
	return scope, name, nil
}

func notAnAddress(raw string) error {
	e := belfry.Errorf(belfry.Invalid, "QueueUrl", "The address %s is not valid for this endpoint.", raw)
	e.Code = "InvalidAddress"
	return e
}

// queueURL is the inverse of named, at the host that the client called.
func queueURL(ctx context.Context, name string) *string {
	return new(awswire.EndpointFrom(ctx) + "/" + awswire.CallerFrom(ctx).Account + "/" + name)
}

// CreateQueue implements [sqsapi.Service].
func (a *api) CreateQueue(ctx context.Context, in *sqsapi.CreateQueueInput) (*sqsapi.CreateQueueOutput, error) {
	q, err := a.queues.CreateQueue(ctx, awswire.CallerFrom(ctx).Scope, *in.QueueName, in.Attributes, in.Tags)
	if err != nil {
		return nil, err
	}
	return &sqsapi.CreateQueueOutput{QueueUrl: queueURL(ctx, q.Name)}, nil
}

// GetQueueUrl implements [sqsapi.Service].
func (a *api) GetQueueUrl(ctx context.Context, in *sqsapi.GetQueueUrlInput) (*sqsapi.GetQueueUrlOutput, error) {
	scope := awswire.CallerFrom(ctx).Scope
	if owner := in.QueueOwnerAWSAccountId; owner != nil && *owner != scope.Account {
		return nil, queue.NotExist()
	}
	q, err := a.queues.Queue(ctx, scope, *in.QueueName)
	if err != nil {
		return nil, err
	}
	return &sqsapi.GetQueueUrlOutput{QueueUrl: queueURL(ctx, q.Name)}, nil
}

// GetQueueAttributes implements [sqsapi.Service].
func (a *api) GetQueueAttributes(ctx context.Context, in *sqsapi.GetQueueAttributesInput) (*sqsapi.GetQueueAttributesOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	attrs, err := a.queues.Attributes(ctx, scope, name, in.AttributeNames)
	if err != nil {
		return nil, err
	}
	if len(attrs) == 0 {
		attrs = nil // AWS leaves the member out
	}
	return &sqsapi.GetQueueAttributesOutput{Attributes: attrs}, nil
}

// SetQueueAttributes implements [sqsapi.Service].
func (a *api) SetQueueAttributes(ctx context.Context, in *sqsapi.SetQueueAttributesInput) (*sqsapi.SetQueueAttributesOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.SetQueueAttributesOutput{}, a.queues.SetAttributes(ctx, scope, name, in.Attributes)
}

// maxList is the number of queues that one ListQueues returns at most, and
// returns when it does not say.
const maxList = 1000

// ListQueues implements [sqsapi.Service]. As on AWS, a token for more comes
// only when MaxResults was set.
func (a *api) ListQueues(ctx context.Context, in *sqsapi.ListQueuesInput) (*sqsapi.ListQueuesOutput, error) {
	p, err := newPage(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	names, more, err := a.queues.ListQueues(ctx, awswire.CallerFrom(ctx).Scope, awswire.Value(in.QueueNamePrefix), p.after, p.limit)
	if err != nil {
		return nil, err
	}
	urls, next := p.answer(ctx, names, more && in.MaxResults != nil)
	return &sqsapi.ListQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

// ListDeadLetterSourceQueues implements [sqsapi.Service].
func (a *api) ListDeadLetterSourceQueues(ctx context.Context, in *sqsapi.ListDeadLetterSourceQueuesInput) (*sqsapi.ListDeadLetterSourceQueuesOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	names, more, err := a.queues.Sources(ctx, scope, name, p.after, p.limit)
	if err != nil {
		return nil, err
	}
	urls, next := p.answer(ctx, names, more && in.MaxResults != nil)
	if urls == nil {
		urls = []string{} // the model says that it is there
	}
	return &sqsapi.ListDeadLetterSourceQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

// A page is the part of a list that a request asks for.
type page struct {
	limit int
	after string
}

func newPage(limit *int, token *string) (page, error) {
	n := awswire.Or(limit, maxList)
	if n < 1 || n > maxList {
		return page{}, belfry.Errorf(belfry.Invalid, "MaxResults",
			"Value %d for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and %d.", n, maxList)
	}
	after, err := base64.RawURLEncoding.DecodeString(awswire.Value(token))
	if err != nil {
		return page{}, belfry.Errorf(belfry.Invalid, "NextToken", "Invalid or expired next token.")
	}
	return page{n, string(after)}, nil
}

// answer returns the URLs of the queues, and the token for the next page.
func (page) answer(ctx context.Context, names []string, more bool) (urls []string, next *string) {
	for _, n := range names {
		urls = append(urls, *queueURL(ctx, n))
	}
	if more {
		next = new(base64.RawURLEncoding.EncodeToString([]byte(names[len(names)-1])))
	}
	return urls, next
}

// DeleteQueue implements [sqsapi.Service].
func (a *api) DeleteQueue(ctx context.Context, in *sqsapi.DeleteQueueInput) (*sqsapi.DeleteQueueOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.DeleteQueueOutput{}, a.queues.DeleteQueue(ctx, scope, name)
}

// PurgeQueue implements [sqsapi.Service].
func (a *api) PurgeQueue(ctx context.Context, in *sqsapi.PurgeQueueInput) (*sqsapi.PurgeQueueOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.PurgeQueueOutput{}, a.queues.PurgeQueue(ctx, scope, name)
}
