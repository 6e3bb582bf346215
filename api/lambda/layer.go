package lambda

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/function"
)

// ownLayer returns the layer that a request names, which must be the caller's.
func ownLayer(ctx context.Context, name *string) (function.LayerRef, error) {
	caller := awswire.CallerFrom(ctx).Scope
	r, err := function.ParseLayerName(caller, awswire.Value(name))
	if err == nil && r.Account != caller.Account {
		err = belfry.Errorf(belfry.Denied, "LayerName", "Account %s may not use the resource %s", caller.Account, r.ARN())
	}
	return r, err
}

// PublishLayerVersion makes a version of a layer from a zip.
func (s *Service) PublishLayerVersion(ctx context.Context, in *lambdaapi.PublishLayerVersionInput) (*lambdaapi.PublishLayerVersionOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	if err := refuseSource(in.Content.S3Bucket, in.Content.S3Key, nil); err != nil {
		return nil, err
	}
	l, err := s.host.PublishLayer(ctx, function.LayerPublication{
		LayerRef: r, Description: awswire.Value(in.Description), License: awswire.Value(in.LicenseInfo),
		Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures, Zip: in.Content.ZipFile,
	})
	if err != nil {
		return nil, err
	}
	out := lambdaapi.PublishLayerVersionOutput(*s.layer(ctx, l))
	return &out, nil
}

// GetLayerVersion answers with a version of a layer, and a link to its zip.
func (s *Service) GetLayerVersion(ctx context.Context, in *lambdaapi.GetLayerVersionInput) (*lambdaapi.GetLayerVersionResponse, error) {
	r, err := function.ParseLayerName(awswire.CallerFrom(ctx).Scope, *in.LayerName)
	if err != nil {
		return nil, err
	}
	return s.getLayer(ctx, r, int(*in.VersionNumber))
}

// GetLayerVersionByArn answers as GetLayerVersion does.
func (s *Service) GetLayerVersionByArn(ctx context.Context, in *lambdaapi.GetLayerVersionByArnInput) (*lambdaapi.GetLayerVersionResponse, error) {
	r, version, err := function.ParseLayerARN(*in.Arn)
	if err == nil {
		r, err = function.ParseLayerName(awswire.CallerFrom(ctx).Scope, r.ARN()) // is it in this region?
	}
	if err != nil {
		return nil, err
	}
	return s.getLayer(ctx, r, version)
}

func (s *Service) getLayer(ctx context.Context, r function.LayerRef, version int) (*lambdaapi.GetLayerVersionResponse, error) {
	l, err := s.host.Layer(ctx, awswire.CallerFrom(ctx).Account, r, version)
	if err != nil {
		return nil, err
	}
	return s.layer(ctx, l), nil
}

// layer is l as Lambda shows it alone.
func (s *Service) layer(ctx context.Context, l *function.Layer) *lambdaapi.GetLayerVersionResponse {
	v := layerVersion(l)
	return &lambdaapi.GetLayerVersionResponse{
		Content:  &lambdaapi.LayerVersionContentOutput{Location: new(s.codeURL(ctx, l.CodeSHA256)), CodeSha256: &l.CodeSHA256, CodeSize: &l.CodeSize},
		LayerArn: new(l.ARN()), LayerVersionArn: v.LayerVersionArn, Description: v.Description, CreatedDate: v.CreatedDate, Version: v.Version,
		CompatibleRuntimes: v.CompatibleRuntimes, LicenseInfo: v.LicenseInfo, CompatibleArchitectures: v.CompatibleArchitectures,
	}
}

// layerVersion is l as Lambda shows it in a list.
func layerVersion(l *function.Layer) *lambdaapi.LayerVersionsListItem {
	v := &lambdaapi.LayerVersionsListItem{
		LayerVersionArn: new(l.VersionARN()), Version: new(int64(l.Version)), Description: &l.Description,
		CreatedDate:        new(l.Created.UTC().Format("2006-01-02T15:04:05.000-0700")),
		CompatibleRuntimes: l.Runtimes, CompatibleArchitectures: l.Architectures,
	}
	if l.License != "" {
		v.LicenseInfo = &l.License
	}
	return v
}

// ListLayerVersions answers with a page of a layer's versions, the newest first.
func (s *Service) ListLayerVersions(ctx context.Context, in *lambdaapi.ListLayerVersionsInput) (*lambdaapi.ListLayerVersionsOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(in.MaxItems, in.Marker, position{})
	if err != nil {
		return nil, err
	}
	all, err := s.host.LayerVersions(ctx, r, function.LayerFilter{
		Runtime: awswire.Value(in.CompatibleRuntime), Architecture: awswire.Value(in.CompatibleArchitecture),
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListLayerVersionsOutput{LayerVersions: []lambdaapi.LayerVersionsListItem{}}
	for _, l := range all {
		if after.version != 0 && l.Version >= after.version {
			continue
		}
		if n := len(out.LayerVersions); n == limit {
			out.NextMarker = position{version: int(*out.LayerVersions[n-1].Version)}.marker()
			break
		}
		out.LayerVersions = append(out.LayerVersions, *layerVersion(l))
	}
	return out, nil
}

// ListLayers answers with a page of the caller's layers, each with its newest
// version that suits.
func (s *Service) ListLayers(ctx context.Context, in *lambdaapi.ListLayersInput) (*lambdaapi.ListLayersOutput, error) {
	limit, after, err := page(in.MaxItems, in.Marker, position{})
	if err != nil {
		return nil, err
	}
	all, err := s.host.Layers(ctx, awswire.CallerFrom(ctx).Scope, function.LayerFilter{
		Runtime: awswire.Value(in.CompatibleRuntime), Architecture: awswire.Value(in.CompatibleArchitecture),
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListLayersOutput{Layers: []lambdaapi.LayersListItem{}}
	for _, l := range all {
		if l.Name <= after.name {
			continue
		}
		if n := len(out.Layers); n == limit {
			out.NextMarker = position{name: *out.Layers[n-1].LayerName}.marker()
			break
		}
		out.Layers = append(out.Layers, lambdaapi.LayersListItem{LayerName: &l.Name, LayerArn: new(l.ARN()), LatestMatchingVersion: layerVersion(l)})
	}
	return out, nil
}

// DeleteLayerVersion deletes a version of a layer; functions that have it keep it.
func (s *Service) DeleteLayerVersion(ctx context.Context, in *lambdaapi.DeleteLayerVersionInput) (*lambdaapi.DeleteLayerVersionOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteLayerVersionOutput{}, s.host.DeleteLayer(ctx, r, int(*in.VersionNumber))
}

// AddLayerVersionPermission lets others use a version of a layer.
func (s *Service) AddLayerVersionPermission(ctx context.Context, in *lambdaapi.AddLayerVersionPermissionInput) (*lambdaapi.AddLayerVersionPermissionOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	st, revision, err := s.host.AddLayerPermission(ctx, r, int(*in.VersionNumber), function.Permission{
		StatementID: *in.StatementId, Action: *in.Action, Principal: *in.Principal,
		OrganizationID: awswire.Value(in.OrganizationId), Revision: awswire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	return &lambdaapi.AddLayerVersionPermissionOutput{Statement: new(string(text)), RevisionId: &revision}, nil
}

// GetLayerVersionPolicy answers with the policy of a version of a layer.
func (s *Service) GetLayerVersionPolicy(ctx context.Context, in *lambdaapi.GetLayerVersionPolicyInput) (*lambdaapi.GetLayerVersionPolicyOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	p, err := s.host.LayerPolicy(ctx, r, int(*in.VersionNumber))
	if err != nil {
		return nil, err
	}
	text, err := p.Document()
	if err != nil {
		return nil, fmt.Errorf("encode the policy: %w", err)
	}
	return &lambdaapi.GetLayerVersionPolicyOutput{Policy: new(string(text)), RevisionId: &p.Revision}, nil
}

// RemoveLayerVersionPermission takes a permission back.
func (s *Service) RemoveLayerVersionPermission(ctx context.Context, in *lambdaapi.RemoveLayerVersionPermissionInput) (*lambdaapi.RemoveLayerVersionPermissionOutput, error) {
	r, err := ownLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.RemoveLayerVersionPermissionOutput{},
		s.host.RemoveLayerPermission(ctx, r, int(*in.VersionNumber), *in.StatementId, awswire.Value(in.RevisionId))
}

// mayUse says whether the caller may give functions these layers, as Lambda asks
// it: whoever may not read one may not run it either.
func mayUse(ctx context.Context, layers []string) error {
	for _, arn := range layers {
		if err := awswire.Authorize(ctx, auth.Query{Action: "lambda:GetLayerVersion", Resource: arn}); err != nil {
			return err
		}
	}
	return nil
}
