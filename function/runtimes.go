package function

import (
	"fmt"
	"slices"
	"strings"
)

// Every runtime name that Lambda's API knows, in its order, and what becomes
// of it here.
var (
	knownRuntimes = strings.Fields(`nodejs20.x provided.al2023 python3.12 java17 nodejs16.x dotnet8 python3.10 java11
		python3.11 dotnet6 java21 nodejs18.x provided.al2 ruby3.3 ruby3.4 java8.al2 ruby3.2 python3.8 python3.9
		nodejs22.x python3.13 nodejs24.x python3.14 java25 dotnet10 ruby4.0`)
	oldRuntimes = strings.Fields(`nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x
		nodejs14.x java8 python2.7 python3.6 python3.7 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1
		go1.x ruby2.5 ruby2.7 provided`)
	servedRuntimes = strings.Fields(`python3.8 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14
		provided.al2 provided.al2023`)
)

// Runtimes returns the names of the runtimes that this host runs.
func Runtimes() []string { return slices.Clone(servedRuntimes) }

func checkRuntime(name string) error {
	const field = "Runtime"
	switch {
	case name == "":
		return invalid(field, "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case slices.Contains(servedRuntimes, name):
		return nil
	case slices.Contains(oldRuntimes, name):
		return invalid(field, fmt.Sprintf("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", name))
	case slices.Contains(knownRuntimes, name):
		return invalid(field, fmt.Sprintf("The runtime %s is not available yet on this server: it runs %s.", name, strings.Join(servedRuntimes, ", ")))
	}
	return invalid(field, fmt.Sprintf("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", name, strings.Join(knownRuntimes, ", ")))
}

func isProvided(runtime string) bool { return strings.HasPrefix(runtime, "provided.") }
