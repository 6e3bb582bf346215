package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

// A Key is an access key of an account's root. Secret is set only when it is
// made, and within the process.
type Key struct {
	ID      string
	Account string
	Secret  string
	Created time.Time
}

type keyEntry struct {
	account, secret string
}

// The refusals of credentials, by AWS's codes.
var (
	errUnknownKey = &belfry.Error{
		Kind: belfry.Denied, Code: "UnrecognizedClientException",
		Message: "The security token included in the request is invalid.",
	}
	errExpiredToken = &belfry.Error{
		Kind: belfry.Denied, Code: "ExpiredTokenException",
		Message: "The security token included in the request is expired",
	}
)

// Credentials returns the secret that the holder of an access key signs with,
// his account, and his session when the key is a temporary one; token is the
// session token of the request, or empty. A key that is unknown, revoked or
// expired is Denied, with AWS's code.
func (s *Service) Credentials(ctx context.Context, accessKey, token string) (secret string, who Caller, err error) {
	if token != "" {
		return s.sessionCredentials(ctx, accessKey, token)
	}
	if accessKey == s.RootKey && accessKey != "" {
		return s.RootSecret, Caller{Account: AdminAccount}, nil
	}
	if len(accessKey) != len(keyPrefix)+16 {
		return "", Caller{}, errUnknownKey
	}
	k, err := s.keys.get(accessKey, s.Now(), func() (*keyEntry, error) {
		stored, err := s.Store.AccessKey(ctx, accessKey)
		if err != nil {
			return nil, err
		}
		secret, err := s.Vault.open(stored.ID, stored.Sealed)
		return &keyEntry{account: stored.Account, secret: secret}, err
	})
	if belfry.KindOf(err) == belfry.NotFound {
		return "", Caller{}, errUnknownKey
	}
	if err != nil {
		return "", Caller{}, err
	}
	return k.secret, Caller{Account: k.account}, nil
}

func (s *Service) sessionCredentials(ctx context.Context, accessKey, token string) (secret string, who Caller, err error) {
	session, err := s.Vault.session(token)
	if err != nil || session.AccessKey != accessKey {
		return "", Caller{}, errUnknownKey
	}
	if !s.Now().Before(session.Expires) {
		return "", Caller{}, errExpiredToken
	}
	c, err := s.compiled(ctx, session.Account, session.Role)
	if belfry.KindOf(err) == belfry.NotFound || err == nil && c.role.ID != session.RoleID {
		return "", Caller{}, errUnknownKey // the role has gone, and its sessions with it
	}
	if err != nil {
		return "", Caller{}, err
	}
	return s.Vault.sessionSecret(accessKey), Caller{Account: session.Account, Session: session}, nil
}

// EnsureRoot makes the first access key of AdminAccount when it has none, and
// returns it; nil when there is one already. It fails when the keys were
// encrypted with another master key: no request could be checked.
func (s *Service) EnsureRoot(ctx context.Context) (*Key, error) {
	have, err := s.Store.AccessKeys(ctx, AdminAccount, "", 1)
	if err != nil {
		return nil, err
	}
	if len(have) > 0 {
		_, err := s.Vault.open(have[0].ID, have[0].Sealed)
		return nil, err
	}
	if s.RootKey != "" {
		return nil, nil
	}
	return s.newKey(ctx, AdminAccount)
}

func (s *Service) newKey(ctx context.Context, account string) (*Key, error) {
	k := &Key{ID: newKeyID(keyPrefix), Account: account, Secret: newSecret(), Created: s.now()}
	stored := StoredKey{ID: k.ID, Account: account, Sealed: s.Vault.seal(k.ID, k.Secret), Created: k.Created}
	err := s.Store.CreateAccessKey(ctx, stored, MaxKeys)
	if belfry.KindOf(err) == belfry.Quota {
		return nil, belfry.Errorf(belfry.Quota, "account", "The account %s has %d access keys, which is the limit; revoke one that nobody uses.", account, MaxKeys)
	}
	if err != nil {
		return nil, fmt.Errorf("store the access key: %w", err)
	}
	return k, nil
}

// mayManage says whether the caller looks after the keys of the account.
func mayManage(c *Caller, account string) error {
	if c.Session != nil {
		return belfry.Errorf(belfry.Denied, "", "Access keys are managed with an access key of an account, not with temporary credentials.")
	}
	if c.Account != account && c.Account != AdminAccount {
		return belfry.Errorf(belfry.Denied, "account", "An access key of the account %s manages the keys of that account only; one of %s manages all.", c.Account, AdminAccount)
	}
	return nil
}

// CreateKey makes an access key for the account, which begins to exist with
// its first one. Another account than the caller's own is Denied unless he is
// the root of AdminAccount.
func (s *Service) CreateKey(ctx context.Context, by Caller, account string) (*Key, error) {
	if !account12.MatchString(account) {
		return nil, belfry.Errorf(belfry.Invalid, "account", "The account is %q; give 12 digits.", clip(account))
	}
	if err := mayManage(&by, account); err != nil {
		return nil, err
	}
	return s.newKey(ctx, account)
}

// Keys returns up to limit keys after the given id, without their secrets: of
// the account, or of all accounts when account is empty.
func (s *Service) Keys(ctx context.Context, by Caller, account, after string, limit int) ([]Key, error) {
	if account == "" && by.Account != AdminAccount {
		account = by.Account
	}
	if err := mayManage(&by, account); err != nil {
		return nil, err
	}
	stored, err := s.Store.AccessKeys(ctx, account, after, limit)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(stored))
	for i, k := range stored {
		keys[i] = Key{ID: k.ID, Account: k.Account, Created: k.Created}
	}
	return keys, nil
}

// RevokeKey removes a key; requests that are signed with it are refused from
// then on. A key that the caller does not look after is NotFound.
func (s *Service) RevokeKey(ctx context.Context, by Caller, id string) error {
	if id == s.RootKey && id != "" && by.Account == AdminAccount {
		return belfry.Errorf(belfry.Conflict, "", "The access key %s comes from the server's environment; take it out there.", id)
	}
	notFound := belfry.Errorf(belfry.NotFound, "", "There is no access key %s.", clip(id))
	k, err := s.Store.AccessKey(ctx, id)
	if err == nil && mayManage(&by, k.Account) != nil {
		if by.Session != nil {
			return mayManage(&by, k.Account)
		}
		return notFound
	}
	if err == nil {
		err = s.Store.DeleteAccessKey(ctx, id)
	}
	s.keys.forget(func(have string) bool { return have == id })
	if belfry.KindOf(err) == belfry.NotFound {
		return notFound
	}
	return err
}

// CheckRootKey says whether a root key from the environment can be one.
func CheckRootKey(id, secret string) error {
	switch {
	case (id == "") != (secret == ""):
		return errors.New("BELFRY_ROOT_ACCESS_KEY and BELFRY_ROOT_SECRET_KEY belong together; one of them is not set")
	case id == "":
		return nil
	case len(id) < 8 || len(id) > 128:
		return fmt.Errorf("BELFRY_ROOT_ACCESS_KEY has %d characters, want 8 to 128", len(id))
	case len(secret) < 16 || len(secret) > 256:
		return fmt.Errorf("BELFRY_ROOT_SECRET_KEY has %d characters, want 16 to 256", len(secret))
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return errors.New("BELFRY_ROOT_ACCESS_KEY may have letters, digits, hyphens and underscores only")
		}
	}
	return nil
}
