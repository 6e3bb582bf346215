package native

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// Actions on what tells people; docs/security.md lists them.
const (
	readAlerts   = "belfry:ReadAlerts"
	manageAlerts = "belfry:ManageAlerts"
	acknowledge  = "belfry:AcknowledgeAlert"
)

// alertRoutes are those of channels, policies, alerts and deliveries.
func (a *API) alertRoutes() {
	for route, handle := range map[string]func(*http.Request) (any, error){
		"POST /belfry/v1/channels":           a.createChannel,
		"GET /belfry/v1/channels":            a.listChannels,
		"GET /belfry/v1/channels/{id}":       a.getChannel,
		"PATCH /belfry/v1/channels/{id}":     a.updateChannel,
		"DELETE /belfry/v1/channels/{id}":    a.deleteChannel,
		"POST /belfry/v1/channels/{id}/test": a.testChannel,

		"POST /belfry/v1/policies":        a.createPolicy,
		"GET /belfry/v1/policies":         a.listPolicies,
		"GET /belfry/v1/policies/{id}":    a.getPolicy,
		"PUT /belfry/v1/policies/{id}":    a.replacePolicy,
		"DELETE /belfry/v1/policies/{id}": a.deletePolicy,

		"GET /belfry/v1/alerts":                   a.listAlerts,
		"GET /belfry/v1/alerts/{id}":              a.getAlert,
		"POST /belfry/v1/alerts/{id}/acknowledge": a.acknowledgeAlert,
		"GET /belfry/v1/deliveries":               a.listDeliveries,
	} {
		a.mux.HandleFunc(route, a.answer(handle))
	}
}

// may returns the account of the caller if he may do it to one of its channels,
// policies, alerts or deliveries, or to all when id is empty.
func (a *API) may(r *http.Request, action, kind, id string) (account string, err error) {
	account = callerOf(r).Account
	if id == "" {
		id = "*"
	}
	return account, a.authorized(r, action, "arn:aws:belfry::"+account+":"+kind+"/"+id)
}

// decode reads a body of JSON without members that nobody knows.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one JSON object")
		}
	}
	if err != nil {
		field := ""
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			field = e.Field
		}
		return belfry.Errorf(belfry.Invalid, field, "The body cannot be read: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

type channel struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Target    string `json:"target"`
	Enabled   bool   `json:"enabled"`
	Status    string `json:"status"`
	Since     string `json:"since"`
	Failures  int    `json:"failures"`
	LastError string `json:"last_error,omitempty"`
	RetryAt   string `json:"retry_at,omitempty"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func channelOf(c *monitor.Channel) channel {
	return channel{
		ID: c.ID, Name: c.Name, Kind: c.Kind, Target: c.Target, Enabled: c.Enabled, Status: string(c.Status), Since: stamp(c.Since),
		Failures: c.Failures, LastError: c.LastError, RetryAt: stamp(c.RetryAt), CreatedAt: stamp(c.Created), UpdatedAt: stamp(c.Updated),
	}
}

// channelBody is what a client says of a channel; what is left out of a change
// stays as it is.
type channelBody struct {
	Name    *string         `json:"name"`
	Kind    *string         `json:"kind"`
	Config  json.RawMessage `json:"config"`
	Enabled *bool           `json:"enabled"`
}

func (b *channelBody) apply(s *monitor.ChannelSettings) {
	if b.Name != nil {
		s.Name = *b.Name
	}
	if b.Kind != nil {
		s.Kind = *b.Kind
	}
	if b.Config != nil {
		s.Config = b.Config
	}
	if b.Enabled != nil {
		s.Enabled = *b.Enabled
	}
}

func (a *API) createChannel(r *http.Request) (any, error) {
	account, err := a.may(r, manageAlerts, "channel", "")
	if err != nil {
		return nil, err
	}
	var in channelBody
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Config == nil {
		return nil, belfry.Errorf(belfry.Invalid, "config", "config is missing: give the configuration of the channel's kind.")
	}
	settings := monitor.ChannelSettings{Enabled: true}
	in.apply(&settings)
	c, err := a.Alerts.CreateChannel(r.Context(), account, settings)
	if err != nil {
		return nil, err
	}
	return channelOf(&c), nil
}

func (a *API) listChannels(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "channel", "")
	if err != nil {
		return nil, err
	}
	all, err := a.Alerts.Channels(r.Context(), account)
	if err != nil {
		return nil, err
	}
	out := list[channel]{Items: []channel{}}
	for i := range all {
		out.Items = append(out.Items, channelOf(&all[i]))
	}
	return out, nil
}

func (a *API) getChannel(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "channel", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	c, err := a.Alerts.Channel(r.Context(), account, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return channelOf(&c), nil
}

func (a *API) updateChannel(r *http.Request) (any, error) {
	account, err := a.may(r, manageAlerts, "channel", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var in channelBody
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	c, err := a.Alerts.UpdateChannel(r.Context(), account, r.PathValue("id"), func(s *monitor.ChannelSettings) error {
		in.apply(s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return channelOf(&c), nil
}

func (a *API) deleteChannel(r *http.Request) (any, error) {
	id := r.PathValue("id")
	account, err := a.may(r, manageAlerts, "channel", id)
	if err != nil {
		return nil, err
	}
	if err := a.Alerts.DeleteChannel(r.Context(), account, id, callerName(r)); err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}

// testChannel sends a test message and answers with what became of it.
func (a *API) testChannel(r *http.Request) (any, error) {
	account, err := a.may(r, manageAlerts, "channel", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d, err := a.Alerts.TestChannel(r.Context(), account, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return deliveryOf(&d), nil
}
