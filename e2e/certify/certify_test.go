package certify

import (
	"flag"
	"strings"
	"testing"
)

// A client is one that nobody here wrote. Each works in a region of its own, so
// that all can list everything and none sees what another makes.
type client struct {
	name, region string
	certify      func(t *testing.T, endpoint, region string)
	complete     bool // it exercises every operation of the certified services
}

var clients = []client{
	{"AWS CLI", "us-east-1", certifyCLI, true},
	{"boto3", "eu-west-1", certifyBoto3, true},
	{"Go SDK", "eu-central-1", certifyGo, true},
	{"JavaScript SDK", "ap-southeast-2", certifyJavaScript, true},
	{"Terraform", "us-west-2", certifyTerraform, false},
}

// certified are the services of which every operation must have been answered
// to every complete client.
var certified = []string{"dynamodb", "events", "iam", "lambda", "logs", "scheduler", "sqs", "sts"}

// refusals are operations that have nothing to answer but a refusal.
var refusals = map[operation]bool{
	{"lambda", "GetProvisionedConcurrencyConfig"}: true,
	{"lambda", "InvokeWithResponseStream"}:        true,
	{"lambda", "PutProvisionedConcurrencyConfig"}: true,
}

// unreachable are operations that a client has no command for.
var unreachable = map[string]operation{"AWS CLI": {"lambda", "InvokeWithResponseStream"}}

// programs are the files that the clients in Python and JavaScript have for
// them; that for IAM covers STS too.
var programs = []string{"dynamodb", "events", "iam", "lambda", "logs", "scheduler", "sqs"}

// TestCertify runs all clients at once against one server, and holds what they
// got against docs/compatibility.md.
func TestCertify(t *testing.T) {
	s := startServer(t)
	makeRoles(t, s.endpoint)
	r := newRecorder(t, s)
	passed := t.Run("client", func(t *testing.T) {
		for _, c := range clients {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.certify(t, r.endpoint(t, c.name), c.region)
			})
		}
	})
	if part := strings.Contains(flag.Lookup("test.run").Value.String(), "/"); part || !passed {
		t.Log("only a part of the clients has come to its end: docs/compatibility.md is not looked at")
		return
	}
	for _, m := range r.models {
		r.demand(t, m)
	}
	compareDocument(t, r)
}

// demand fails the test for each operation that a client has left out.
func (r *recorder) demand(t *testing.T, m *model) {
	t.Helper()
	wanted := false
	for _, service := range certified {
		wanted = wanted || service == m.name
	}
	for _, name := range m.operations() {
		for _, c := range clients {
			op := operation{m.name, name}
			if unreachable[c.name] == op {
				continue
			}
			if got := r.seen[c.name][op]; wanted && c.complete && (got == nil || !got.succeeded && !refusals[op]) {
				t.Errorf("%s was never answered %s %s as it should", c.name, m.name, name)
			}
		}
	}
}

func certifyBoto3(t *testing.T, endpoint, region string) {
	for _, service := range programs {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			program(t, endpoint, region, tools.python, "python/"+service+".py")
		})
	}
}

func certifyJavaScript(t *testing.T, endpoint, region string) {
	for _, service := range programs {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			program(t, endpoint, region, tools.node, "javascript/"+service+".mjs")
		})
	}
}
