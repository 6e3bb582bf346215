package healthchecks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

const (
	badgePrefix      = "/badge/"
	checkBadgePrefix = "/b/"
	allTags          = "*"
	// allLabel stands on the badge of all checks.
	allLabel = "Belfry"
	// signatureLength is what of a signature stands in a URL: 48 bits.
	signatureLength = 8
)

// listBadges writes the URLs of the badges of all checks and of each tag.
func (a *API) listBadges(c *call) (answer, error) {
	project, err := a.monitor.EnsureProject(c.Context(), c.account)
	if err != nil {
		return answer{}, err
	}
	tags, err := a.monitor.Tags(c.Context(), c.account)
	if err != nil {
		return answer{}, err
	}
	badges := make(map[string]map[string]string, len(tags)+1)
	for _, tag := range append(tags, allTags) {
		of := make(map[string]string, 6)
		for _, format := range []string{"svg", "json", "shields"} {
			of[format] = a.badgeURL(c.Request, &project, tag, "-2", format)
			of[format+"3"] = a.badgeURL(c.Request, &project, tag, "", format)
		}
		badges[tag] = of
	}
	return found(map[string]any{"badges": badges}), nil
}

func (a *API) badgeURL(r *http.Request, p *monitor.Project, tag, states, format string) string {
	path := a.base(r) + badgePrefix + p.BadgeKey + "/" + a.signature(p.BadgeKey, tag) + states
	if tag != allTags {
		path += "/" + url.PathEscape(tag)
	}
	return path + "." + format
}

// signature keeps those who know one badge from seeing those of other tags.
func (a *API) signature(key, tag string) string {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte("badge\x00" + key + "\x00" + tag))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))[:signatureLength]
}

// A badge sums checks up.
type badge struct {
	label string
	sum
}

// A sum is a badge as JSON.
type sum struct {
	Status string `json:"status"`
	Total  int64  `json:"total"`
	Grace  int64  `json:"grace"`
	Down   int64  `json:"down"`
}

// newBadge returns a badge of checks of which so many have each state.
func newBadge(label string, late bool, have map[monitor.Status]int64) *badge {
	b := &badge{label: label, sum: sum{Status: "up", Grace: have[monitor.Grace], Down: have[monitor.Down]}}
	for _, n := range have {
		b.Total += n
	}
	switch {
	case b.Down > 0:
		b.Status = "down"
	case b.Grace > 0 && late:
		b.Status = "late"
	}
	return b
}

// The paths of badges after their prefixes, escaped as they came.
var (
	tagBadge   = regexp.MustCompile(`^([0-9A-Za-z]+)/([-0-9A-Za-z_]{8})(-2)?(?:/([^/]+))?\.(svg|json|shields)$`)
	checkBadge = regexp.MustCompile(`^([23])/([-0-9a-f]{36})\.(svg|json|shields)$`)
)

// serveBadge draws a badge; everybody may see it who knows its URL.
func (a *API) serveBadge(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	noCache(w)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var b *badge
	var format string
	err := error(monitor.NotExist())
	path := r.URL.EscapedPath()
	if m := checkBadge.FindStringSubmatch(strings.TrimPrefix(path, checkBadgePrefix)); m != nil {
		b, err = a.checkBadge(r, m[2], m[1] == "3")
		format = m[3]
	} else if m := tagBadge.FindStringSubmatch(strings.TrimPrefix(path, badgePrefix)); m != nil {
		b, err = a.tagBadge(r, m[1], m[2], m[4], m[3] == "")
		format = m[5]
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.writeBadge(w, r, b, format)
}

func (a *API) checkBadge(r *http.Request, id string, late bool) (*badge, error) {
	k, err := a.monitor.CheckByBadge(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return newBadge(k.DisplayName(), late, map[monitor.Status]int64{k.StatusAt(a.now()): 1}), nil
}

func (a *API) tagBadge(r *http.Request, key, signature, escaped string, late bool) (*badge, error) {
	tag, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, monitor.NotExist()
	}
	label, of := tag, tag
	if escaped == "" {
		tag, label, of = allTags, allLabel, ""
	}
	if !hmac.Equal([]byte(signature), []byte(a.signature(key, tag))) {
		return nil, monitor.NotExist()
	}
	project, err := a.monitor.ProjectByKey(r.Context(), monitor.BadgeKey, key)
	if belfry.KindOf(err) == belfry.NotFound {
		err = monitor.NotExist()
	}
	if err != nil {
		return nil, err
	}
	have, err := a.monitor.Sum(r.Context(), project.Account, of)
	if err != nil {
		return nil, err
	}
	return newBadge(label, late, have), nil
}

func (a *API) writeBadge(w http.ResponseWriter, r *http.Request, b *badge, format string) {
	switch format {
	case "svg":
		w.Header().Set("Content-Type", "image/svg+xml")
		// Whoever opens the picture by itself gets a picture and nothing else.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(draw(b.label, b.Status)) // a client that has gone needs no answer
	case "json":
		a.write(w, r, found(b.sum))
	case "shields":
		colors := map[string]string{"up": "success", "late": "important", "down": "critical"}
		a.write(w, r, found(struct {
			Version int    `json:"schemaVersion"`
			Label   string `json:"label"`
			Message string `json:"message"`
			Color   string `json:"color"`
		}{1, b.label, b.Status, colors[b.Status]}))
	}
}
