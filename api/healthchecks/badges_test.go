package healthchecks_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor"
)

// badge asks for a badge's URL, as everybody may.
func (s *site) badge(url string) *reply {
	s.Helper()
	return s.with("GET", strings.TrimPrefix(url, "https://hc.example"), nil, nil)
}

func TestBadges(t *testing.T) {
	s := newSite(t)
	late := s.create(map[string]any{"name": "late", "tags": "a/b ü", "timeout": 60, "grace": 3600})
	s.create(map[string]any{"name": "new", "tags": "ü"})
	s.ping(late, "", nil)
	s.clock.forward(2 * time.Minute)
	var list struct{ Badges map[string]map[string]string }
	s.with("GET", "/api/v3/badges/", nil, key(s.ro)).is(200).json(&list)
	if len(list.Badges) != 3 {
		t.Fatalf("badges of %d tags, want *, a/b and ü: %v", len(list.Badges), list.Badges)
	}
	for tag, b := range list.Badges {
		label, sum := tag, `{"status":"late","total":2,"grace":1,"down":0}`
		switch tag {
		case "*":
			label = "Belfry"
		case "a/b":
			sum = strings.Replace(sum, "2", "1", 1)
		}
		s.badge(b["json3"]).is(200, sum)
		s.badge(b["json"]).is(200, strings.Replace(sum, "late", "up", 1)) // of two states, late is up
		s.badge(b["shields3"]).is(200, `{"schemaVersion":1,"label":"`+label+`","message":"late","color":"important"}`)
		s.badge(b["shields"]).is(200, `{"schemaVersion":1,"label":"`+label+`","message":"up","color":"success"}`)
		for format, status := range map[string]string{"svg": "up", "svg3": "late"} {
			r := s.badge(b[format]).is(200)
			picture(t, r.text, label, status)
			if r.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(r.header.Get("Cache-Control"), "no-store") ||
				r.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("header %v", r.header)
			}
		}
	}
	s.ping(late, "/fail", nil)
	s.badge(list.Badges["*"]["json"]).is(200, `{"status":"down","total":2,"grace":0,"down":1}`)
	s.badge(list.Badges["a/b"]["shields"]).is(200, `{"schemaVersion":1,"label":"a/b","message":"down","color":"critical"}`)

	// A signature is for its tag, and a key can be taken back.
	good := list.Badges["ü"]["json"]
	for _, bad := range []string{
		strings.Replace(good, "%C3%BC", "a", 1), strings.Replace(good, "/%C3%BC", "", 1), strings.Replace(good, ".json", ".png", 1),
		strings.Replace(good, "-2", "-3", 1), "/badge/", "/badge/x/12345678.svg", "/b/", "/b/4/x.svg",
	} {
		s.badge(bad).refused(404, "not found")
	}
	s.newKey(tenant, monitor.BadgeKey)
	s.badge(good).refused(404, "not found")
	s.with("POST", "/b/2/x.svg", nil, nil).is(405)
}

func TestCheckBadge(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"name": `<a> & "b"`, "timeout": 60, "grace": 3600})
	svg := text(c, "badge_url")
	s.badge(strings.Replace(svg, ".svg", ".json", 1)).is(200, `{"status":"up","total":1,"grace":0,"down":0}`)
	s.ping(c, "", nil)
	s.clock.forward(2 * time.Minute)
	three := strings.Replace(svg, "/b/2/", "/b/3/", 1)
	s.badge(strings.Replace(svg, ".svg", ".json", 1)).is(200, `{"status":"up","total":1,"grace":1,"down":0}`)
	s.badge(strings.Replace(three, ".svg", ".json", 1)).is(200, `{"status":"late","total":1,"grace":1,"down":0}`)
	picture(t, s.badge(three).is(200).text, `<a> & "b"`, "late")
	s.badge(strings.Replace(svg, ".svg", ".shields", 1)).is(200, `{"schemaVersion":1,"label":"<a> & \"b\"","message":"up","color":"success"}`)
	s.do("DELETE", "/api/v3/checks/"+text(c, "uuid"), nil).is(200)
	s.badge(svg).refused(404, "not found")
}

// TestBadgeOfNoName: a check without a name is called by its id, and the
// longest name does not make the picture endless.
func TestBadgeLabels(t *testing.T) {
	s := newSite(t)
	c := s.create(nil)
	picture(t, s.badge(text(c, "badge_url")).text, text(c, "uuid"), "up")
	c = s.create(map[string]any{"name": strings.Repeat("w", 100)})
	picture(t, s.badge(text(c, "badge_url")).text, strings.Repeat("w", 59)+"…", "up")
	c = s.create(map[string]any{"name": "tab\tand \u0001"})
	picture(t, s.badge(text(c, "badge_url")).text, "tab and  ", "up")
}

// picture demands well-formed XML whose texts are the label and the status.
func picture(t *testing.T, svg, label, status string) {
	t.Helper()
	var texts []string
	in := ""
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", svg, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			in = e.Name.Local
		case xml.EndElement:
			in = ""
		case xml.CharData:
			if in == "text" {
				texts = append(texts, string(e))
			}
		}
	}
	if len(texts) != 2 || texts[0] != label || texts[1] != status {
		t.Errorf("the picture says %q, want %q and %q", texts, label, status)
	}
}
