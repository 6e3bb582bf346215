package healthchecks

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"

	"github.com/belfry-run/belfry/monitor"
)

// listPage is how many checks are read at a time, so that a long list costs
// little memory.
const listPage = 500

var (
	uuidForm      = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	uniqueKeyForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// find returns the check that the path names by its id or, for reading, by its
// unique key.
func (a *API) find(c *call) (monitor.Check, error) {
	switch id := c.PathValue("id"); {
	case uuidForm.MatchString(id):
		return a.monitor.Check(c.Context(), c.account, id)
	case c.Method == http.MethodGet && uniqueKeyForm.MatchString(id):
		return a.monitor.CheckByUniqueKey(c.Context(), c.account, id)
	}
	return monitor.Check{}, monitor.NotExist()
}

func (a *API) getCheck(c *call) (answer, error) {
	k, err := a.find(c)
	if err != nil {
		return answer{}, err
	}
	return found(a.show(c, &k)), nil
}

// listChecks writes all checks that have the slug and all the tags which are
// asked for.
func (a *API) listChecks(c *call) (answer, error) {
	query := c.URL.Query()
	q := monitor.CheckQuery{Account: c.account, Slug: query.Get("slug"), Tags: query["tag"], Limit: listPage}
	page, err := a.monitor.List(c.Context(), q)
	if err != nil {
		return answer{}, err
	}
	return found(func(w io.Writer) error {
		separator := `{"checks": [`
		for {
			for i := range page {
				one, err := json.Marshal(a.show(c, &page[i]))
				if err != nil {
					return err
				}
				if _, err := io.WriteString(w, separator); err != nil {
					return err
				}
				if _, err := w.Write(one); err != nil {
					return err
				}
				separator = ", "
			}
			if len(page) < listPage {
				break
			}
			q.After = page[len(page)-1].Number
			if page, err = a.monitor.List(c.Context(), q); err != nil {
				return err
			}
		}
		if separator != ", " {
			_, err = io.WriteString(w, separator)
		}
		if err == nil {
			_, err = io.WriteString(w, "]}")
		}
		return err
	}), nil
}

// createCheck adds a check, or updates the one that is like it.
func (a *API) createCheck(c *call) (answer, error) {
	s, channels, err := a.spec(c)
	if err != nil {
		return answer{}, err
	}
	settings := monitor.DefaultSettings()
	s.apply(&settings, c.version, channels)
	k, created, err := a.monitor.Create(c.Context(), c.account, settings, s.like)
	if err == nil && !created {
		return a.update(c, k.ID, s, channels)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, a.show(c, &k)}, nil
}

func (a *API) updateCheck(c *call) (answer, error) {
	k, err := a.find(c)
	if err != nil {
		return answer{}, err
	}
	s, channels, err := a.spec(c)
	if err != nil {
		return answer{}, err
	}
	return a.update(c, k.ID, s, channels)
}

func (a *API) update(c *call, id string, s *spec, channels []string) (answer, error) {
	k, err := a.monitor.Update(c.Context(), c.account, id, func(t *monitor.Settings) error {
		s.apply(t, c.version, channels)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return found(a.show(c, &k)), nil
}

// spec reads the body and finds the channels that it names.
func (a *API) spec(c *call) (*spec, []string, error) {
	s, err := parseSpec(c.body)
	if err != nil {
		return nil, nil, err
	}
	channels, err := a.named(c, s.channels)
	return s, channels, err
}

func (a *API) deleteCheck(c *call) (answer, error) {
	return a.change(c, func(ctx context.Context, account, id string) (monitor.Check, error) {
		return a.monitor.Delete(ctx, account, id, "an API key of its project")
	})
}

func (a *API) pauseCheck(c *call) (answer, error) { return a.change(c, a.monitor.Pause) }

func (a *API) resumeCheck(c *call) (answer, error) { return a.change(c, a.monitor.Resume) }

// change does something to the check that the path names and shows it.
func (a *API) change(c *call, do func(ctx context.Context, account, id string) (monitor.Check, error)) (answer, error) {
	k, err := a.find(c)
	if err == nil {
		k, err = do(c.Context(), c.account, k.ID)
	}
	if err != nil {
		return answer{}, err
	}
	return found(a.show(c, &k)), nil
}
