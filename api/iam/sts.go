package iam

import (
	"context"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/stsapi"
	"github.com/belfry-run/belfry/auth"
)

// STS implements the operations of STS.
type STS struct{ auth *auth.Service }

var _ stsapi.Service = (*STS)(nil)

// NewSTS returns the STS API of a service.
func NewSTS(s *auth.Service) *STS { return &STS{auth: s} }

// GetCallerIdentity tells the caller who he is.
func (s *STS) GetCallerIdentity(ctx context.Context, _ *stsapi.GetCallerIdentityInput) (*stsapi.GetCallerIdentityOutput, error) {
	caller := awswire.CallerFrom(ctx)
	who := caller.Identity()
	out := &stsapi.GetCallerIdentityOutput{UserId: &who.Account, Account: &who.Account, Arn: new(who.ARN())}
	if who.Session != nil {
		out.UserId = new(who.Session.ID())
	}
	return out, nil
}

// AssumeRole answers with temporary credentials of a role.
func (s *STS) AssumeRole(ctx context.Context, in *stsapi.AssumeRoleInput) (*stsapi.AssumeRoleOutput, error) {
	for _, m := range []struct {
		name string
		set  bool
	}{
		{"Policy", in.Policy != nil},
		{"PolicyArns", len(in.PolicyArns) > 0},
		{"Tags", len(in.Tags) > 0},
		{"TransitiveTagKeys", len(in.TransitiveTagKeys) > 0},
		{"SerialNumber", in.SerialNumber != nil || in.TokenCode != nil},
		{"SourceIdentity", in.SourceIdentity != nil},
		{"ProvidedContexts", len(in.ProvidedContexts) > 0},
	} {
		if m.set {
			return nil, unavailable(m.name)
		}
	}
	caller := awswire.CallerFrom(ctx)
	c, err := s.auth.Assume(ctx, caller.Identity(), auth.Assumption{
		RoleARN: *in.RoleArn, Session: *in.RoleSessionName, ExternalID: awswire.Value(in.ExternalId),
		Duration: time.Duration(awswire.Value(in.DurationSeconds)) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return &stsapi.AssumeRoleOutput{
		Credentials: &stsapi.Credentials{
			AccessKeyId: &c.AccessKey, SecretAccessKey: &c.Secret, SessionToken: &c.Token, Expiration: &c.Session.Expires,
		},
		AssumedRoleUser: &stsapi.AssumedRoleUser{AssumedRoleId: new(c.Session.ID()), Arn: new(c.Session.ARN())},
	}, nil
}
