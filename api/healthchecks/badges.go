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
	tags := map[string]bool{allTags: true}
	err = a.each(c.Request, monitor.CheckQuery{Account: c.account}, func(k *monitor.Check) bool {
		for _, tag := range k.TagList() {
			tags[tag] = true
		}
		return true
	})
	if err != nil {
		return answer{}, err
	}
	badges := make(map[string]map[string]string, len(tags))
	for tag := range tags {
		of := make(map[string]string, 6)
		for _, format := range []string{"svg", "json", "shields"} {
			of[format] = a.badgeURL(c.Request, &project, tag, "-2", format)
			of[format+"3"] = a.badgeURL(c.Request, &project, tag, "", format)
		}
		badges[tag] = of
	}
	return found(map[string]any{"badges": badges}), nil
}

// each shows the checks that q selects to see, until it returns false.
func (a *API) each(r *http.Request, q monitor.CheckQuery, see func(*monitor.Check) bool) error {
	q.Limit = listPage
	for {
		page, err := a.monitor.List(r.Context(), q)
		if err != nil {
			return err
		}
		for i := range page {
			if !see(&page[i]) {
				return nil
			}
		}
		if len(page) < listPage {
			return nil
		}
		q.After = page[len(page)-1].Number
	}
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
	late  bool // is one of the states
	sum
}

// A sum is a badge as JSON.
type sum struct {
	Status string `json:"status"`
	Total  int    `json:"total"`
	Grace  int    `json:"grace"`
	Down   int    `json:"down"`
}

func (b *badge) add(status monitor.Status) {
	b.Total++
	switch status {
	case monitor.Down:
		b.Down++
		b.Status = "down"
	case monitor.Grace:
		b.Grace++
		if b.late && b.Status == "up" {
			b.Status = "late"
		}
	}
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
	b := &badge{label: k.DisplayName(), late: late, sum: sum{Status: "up"}}
	b.add(k.StatusAt(a.now()))
	return b, nil
}

func (a *API) tagBadge(r *http.Request, key, signature, escaped string, late bool) (*badge, error) {
	tag, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, monitor.NotExist()
	}
	b := &badge{label: tag, late: late, sum: sum{Status: "up"}}
	q := monitor.CheckQuery{Tags: []string{tag}}
	if escaped == "" {
		tag, b.label, q.Tags = allTags, allLabel, nil
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
	q.Account = project.Account
	now := a.now()
	return b, a.each(r, q, func(k *monitor.Check) bool { b.add(k.StatusAt(now)); return true })
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
