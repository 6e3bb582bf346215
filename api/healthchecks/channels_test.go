package healthchecks_test

import (
	"testing"

	"github.com/belfry-run/belfry/api/healthchecks"
)

func TestChannels(t *testing.T) {
	s := newSite(t)
	s.do("GET", "/api/v3/channels/", nil).is(200, `{"channels":[]}`)
	const mail, hook, twin = "b0000000-0000-4000-8000-000000000000", "a0000000-0000-4000-8000-000000000000", "c0000000-0000-4000-8000-000000000000"
	s.channels = []healthchecks.Channel{{ID: mail, Name: "Mail", Kind: "email"}, {ID: hook, Name: "twin", Kind: "webhook"}, {ID: twin, Name: "twin", Kind: "ntfy"}}
	s.do("GET", "/api/v1/channels/", nil).is(200, `{"channels":[{"id":"`+mail+`","name":"Mail","kind":"email"},{"id":"`+
		hook+`","name":"twin","kind":"webhook"},{"id":"`+twin+`","name":"twin","kind":"ntfy"}]}`)

	path := "/api/v3/checks/" + text(s.create(nil), "uuid")
	for _, c := range []struct{ said, want string }{
		{"*", hook + "," + mail + "," + twin}, // sorted
		{"", ""},
		{mail, mail},
		{"Mail", mail},
		{"Mail," + mail, mail},
		{mail + "," + hook, hook + "," + mail},
	} {
		got := s.do("POST", path, map[string]any{"channels": c.said}).is(200).object()
		if got["channels"] != c.want {
			t.Errorf("%q gives %v, want %s", c.said, got["channels"], c.want)
		}
	}
	// Not said: they stay.
	s.same(s.do("POST", path, map[string]any{"name": "x"}).is(200).object()["channels"], any(hook+","+mail))
	for said, why := range map[string]string{
		"Mail,": "empty channel identifier", ",": "empty channel identifier", "mail": "invalid channel identifier: mail",
		"Mail,x": "invalid channel identifier: x", "twin": "non-unique channel identifier: twin", " Mail": "invalid channel identifier:  Mail",
	} {
		s.do("POST", path, map[string]any{"channels": said, "name": "never"}).refused(400, why)
		s.do("POST", "/api/v3/checks/", map[string]any{"channels": said}).refused(400, why)
	}
	got := s.do("GET", path, nil).object()
	s.same(got["name"], any("x"))
	s.same(got["channels"], any(hook+","+mail))
	s.same(s.count(), 1)
}
