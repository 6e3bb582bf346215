package lambda

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
)

// ListTags answers with a function's tags.
func (s *Service) ListTags(ctx context.Context, in *lambdaapi.ListTagsInput) (*lambdaapi.ListTagsOutput, error) {
	r, qualifier, err := ref(ctx, in.Resource, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.host.Get(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	tags := f.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &lambdaapi.ListTagsOutput{Tags: tags}, nil
}

// TagResource adds tags to a function.
func (s *Service) TagResource(ctx context.Context, in *lambdaapi.TagResourceInput) (*lambdaapi.TagResourceOutput, error) {
	r, err := latest(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.TagResourceOutput{}, s.host.Tag(ctx, r, in.Tags)
}

// UntagResource removes tags from a function.
func (s *Service) UntagResource(ctx context.Context, in *lambdaapi.UntagResourceInput) (*lambdaapi.UntagResourceOutput, error) {
	r, err := latest(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.UntagResourceOutput{}, s.host.Untag(ctx, r, in.TagKeys)
}
