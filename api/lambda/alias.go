package lambda

import (
	"context"
	"strconv"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// PublishVersion makes a version of $LATEST.
func (s *Service) PublishVersion(ctx context.Context, in *lambdaapi.PublishVersionInput) (*lambdaapi.FunctionConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refuse(member{"PublishTo", in.PublishTo != nil, "capacity providers are"}); err != nil {
		return nil, err
	}
	f, err := s.host.Publish(ctx, function.Publication{
		Ref: r, Description: in.Description, CodeSHA256: awswire.Value(in.CodeSha256), Revision: awswire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return configuration(f, active, f.VersionName()), nil
}

// CreateAlias gives a version a name.
func (s *Service) CreateAlias(ctx context.Context, in *lambdaapi.CreateAliasInput) (*lambdaapi.AliasConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	a, err := s.host.CreateAlias(ctx, function.AliasEdit{
		Ref: r, Name: *in.Name, Version: in.FunctionVersion, Description: in.Description, Weights: weights(in.RoutingConfig),
	})
	if err != nil {
		return nil, err
	}
	return alias(r, a), nil
}

// UpdateAlias changes what the request has.
func (s *Service) UpdateAlias(ctx context.Context, in *lambdaapi.UpdateAliasInput) (*lambdaapi.AliasConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	a, err := s.host.UpdateAlias(ctx, function.AliasEdit{
		Ref: r, Name: *in.Name, Version: in.FunctionVersion, Description: in.Description, Weights: weights(in.RoutingConfig),
		Revision: awswire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return alias(r, a), nil
}

// GetAlias answers with an alias.
func (s *Service) GetAlias(ctx context.Context, in *lambdaapi.GetAliasInput) (*lambdaapi.AliasConfiguration, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	a, err := s.host.Alias(ctx, r, *in.Name)
	if err != nil {
		return nil, err
	}
	return alias(r, a), nil
}

// ListAliases answers with a page of a function's aliases, or of those that lead
// to one version.
func (s *Service) ListAliases(ctx context.Context, in *lambdaapi.ListAliasesInput) (*lambdaapi.ListAliasesOutput, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(in.MaxItems, in.Marker, position{})
	if err != nil {
		return nil, err
	}
	all, err := s.host.Aliases(ctx, r, awswire.Value(in.FunctionVersion))
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListAliasesOutput{Aliases: []lambdaapi.AliasConfiguration{}}
	for _, a := range all {
		if a.Name <= after.name {
			continue
		}
		if n := len(out.Aliases); n == limit {
			out.NextMarker = position{name: *out.Aliases[n-1].Name}.marker()
			break
		}
		out.Aliases = append(out.Aliases, *alias(r, a))
	}
	return out, nil
}

// DeleteAlias takes a name away.
func (s *Service) DeleteAlias(ctx context.Context, in *lambdaapi.DeleteAliasInput) (*lambdaapi.DeleteAliasOutput, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteAliasOutput{}, s.host.DeleteAlias(ctx, r, *in.Name)
}

// weights are the shares of additional versions; nil when the request does not
// speak of them.
func weights(c *lambdaapi.AliasRoutingConfiguration) map[string]float64 {
	if c == nil {
		return nil
	}
	if c.AdditionalVersionWeights == nil {
		return map[string]float64{}
	}
	return c.AdditionalVersionWeights
}

func alias(r function.Ref, a *function.Alias) *lambdaapi.AliasConfiguration {
	out := &lambdaapi.AliasConfiguration{
		AliasArn: new(r.ARN() + ":" + a.Name), Name: &a.Name, FunctionVersion: new(a.VersionName()),
		Description: &a.Description, RevisionId: &a.Revision,
	}
	if a.Weight > 0 {
		out.RoutingConfig = &lambdaapi.AliasRoutingConfiguration{
			AdditionalVersionWeights: map[string]float64{strconv.Itoa(a.Other): a.Weight},
		}
	}
	return out
}
