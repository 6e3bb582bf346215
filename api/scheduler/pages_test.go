package scheduler_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/api/scheduler"
)

// pages follows a list to its end and returns the names and the tokens.
func (b *bench) pages(path, member string) (names, tokens []string) {
	b.t.Helper()
	next := ""
	for {
		answer := b.must("GET", path+next, nil)
		for _, item := range answer[member].([]any) {
			names = append(names, item.(object)["Name"].(string))
		}
		token, ok := answer["NextToken"].(string)
		if !ok {
			return names, tokens
		}
		tokens = append(tokens, token)
		next = "&NextToken=" + url.QueryEscape(token)
	}
}

func TestListsInPages(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	for _, g := range []string{"a", "z"} {
		b.must("POST", "/schedule-groups/"+g, nil)
	}
	for i := range 7 {
		for _, g := range []string{"a", "default", "z"} {
			state := "ENABLED"
			if i%2 == 1 {
				state = "DISABLED"
			}
			b.must("POST", fmt.Sprintf("/schedules/%s-%d", g[:1], i), good("GroupName", g, "State", state))
		}
	}
	for _, c := range []struct {
		path, member, want string
		pages              int
	}{
		{"/schedules?MaxResults=100", "Schedules", "a-0 a-1 a-2 a-3 a-4 a-5 a-6 d-0 d-1 d-2 d-3 d-4 d-5 d-6 z-0 z-1 z-2 z-3 z-4 z-5 z-6", 1},
		{"/schedules?MaxResults=5", "Schedules", "a-0 a-1 a-2 a-3 a-4 a-5 a-6 d-0 d-1 d-2 d-3 d-4 d-5 d-6 z-0 z-1 z-2 z-3 z-4 z-5 z-6", 5},
		{"/schedules?MaxResults=7", "Schedules", "a-0 a-1 a-2 a-3 a-4 a-5 a-6 d-0 d-1 d-2 d-3 d-4 d-5 d-6 z-0 z-1 z-2 z-3 z-4 z-5 z-6", 3},
		{"/schedules?MaxResults=2&ScheduleGroup=a&State=DISABLED", "Schedules", "a-1 a-3 a-5", 2},
		{"/schedules?MaxResults=1&NamePrefix=z-&State=ENABLED", "Schedules", "z-0 z-2 z-4 z-6", 4},
		{"/schedules?MaxResults=1&NamePrefix=Z-", "Schedules", "", 1},
		{"/schedule-groups?MaxResults=2", "ScheduleGroups", "a default z", 2},
		{"/schedule-groups?MaxResults=1", "ScheduleGroups", "a default z", 3},
		{"/schedule-groups?MaxResults=1&NamePrefix=d", "ScheduleGroups", "default", 1},
		{"/schedule-groups?NamePrefix=x", "ScheduleGroups", "", 1},
	} {
		names, tokens := b.pages(c.path, c.member)
		if got := strings.Join(names, " "); got != c.want || len(tokens)+1 != c.pages {
			t.Errorf("%s: %s in %d pages, want %s in %d", c.path, got, len(tokens)+1, c.want, c.pages)
		}
	}
	// The irregular names of the query are exact: these are other filters' names.
	names, _ := b.pages("/schedules?GroupName=a&groupName=a&nameprefix=z&state=DISABLED&MaxResults=100", "Schedules")
	if len(names) != 21 {
		t.Errorf("filters that are none leave %d of 21", len(names))
	}
	b.refused(404, "ResourceNotFoundException", "Schedule group none does not exist.", "GET", "/schedules?ScheduleGroup=none", nil)
}

// TestTokensOfOthers shows that a token is good for what it was given for, and
// that nobody can make one.
func TestTokensOfOthers(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	b.must("POST", "/schedule-groups/g", nil)
	for _, name := range []string{"a", "b", "c"} {
		b.must("POST", "/schedules/"+name, good())
	}
	const path = "/schedules?ScheduleGroup=default&State=ENABLED"
	_, tokens := b.pages(path+"&MaxResults=2", "Schedules")
	token := tokens[0]
	page := b.must("GET", path+"&MaxResults=100&NextToken="+token, nil) // another size is no other list
	if items := page["Schedules"].([]any); len(items) != 1 {
		t.Errorf("%d items on the second page, want c", len(items))
	}
	flip := func(i int) string {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		return token[:i] + string(c) + token[i+1:]
	}
	refused := []string{
		"/schedules?ScheduleGroup=default&State=ENABLED&NamePrefix=a&NextToken=" + token,
		"/schedules?ScheduleGroup=default&State=DISABLED&NextToken=" + token,
		"/schedules?ScheduleGroup=default&NextToken=" + token,
		"/schedules?ScheduleGroup=g&State=ENABLED&NextToken=" + token,
		"/schedules?State=ENABLED&NextToken=" + token,
		"/schedule-groups?NextToken=" + token,
		path + "&NextToken=x",
		path + "&NextToken=" + token + "A",
		path + "&NextToken=" + token[:len(token)-1],
		path + "&NextToken=" + url.QueryEscape("WyJkZWZhdWx0IiwiYSJd"), // ["default","a"]
		path + "&NextToken=" + token[:22],
		path + "&NextToken=%00",
	}
	for i := range token[:len(token)-1] {
		refused = append(refused, path+"&NextToken="+flip(i))
	}
	const message = "Invalid NextToken: it is not one that a request with the same filters was answered with."
	for _, r := range refused {
		b.refused(400, "ValidationException", message, "GET", r, nil)
	}
	b.key = "111111111111"
	b.refused(400, "ValidationException", message, "GET", path+"&NextToken="+token, nil)
}

func TestTagsOfGroups(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	arn := func(account, name string) string {
		return "/tags/" + url.QueryEscape("arn:aws:scheduler:eu-west-1:"+account+":schedule-group/"+name)
	}
	g := arn("000000000000", "g")
	b.must("POST", "/schedule-groups/g", object{"Tags": []object{{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}}})
	b.must("POST", g, object{"Tags": []object{{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}}})
	b.must("DELETE", g+"?TagKeys=a&TagKeys=nothing", nil)
	if got := fmt.Sprint(b.must("GET", g, nil)); got != "map[Tags:[map[Key:b Value:3] map[Key:c Value:4]]]" {
		t.Errorf("tags %s", got)
	}
	if got := fmt.Sprint(b.must("GET", arn("000000000000", "default"), nil)); got != "map[Tags:[]]" {
		t.Errorf("tags of the default group: %s", got)
	}
	tags := object{"Tags": []object{{"Key": "k", "Value": "v"}}}
	for _, path := range []string{arn("000000000000", "none"), arn("111111111111", "none")} {
		const message = "Schedule group none does not exist."
		b.refused(404, "ResourceNotFoundException", message, "GET", path, nil)
		b.refused(404, "ResourceNotFoundException", message, "POST", path, tags)
		b.refused(404, "ResourceNotFoundException", message, "DELETE", path+"?TagKeys=k", nil)
	}
	b.refused(400, "ValidationException", "This operation cannot be performed on schedule group default.", "POST", arn("000000000000", "default"), tags)
	var many []object
	for i := range 200 {
		many = append(many, object{"Key": fmt.Sprint(i), "Value": "v"})
	}
	b.refused(400, "ValidationException", "A schedule group can have up to 200 tags; it would have 202.", "POST", g, object{"Tags": many})
	b.must("DELETE", g+"?TagKeys=b&TagKeys=c", nil)
	b.must("POST", g, object{"Tags": many})
	if got := b.must("GET", g, nil)["Tags"].([]any); len(got) != 200 || !slices.ContainsFunc(got, func(t any) bool { return t.(object)["Key"] == "199" }) {
		t.Errorf("%d tags, want 200", len(got))
	}
}
