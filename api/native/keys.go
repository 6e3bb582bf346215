package native

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

type key struct {
	AccessKeyID string `json:"access_key_id"`
	Secret      string `json:"secret_access_key,omitempty"`
	Account     string `json:"account"`
	Role        string `json:"role"` // ARN of the role that every account has
	CreatedAt   string `json:"created_at"`
}

func keyOf(k *auth.Key) key {
	return key{
		AccessKeyID: k.ID, Secret: k.Secret, Account: k.Account, CreatedAt: stamp(k.Created),
		Role: "arn:aws:iam::" + k.Account + ":role/" + auth.DefaultRole,
	}
}

// identity tells a caller who he is.
func (a *API) identity(r *http.Request) (any, error) {
	c := callerOf(r)
	return map[string]string{"account": c.Account, "arn": c.ARN()}, nil
}

// createKey makes an access key, by default of the caller's own account. Its
// answer is the only one that ever has the secret.
func (a *API) createKey(r *http.Request) (any, error) {
	var in struct {
		Account string `json:"account"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "", `The body is not {"account": "12 digits"}: %s.`, strings.TrimPrefix(err.Error(), "json: "))
	}
	caller := callerOf(r)
	if in.Account == "" {
		in.Account = caller.Account
	}
	k, err := a.Auth.CreateKey(r.Context(), caller, in.Account)
	if err != nil {
		return nil, err
	}
	return keyOf(k), nil
}

// listKeys lists the access keys of an account; the root of the first account
// sees those of all.
func (a *API) listKeys(r *http.Request) (any, error) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	keys, err := a.Auth.Keys(r.Context(), callerOf(r), r.URL.Query().Get("account"), r.URL.Query().Get("next"), limit)
	if err != nil {
		return nil, err
	}
	out := list[key]{Items: []key{}}
	for i := range keys {
		out.Items = append(out.Items, keyOf(&keys[i]))
	}
	if len(keys) == limit {
		out.Next = keys[limit-1].ID
	}
	return out, nil
}

// revokeKey makes an access key useless, for ever.
func (a *API) revokeKey(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if err := a.Auth.RevokeKey(r.Context(), callerOf(r), id); err != nil {
		return nil, err
	}
	return map[string]string{"access_key_id": id}, nil
}
