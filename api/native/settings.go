package native

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
)

// Functions keeps what only Belfry knows of functions.
type Functions interface {
	// FunctionARN returns the ARN of the function with that name in the scope, or
	// with that ARN; Invalid when it is neither.
	FunctionARN(s belfry.Scope, name string) (string, error)
	// LogGroup returns the name of the log group that the function writes to; of
	// one that is not there, the one that it has without settings.
	LogGroup(ctx context.Context, arn string) (string, error)
	// OncePer returns the function's once_per, nil for none; NotFound when the
	// function is not there.
	OncePer(ctx context.Context, arn string) (*belfry.OncePer, error)
	// SetOncePer sets it; nil takes it away.
	SetOncePer(ctx context.Context, arn string, once *belfry.OncePer) error
}

func (a *API) routeSettings() {
	a.mux.HandleFunc("GET /belfry/v1/schedules/settings", a.answer(a.getSettings))
	a.mux.HandleFunc("PUT /belfry/v1/schedules/settings", a.answer(a.putSettings))
	a.mux.HandleFunc("GET /belfry/v1/functions/{name}/settings", a.answer(a.getFunctionSettings))
	a.mux.HandleFunc("PUT /belfry/v1/functions/{name}/settings", a.answer(a.putFunctionSettings))
}

// settings is what a PUT sets, all of it, and a GET shows.
type settings struct {
	Schedule string          `json:"schedule,omitempty"` // ARN; not in a request
	Function string          `json:"function,omitempty"` // ARN; not in a request
	OncePer  *belfry.OncePer `json:"once_per"`
}

// readSettings reads the body of a PUT.
func readSettings(r *http.Request) (*belfry.OncePer, error) {
	var in struct {
		OncePer *belfry.OncePer `json:"once_per"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "", `The body is not {"once_per": {"window": "1h", "key": "$.id"}}, or {"once_per": null} to take it away: %s.`, strings.TrimPrefix(err.Error(), "json: "))
	}
	return in.OncePer, nil
}

// scheduleOf reads the schedule that ?schedule= names, for a caller who may do
// that with it.
func (a *API) scheduleOf(r *http.Request, action string) (belfry.ScheduleRef, error) {
	arn := r.URL.Query().Get("schedule")
	p, ok := belfry.ParseARN(arn)
	parts := strings.Split(p.Resource, "/")
	switch {
	case ok && p.Service == "events":
		return belfry.ScheduleRef{}, belfry.Errorf(belfry.Invalid, "schedule", "A rule has no settings; set once_per on the function that it invokes.")
	case !ok || p.Service != "scheduler" || len(parts) != 3 || parts[0] != "schedule":
		return belfry.ScheduleRef{}, belfry.Errorf(belfry.Invalid, "schedule", "%q is not the ARN of a schedule, such as ?schedule=arn:aws:scheduler:us-east-1:000000000000:schedule/default/name.", arn)
	}
	return belfry.ScheduleRef{Scope: p.Scope(), Group: parts[1], Name: parts[2]}, a.authorized(r, action, arn)
}

func (a *API) getSettings(r *http.Request) (any, error) {
	ref, err := a.scheduleOf(r, "belfry:GetScheduleSettings")
	if err != nil {
		return nil, err
	}
	s, err := a.engine.Schedule(r.Context(), ref)
	if err != nil {
		return nil, err
	}
	return settings{Schedule: s.ARN(), OncePer: s.Settings.OncePer}, nil
}

func (a *API) putSettings(r *http.Request) (any, error) {
	ref, err := a.scheduleOf(r, "belfry:PutScheduleSettings")
	if err != nil {
		return nil, err
	}
	once, err := readSettings(r)
	if err != nil {
		return nil, err
	}
	s, err := a.engine.SetSettings(r.Context(), ref, belfry.Settings{OncePer: once})
	if err != nil {
		return nil, err
	}
	return settings{Schedule: s.ARN(), OncePer: s.Settings.OncePer}, nil
}

// functionOf reads the function that the path names, for a caller who may do
// that with it.
func (a *API) functionOf(r *http.Request, action string) (string, error) {
	arn, err := a.Functions.FunctionARN(belfry.Scope{Account: callerOf(r).Account, Region: a.Region(r)}, r.PathValue("name"))
	if err != nil {
		return "", err
	}
	return arn, a.authorized(r, action, arn)
}

func (a *API) getFunctionSettings(r *http.Request) (any, error) {
	arn, err := a.functionOf(r, "belfry:GetFunctionSettings")
	if err != nil {
		return nil, err
	}
	once, err := a.Functions.OncePer(r.Context(), arn)
	if err != nil {
		return nil, err
	}
	return settings{Function: arn, OncePer: once}, nil
}

func (a *API) putFunctionSettings(r *http.Request) (any, error) {
	arn, err := a.functionOf(r, "belfry:PutFunctionSettings")
	if err != nil {
		return nil, err
	}
	once, err := readSettings(r)
	if err != nil {
		return nil, err
	}
	if err := a.Functions.SetOncePer(r.Context(), arn, once); err != nil {
		return nil, err
	}
	return settings{Function: arn, OncePer: once}, nil
}
