package target

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry"
)

func scheduleFor(input string) *belfry.Schedule {
	return &belfry.Schedule{Target: belfry.Target{ARN: HTTPInvokeARN, Input: input}}
}

func TestLaneNamesWhereRequestsGo(t *testing.T) {
	x := New(nil, nil, nil, "", Bounds{})
	defer x.Close()
	for input, want := range map[string]string{
		`{"ApiEndpoint":"http://a.example/x","Method":"GET"}`:                                             "http:a.example:80",
		`{"Method":"POST","RequestBody":{"ApiEndpoint":"http://no"},"ApiEndpoint":"https://A.example?q"}`: "http:a.example:443",
		` { "ApiEndpoint" : "HTTPS://u:p@a.example:8443" } `:                                              "http:a.example:8443",
		`{"ApiEndpoint":"http://[::1]/"}`:                                                                 "http:[::1]:80",
		`{"ApiEndpoint":"http://[::1]:81/"}`:                                                              "http:[::1]:81",
		`{"ApiEndpoint":"http://a.example:/"}`:                                                            "http:a.example:80",
		`{"apiendpoint":"http://a.example#x"}`:                                                            "http:a.example:80",
		`{"ApiEndpoint":"http://a.example","ApiEndpoint":"http://b.example","Method":"GET"}`:              "http:b.example:80",
		`{"ApiEndpoint":"http:\/\/a.example","Method":"GET"}`:                                             "http:a.example:80",
		`{"Api\u0045ndpoint":"http://a.example","Method":"GET"}`:                                          "http:a.example:80",
		`{"Headers":{"X":"\"}],{[\\"},"ApiEndpoint":"http://a.example","Method":"GET"}`:                   "http:a.example:80",
		`{"ApiEndpoint":"ftp://a.example","Method":"GET"}`:                                                "",
		`{"ApiEndpoint":7}`: "",
		`{"ApiEndpoint":`:   "",
		`{}`:                "",
		`[]`:                "",
		``:                  "",
	} {
		name, limit := x.Lane(scheduleFor(input))
		if name != want || (limit == PerHost) != (want != "") {
			t.Errorf("%s: %q of %d, want %q", input, name, limit, want)
		}
	}
}

func TestLaneOfOtherTargets(t *testing.T) {
	const f = "arn:aws:lambda:eu-west-1:000000000000:function:f"
	x := New(nil, nil, nil, "", Bounds{PerFunction: 64})
	defer x.Close()
	for _, tt := range []struct{ arn, input, want string }{
		{f, "", f},
		{f + ":live", "", f},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName":"f:2"}`, f},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName":"` + f + `"}`, f},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName":"f","InvocationType":"Event"}`, ""},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"ApiEndpoint":"http://a.example"}`, ""},
		{"arn:aws:sqs:eu-west-1:000000000000:lambda", `{"ApiEndpoint":"http://a.example"}`, ""},
		{"lambda:", "", ""},
	} {
		s := &belfry.Schedule{Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"}, Target: belfry.Target{ARN: tt.arn, Input: tt.input}}
		if name, limit := x.Lane(s); name != tt.want || (limit == 64) != (tt.want != "") {
			t.Errorf("%s %s: %q of %d, want %q", tt.arn, tt.input, name, limit, tt.want)
		}
	}
}

// TestLaneIsTheAttemptsOwn: whatever the input, the lane is that of the places
// that its request waits for.
func TestLaneIsTheAttemptsOwn(t *testing.T) {
	x := New(nil, nil, nil, "", Bounds{})
	defer x.Close()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
		members := []string{`"Method":"GET"`}
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			name := pick("name", "ApiEndpoint", "ApiEndpoint", "apiEndpoint", `Api\u0045ndpoint`, "RequestBody", "x", "")
			value := pick("value", `{"ApiEndpoint":"http://no"}`, `"GET"`, `["a,b",{"c":"}"}]`, `"\\\""`, "1e9", "null", "true",
				`"http://A:80/x"`, `"https://b"`, `"http:\/\/c:9"`, `"http://u:p@d@e/"`, `"http://f%41"`, `"http://[fe80::1%25Eth0]:7/"`, `"http://é/"`, `"http://h:/?@i"`)
			members = append(members, fmt.Sprintf(`%s"%s"%s:%s%s`, pick("s", "", " ", "\n"), name, pick("s", "", "\t"), pick("s", "", " "), value))
		}
		input := pick("open", "{", " {", "[", "") + strings.Join(members, ",") + pick("close", "}", "} ", "]", "")
		r, err := parseRequest(input)
		if err != nil {
			return // the attempt fails before it waits for anything
		}
		host, port := hostPort(r.url.Scheme, r.url.Host)
		if name, _ := x.Lane(scheduleFor(input)); name != "http:"+host+port {
			t.Fatalf("%s: lane %q, want %q", input, name, "http:"+host+port)
		}
	})
}

var lane string

// BenchmarkLane is of inputs that are all different, as the engine asks for them.
func BenchmarkLane(b *testing.B) {
	x := New(nil, nil, nil, "", Bounds{PerFunction: 64})
	defer x.Close()
	for name, body := range map[string]int{"small": 20, "2kB": 2000, "200kB": 200_000} {
		schedules := make([]*belfry.Schedule, 1000)
		for i := range schedules {
			schedules[i] = scheduleFor(fmt.Sprintf(`{"Method":"POST","Headers":{"X-Id":"%d"},"RequestBody":{"text":"%s"},"ApiEndpoint":"https://host-%d.example.org/hooks/%d?a=b"}`, i, strings.Repeat("y", body), i%50, i))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				lane, _ = x.Lane(schedules[i%len(schedules)])
			}
		})
	}
	for _, arn := range []string{"arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:lambda:us-east-1:000000000000:function:f:live"} {
		b.Run(arn[8:14], func(b *testing.B) {
			b.ReportAllocs()
			s := &belfry.Schedule{Target: belfry.Target{ARN: arn}}
			for b.Loop() {
				lane, _ = x.Lane(s)
			}
		})
	}
}
