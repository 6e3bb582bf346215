package certify

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/compatibility.md"

// differences.json is what the wire does not show: by service, what holds for
// all of it and what for one operation.
//
//go:embed differences.json
var differencesJSON []byte

type differences struct {
	General    []string          `json:"general"`
	NotServed  string            `json:"not_served"`
	Operations map[string]string `json:"operations"`
}

// compareDocument holds docs/compatibility.md against what was seen, or writes
// it when -update is given.
func compareDocument(t *testing.T, r *recorder) {
	t.Helper()
	var notes map[string]differences
	if err := json.Unmarshal(differencesJSON, &notes); err != nil {
		t.Fatalf("differences.json: %v", err)
	}
	want := r.document(t, notes)
	if *update {
		if err := os.WriteFile(document, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(have, want) {
		return
	}
	a, b := strings.Split(string(have), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("docs/compatibility.md is not what the clients saw; \"make compatibility\" writes it. Line %d is\n%s\nand should be\n%s",
				i+1, line(a, i), line(b, i))
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

const preamble = `# Compatibility

This page is written by tests (` + "`make compatibility`" + `), from what clients that nobody
here wrote were answered by a running server: the AWS CLI, boto3, the AWS SDK for
Go v2, the AWS SDK for JavaScript v3, and a replay of the calls that Terraform's AWS
provider makes. ` + "`make test`" + ` fails when the page is not what they see.

A tick is an operation that was answered with success to that client, and whose
answer its test has checked. "Errors seen" are the codes of refusals that came out
of at least one client; each SDK's own exception was checked where it has one. What
no client can provoke, such as an internal error, is not in the list.

What is refused is refused by name, with the error that the API has for it; nothing
is accepted and silently ignored, save where it says so below.
`

func (r *recorder) document(t *testing.T, notes map[string]differences) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(preamble)
	for _, m := range r.models {
		n := notes[m.name]
		delete(notes, m.name)
		for _, name := range slices.Sorted(maps.Keys(n.Operations)) {
			if _, ok := m.Operations[name]; !ok {
				t.Errorf("differences.json tells of %s %s, which is not served", m.name, name)
			}
		}
		r.section(&b, m, n)
	}
	for name := range notes {
		t.Errorf("differences.json tells of %s, which is not served", name)
	}
	return b.Bytes()
}

func (r *recorder) section(b *bytes.Buffer, m *model, n differences) {
	fmt.Fprintf(b, "\n## %s\n\n| operation |", m.Metadata.ServiceFullName)
	for _, c := range clients {
		fmt.Fprintf(b, " %s |", c.name)
	}
	b.WriteString(" errors seen |\n|---|" + strings.Repeat(":-:|", len(clients)) + "---|\n")
	for _, name := range m.operations() {
		fmt.Fprintf(b, "| %s |", name)
		codes := map[string]bool{}
		for _, c := range clients {
			got := r.seen[c.name][operation{m.name, name}]
			if got != nil {
				maps.Copy(codes, got.codes)
			}
			if got != nil && got.succeeded {
				b.WriteString(" ✓ |")
			} else {
				b.WriteString(" – |")
			}
		}
		fmt.Fprintf(b, " %s |\n", strings.Join(slices.Sorted(maps.Keys(codes)), ", "))
	}
	if n.NotServed != "" {
		fmt.Fprintf(b, "\nNot served, and answered with UnknownOperationException: %s\n", n.NotServed)
	}
	if len(n.General)+len(n.Operations) == 0 {
		return
	}
	b.WriteString("\nWhat is refused, and what differs from AWS:\n\n")
	for _, text := range n.General {
		fmt.Fprintf(b, "- %s\n", text)
	}
	for _, name := range m.operations() {
		if text, ok := n.Operations[name]; ok {
			fmt.Fprintf(b, "- **%s**: %s\n", name, text)
		}
	}
}
