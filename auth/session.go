package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// A Session is a role as somebody has taken it on.
type Session struct {
	Account   string    `json:"a"`
	Role      string    `json:"r"` // name
	Path      string    `json:"p"`
	RoleID    string    `json:"i"` // a role made again under the name has another one
	Name      string    `json:"n"`
	AccessKey string    `json:"k"`
	Expires   time.Time `json:"e"`
}

// ARN returns the session's Amazon Resource Name.
func (s *Session) ARN() string {
	return "arn:aws:sts::" + s.Account + ":assumed-role/" + s.Role + "/" + s.Name
}

// RoleARN returns the role's Amazon Resource Name.
func (s *Session) RoleARN() string { return roleARN(s.Account, s.Path, s.Role) }

// ID returns the id that AWS calls UserId or AssumedRoleId.
func (s *Session) ID() string { return s.RoleID + ":" + s.Name }

// Credentials are what a session signs with.
type Credentials struct {
	AccessKey, Secret, Token string
	Session                  *Session
}

// Bounds of a session's duration (semantics.md 6).
const (
	MinSession     = 15 * time.Minute
	MaxSession     = 12 * time.Hour
	DefaultSession = time.Hour
)

// issue makes the credentials of a session. All that is known of it is in the
// token, so sessions need no store and survive a restart.
func (v *Vault) issue(s Session) (*Credentials, error) {
	s.AccessKey = newKeyID(sessionPrefix)
	s.Expires = s.Expires.UTC().Truncate(time.Second)
	b, err := json.Marshal(&s)
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString(v.tokens.Seal(nil, nil, b, nil))
	return &Credentials{AccessKey: s.AccessKey, Secret: v.sessionSecret(s.AccessKey), Token: token, Session: &s}, nil
}

var errToken = errors.New("not a session token of this server")

// maxToken bounds a token that is looked at, in bytes.
const maxToken = 4096

// session reads a token that issue made.
func (v *Vault) session(token string) (*Session, error) {
	if len(token) > maxToken {
		return nil, errToken
	}
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, errToken
	}
	text, err := v.tokens.Open(nil, nil, b, nil)
	if err != nil {
		return nil, errToken
	}
	s := &Session{}
	if json.Unmarshal(text, s) != nil {
		return nil, errToken
	}
	return s, nil
}
