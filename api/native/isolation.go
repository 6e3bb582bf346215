package native

import "net/http"

// Isolation is what functions are kept from.
type Isolation struct {
	Level       string   `json:"level"`        // none, uid, rootless or full
	NotEnforced []string `json:"not_enforced"` // in words
	Reasons     []string `json:"reasons"`      // why no higher level works
}

// isolation tells any caller what the functions of this server are kept from.
func (a *API) isolation(*http.Request) (any, error) {
	i := a.Isolation
	for _, list := range []*[]string{&i.NotEnforced, &i.Reasons} {
		if *list == nil {
			*list = []string{}
		}
	}
	return i, nil
}
