package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/auth"
)

// startAuth opens what knows keys and roles, and makes the first access key.
func (s *Server) startAuth(ctx context.Context) error {
	if err := auth.CheckRootKey(s.c.RootAccessKey, s.c.RootSecretKey); err != nil {
		return err
	}
	vault, err := auth.OpenVault(s.c.DataDir, s.c.SecretKey)
	if err != nil {
		return err
	}
	s.vault = vault
	created, err := s.store.Created(ctx)
	if err != nil {
		return err
	}
	s.auth = auth.New(auth.Config{
		Store: s.store, Vault: vault, Now: time.Now, Created: created.Truncate(time.Second), Permissive: s.c.Permissive,
		RootKey: s.c.RootAccessKey, RootSecret: s.c.RootSecretKey,
	})
	if s.c.Dev {
		s.signatures = awswire.DevAuth{}
		return nil
	}
	s.signatures = &awswire.SigV4{Keys: s.auth, Skew: s.c.ClockSkew}
	root, err := s.auth.EnsureRoot(ctx)
	if err != nil || root == nil || s.c.Notices == nil {
		return err
	}
	// The log may be kept where others read it; this goes to who starts the server.
	_, err = fmt.Fprintf(s.c.Notices, `The root access key of this server, of the account %s. It is shown this once:

  export AWS_ACCESS_KEY_ID=%s
  export AWS_SECRET_ACCESS_KEY=%s

`, root.Account, root.ID, root.Secret)
	return err
}

// authorizer decides for callers with temporary credentials; --dev has none.
func (s *Server) authorizer() awswire.Authorizer {
	if s.c.Dev {
		return nil
	}
	return s.auth
}

var errOtherService = &belfry.Error{
	Kind: belfry.Denied, Code: "InvalidSignatureException",
	Message: "The request is signed for another service; the native API is signed for the service " + nativeService + ".",
}

// nativeService is what requests to the native API are signed for.
const nativeService = "belfry"

// authenticate returns who makes a request to the native API.
func (s *Server) authenticate(r *http.Request, body []byte) (auth.Caller, error) {
	c, err := s.signatures.Authenticate(r, body)
	if err != nil {
		return auth.Caller{}, err
	}
	if cred, _ := awswire.CredentialOf(r); !s.c.Dev && cred.Service != nativeService {
		return auth.Caller{}, errOtherService
	}
	return c.Identity(), nil
}

// regionOf is the region that a request to the native API is signed for.
func regionOf(r *http.Request) string {
	if c, ok := awswire.CredentialOf(r); ok && c.Region != "" {
		return c.Region
	}
	return awswire.DevRegion
}

// loopback says whether only this machine can reach the host.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// warnings tell the operator what he has switched off.
func (s *Server) warnings() {
	if s.c.Dev {
		s.log.Warn("--dev accepts any credentials and checks no signature; it is for your own machine")
	} else if s.c.Permissive {
		s.log.Warn("--permissive does not enforce roles; a schedule may do anything in its account")
	}
}

// Sign signs a request to a server's native API, whose body is given. token is
// empty but for temporary credentials.
func Sign(r *http.Request, body []byte, accessKey, secret, token, region string) error {
	return SignFor(nativeService, r, body, accessKey, secret, token, region)
}

// SignFor is Sign for one of the AWS APIs: lambda, scheduler, sqs.
func SignFor(service string, r *http.Request, body []byte, accessKey, secret, token, region string) error {
	if accessKey == "" || secret == "" {
		return errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together; one of them is not set")
	}
	return awswire.Sign(r, body, accessKey, secret, token, region, service, time.Now())
}
