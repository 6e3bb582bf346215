package function

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
)

// Every runtime name that Lambda's API knows, in its order, and those that it
// has given up.
var (
	knownRuntimes = strings.Fields(`nodejs20.x provided.al2023 python3.12 java17 nodejs16.x dotnet8 python3.10 java11
		python3.11 dotnet6 java21 nodejs18.x provided.al2 ruby3.3 ruby3.4 java8.al2 ruby3.2 python3.8 python3.9
		nodejs22.x python3.13 nodejs24.x python3.14 java25 dotnet10 ruby4.0`)
	oldRuntimes = strings.Fields(`nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x
		nodejs14.x java8 python2.7 python3.6 python3.7 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1
		go1.x ruby2.5 ruby2.7 provided`)
)

// A Runtime is one that this host runs.
type Runtime struct {
	Name        string // nodejs20.x
	Interpreter string // Node.js; empty: the function brings its own program
	Version     string // of the interpreter
	Path        string // of the interpreter on the host
	Note        string // what is different from what the name says; empty: nothing
}

// Runtimes returns the runtimes that this host runs now, by name: those whose
// interpreter is on its PATH, and those that need none.
func (h *Host) Runtimes(ctx context.Context) []Runtime {
	var list []Runtime
	for _, name := range knownRuntimes {
		if isProvided(name) {
			list = append(list, Runtime{Name: name})
			continue
		}
		if languageOf(name) == nil {
			continue
		}
		if i, err := h.interpreters.forRuntime(ctx, name); err == nil {
			list = append(list, Runtime{Name: name, Interpreter: i.language.title, Version: i.Version, Path: i.Executable, Note: i.note(name)})
		}
	}
	slices.SortFunc(list, func(a, b Runtime) int { return compareNames(a.Name, b.Name) })
	return list
}

// compareNames orders names as people do: python3.9 comes before python3.10.
func compareNames(a, b string) int {
	family := func(s string) string { return strings.TrimRight(s, "0123456789.x") }
	return cmp.Or(strings.Compare(family(a), family(b)), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// checkRuntimeName refuses what is no runtime of Lambda's.
func checkRuntimeName(name string) error {
	const field = "Runtime"
	switch {
	case name == "":
		return invalid(field, "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case slices.Contains(knownRuntimes, name):
		return nil
	case slices.Contains(oldRuntimes, name):
		return invalid(field, fmt.Sprintf("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", name))
	}
	return invalid(field, fmt.Sprintf("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", name, strings.Join(knownRuntimes, ", ")))
}

// checkRuntime refuses a runtime that this host cannot run now, and says why.
func (h *Host) checkRuntime(ctx context.Context, name string) error {
	if isProvided(name) {
		return nil
	}
	why := "Belfry does not run it"
	if languageOf(name) != nil {
		_, err := h.interpreters.forRuntime(ctx, name)
		if err == nil || belfry.KindOf(err) == belfry.Unavailable {
			return err
		}
		why = err.Error()
	}
	var names []string
	for _, r := range h.Runtimes(ctx) {
		names = append(names, r.Name)
	}
	return invalid("Runtime", fmt.Sprintf("The runtime %s is not available on this server: %s. It runs %s.", name, why, strings.Join(names, ", ")))
}

func isProvided(runtime string) bool { return strings.HasPrefix(runtime, "provided.") }
