package healthchecks

import (
	"context"
	"slices"
	"strings"
)

// A Channel is an alert channel, as checks name it.
type Channel struct {
	ID   string `json:"id"` // a UUID
	Name string `json:"name"`
	Kind string `json:"kind"` // such as "email" or "webhook"
}

// Channels returns the alert channels of an account.
type Channels func(ctx context.Context, account string) ([]Channel, error)

func (a *API) listChannels(c *call) (answer, error) {
	channels, err := a.channels(c.Context(), c.account)
	if err != nil {
		return answer{}, err
	}
	return found(map[string][]Channel{"channels": append([]Channel{}, channels...)}), nil
}

// named returns the ids of the channels that a check is to have: those of a list
// of ids and names, all for *, none for an empty text.
func (a *API) named(c *call, list *string) ([]string, error) {
	if list == nil || *list == "" {
		return nil, nil
	}
	known, err := a.channels(c.Context(), c.account)
	if err != nil {
		return nil, err
	}
	var ids []string
	if *list == "*" {
		for _, k := range known {
			ids = append(ids, k.ID)
		}
		return ids, nil
	}
	for name := range strings.SplitSeq(*list, ",") {
		if name == "" {
			return nil, badRequest("empty channel identifier")
		}
		matches := 0
		for _, k := range known {
			if k.ID != name && k.Name != name {
				continue
			}
			if matches++; !slices.Contains(ids, k.ID) {
				ids = append(ids, k.ID)
			}
		}
		switch {
		case matches == 0:
			return nil, badRequest("invalid channel identifier: %s", name)
		case matches > 1:
			return nil, badRequest("non-unique channel identifier: %s", name)
		}
	}
	return ids, nil
}

// noChannels is for a server that has none.
func noChannels(context.Context, string) ([]Channel, error) { return nil, nil }
