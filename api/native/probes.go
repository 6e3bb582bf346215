package native

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/probe"
)

// Actions on probes; docs/security.md lists them.
const (
	readProbes   = "belfry:ReadProbes"
	manageProbes = "belfry:ManageProbes"
)

// What is assumed of a probe about which nothing is said, in seconds. The grace
// time only matters when Belfry itself does not look.
const (
	defaultInterval = 300
	defaultGrace    = 60
)

// hidden stands for the value of a header, which may be a secret.
const hidden = "***"

func (a *API) probeRoutes() {
	for route, handle := range map[string]func(*http.Request) (any, error){
		"POST /belfry/v1/probes":          a.createProbe,
		"GET /belfry/v1/probes":           a.listProbes,
		"GET /belfry/v1/probes/{id}":      a.getProbe,
		"PUT /belfry/v1/probes/{id}":      a.replaceProbe,
		"DELETE /belfry/v1/probes/{id}":   a.deleteProbe,
		"POST /belfry/v1/probes/{id}/run": a.runProbe,
	} {
		a.mux.HandleFunc(route, a.answer(handle))
	}
}

// probeBody is what a client says of a probe: how its check is called, when it
// looks, and at what.
type probeBody struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
	Tags string `json:"tags"` // separated by blanks
	Desc string `json:"desc"`
	// Interval is in whole seconds, or Schedule a crontab's five fields or a
	// calendar expression of systemd's, read in Timezone.
	Interval int64            `json:"interval_seconds,omitempty"`
	Schedule string           `json:"schedule,omitempty"`
	Timezone string           `json:"timezone,omitempty"`
	Grace    int64            `json:"grace_seconds"`
	Kind     probe.Kind       `json:"kind"`
	Timeout  int              `json:"timeout_seconds"`
	Retries  *int             `json:"retries"`
	HTTP     *probe.HTTPProbe `json:"http,omitempty"`
	TCP      *probe.TCPProbe  `json:"tcp,omitempty"`
	TLS      *probe.TLSProbe  `json:"tls,omitempty"`
}

// A probeItem is a probe as the API shows it; its id is its check's.
type probeItem struct {
	ID string `json:"id"`
	probeBody
	Status    string     `json:"status"`
	Since     string     `json:"since"`
	NextLook  string     `json:"next_look"`
	Last      *probeLook `json:"last,omitempty"`
	CreatedAt string     `json:"created_at"`
}

type probeLook struct {
	At                 string `json:"at"`
	OK                 bool   `json:"ok"`
	Detail             string `json:"detail"`
	Took               int64  `json:"took_ms"`
	CertificateExpires string `json:"certificate_expires,omitempty"`
}

func probeOf(p *monitor.Probe) probeItem {
	c, s := &p.Check, &p.Settings
	out := probeItem{
		ID: c.ID, Status: string(c.Status), Since: stamp(c.Since), NextLook: stamp(p.Next), CreatedAt: stamp(c.Created),
		probeBody: probeBody{
			Name: c.Name, Slug: c.Slug, Tags: c.Tags, Desc: c.Desc, Grace: int64(c.Grace / time.Second),
			Kind: s.Kind, Timeout: s.Timeout, Retries: s.Retries, TCP: s.TCP, TLS: s.TLS,
		},
	}
	if c.Kind == monitor.Simple {
		out.Interval = int64(c.Timeout / time.Second)
	} else {
		out.Schedule, out.Timezone = c.Schedule, c.Timezone
	}
	if s.HTTP != nil {
		h := *s.HTTP
		h.Headers = make(map[string]string, len(s.HTTP.Headers))
		for k := range s.HTTP.Headers {
			h.Headers[k] = hidden
		}
		out.HTTP = &h
	}
	if l := p.Last; l != nil {
		out.Last = &probeLook{At: stamp(l.At), OK: l.OK, Detail: l.Detail, Took: l.Took.Milliseconds(), CertificateExpires: stamp(l.Expires)}
	}
	return out
}

// apply replaces the settings by what the body says. A header that comes back
// hidden keeps its value.
func (b *probeBody) apply(c *monitor.Settings, s *probe.Settings) error {
	if b.Interval != 0 && b.Schedule != "" {
		return belfry.Errorf(belfry.Invalid, "schedule", "Give interval_seconds or schedule, not both.")
	}
	if b.Timezone != "" && b.Schedule == "" {
		return belfry.Errorf(belfry.Invalid, "timezone", "timezone is for schedule; an interval has none.")
	}
	c.Name, c.Slug, c.Tags, c.Desc = b.Name, b.Slug, b.Tags, b.Desc
	c.Kind, c.Timeout, c.Schedule, c.Timezone = monitor.Simple, secondsOr(b.Interval, defaultInterval), monitor.DefaultSchedule, monitor.DefaultTimezone
	c.Grace = secondsOr(b.Grace, defaultGrace)
	if b.Schedule != "" {
		c.Kind, c.Timeout, c.Schedule = monitor.ScheduleKind(b.Schedule), monitor.DefaultTimeout, b.Schedule
		if b.Timezone != "" {
			c.Timezone = b.Timezone
		}
	}
	before := s.HTTP
	*s = probe.Settings{Kind: b.Kind, Timeout: b.Timeout, Retries: b.Retries, HTTP: b.HTTP, TCP: b.TCP, TLS: b.TLS}
	if b.HTTP == nil || before == nil {
		return nil
	}
	// A body may be applied more than once, so it is not changed.
	h := *b.HTTP
	h.Headers = make(map[string]string, len(b.HTTP.Headers))
	for k, v := range b.HTTP.Headers {
		if old, ok := before.Headers[k]; ok && v == hidden {
			v = old
		}
		h.Headers[k] = v
	}
	s.HTTP = &h
	return nil
}

// secondsOr returns n seconds, or the usual for 0; what is out of every bound
// stays out of it.
func secondsOr(n, usual int64) time.Duration {
	if n == 0 {
		n = usual
	}
	const beyond = int64(monitor.MaxTimeout/time.Second) + 1
	return time.Duration(min(max(n, 0), beyond)) * time.Second
}

// inOwnWords says what the settings of a check say in Healthchecks' words.
func inOwnWords(err error) error {
	e, ok := errors.AsType[*belfry.Error](err)
	if !ok || e.Kind != belfry.Invalid {
		return err
	}
	const least, most = int64(monitor.MinTimeout / time.Second), int64(monitor.MaxTimeout / time.Second)
	switch e.Field {
	case "timeout":
		return belfry.Errorf(belfry.Invalid, "interval_seconds", "interval_seconds must be from %d to %d.", least, most)
	case "grace":
		return belfry.Errorf(belfry.Invalid, "grace_seconds", "grace_seconds must be from %d to %d.", least, most)
	case "tz":
		return belfry.Errorf(belfry.Invalid, "timezone", "timezone must be the name of a time zone, such as Europe/Riga.")
	case "schedule":
		return belfry.Errorf(belfry.Invalid, "schedule", "schedule must be the five fields of a crontab, such as */5 * * * *, or a calendar expression of systemd's.")
	}
	return err
}

func (a *API) createProbe(r *http.Request) (any, error) {
	account, err := a.may(r, manageProbes, "probe", "")
	if err != nil {
		return nil, err
	}
	var in probeBody
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	check, settings := monitor.DefaultSettings(), probe.Settings{}
	if err := in.apply(&check, &settings); err != nil {
		return nil, err
	}
	p, err := a.Probes.Create(r.Context(), account, check, settings)
	if err != nil {
		return nil, inOwnWords(err)
	}
	return probeOf(&p), nil
}

func (a *API) listProbes(r *http.Request) (any, error) {
	account, err := a.may(r, readProbes, "probe", "")
	if err != nil {
		return nil, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	after := int64(0)
	if next := r.URL.Query().Get("next"); next != "" {
		if after, err = strconv.ParseInt(next, 10, 64); err != nil || after < 0 {
			return nil, belfry.Errorf(belfry.Invalid, "next", "next is not a position that this API gave.")
		}
	}
	all, err := a.Probes.List(r.Context(), account, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[probeItem]{Items: []probeItem{}}
	if len(all) > limit {
		all = all[:limit]
		out.Next = strconv.FormatInt(all[limit-1].Check.Number, 10)
	}
	for i := range all {
		out.Items = append(out.Items, probeOf(&all[i]))
	}
	return out, nil
}

func (a *API) getProbe(r *http.Request) (any, error) {
	account, err := a.may(r, readProbes, "probe", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shown(a.Probes.Probe(r.Context(), account, r.PathValue("id")))
}

func (a *API) replaceProbe(r *http.Request) (any, error) {
	account, err := a.may(r, manageProbes, "probe", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var in probeBody
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	return shown(a.Probes.Update(r.Context(), account, r.PathValue("id"), in.apply))
}

func (a *API) deleteProbe(r *http.Request) (any, error) {
	account, err := a.may(r, manageProbes, "probe", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shown(a.Probes.Delete(r.Context(), account, r.PathValue("id"), callerName(r)))
}

// runProbe looks now, and answers with what was seen.
func (a *API) runProbe(r *http.Request) (any, error) {
	account, err := a.may(r, manageProbes, "probe", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shown(a.Probes.Look(r.Context(), account, r.PathValue("id")))
}

func shown(p monitor.Probe, err error) (any, error) {
	if err != nil {
		return nil, inOwnWords(err)
	}
	return probeOf(&p), nil
}
