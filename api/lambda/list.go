package lambda

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// maxPage is the largest page of a list.
const maxPage = 50

// A position is where a page ended.
type position struct {
	name    string
	version int
}

// page reads how much a request wants, and from where; without a marker that is
// the beginning.
func page(maxItems *int, marker *string, beginning position) (limit int, after position, err error) {
	limit = min(awswire.Or(maxItems, maxPage), maxPage)
	text, err := base64.RawURLEncoding.DecodeString(awswire.Value(marker))
	if err == nil && len(text) > 0 {
		number, name, _ := strings.Cut(string(text), " ")
		beginning.name = name
		beginning.version, err = strconv.Atoi(number)
	}
	if err != nil {
		return 0, after, invalid("Marker", "The marker is not one that this server gave.")
	}
	return limit, beginning, nil
}

func (p position) marker() *string {
	return new(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(p.version) + " " + p.name)))
}

// ListFunctions answers with a page of the caller's functions, or of all their
// versions.
func (s *Service) ListFunctions(ctx context.Context, in *lambdaapi.ListFunctionsInput) (*lambdaapi.ListFunctionsOutput, error) {
	limit, after, err := page(in.MaxItems, in.Marker, position{})
	if err != nil {
		return nil, err
	}
	scope, all := awswire.CallerFrom(ctx).Scope, awswire.Value(in.FunctionVersion) == lambdaapi.FunctionVersionAll
	found, err := s.host.List(ctx, function.Query{
		Scope: scope, After: function.Ref{Scope: scope, Name: after.name}, AfterVersion: after.version, Versions: all, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListFunctionsOutput{Functions: []lambdaapi.FunctionConfiguration{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextMarker = position{found[limit-1].Name, found[limit-1].Version}.marker()
	}
	for _, f := range found {
		qualifier := ""
		if all {
			qualifier = f.VersionName()
		}
		out.Functions = append(out.Functions, *configuration(f, listed, qualifier))
	}
	return out, nil
}

// ListVersionsByFunction answers with a page of a function's versions, $LATEST
// first.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *lambdaapi.ListVersionsByFunctionInput) (*lambdaapi.ListVersionsByFunctionOutput, error) {
	r, _, err := ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(in.MaxItems, in.Marker, position{version: -1})
	if err != nil {
		return nil, err
	}
	found, err := s.host.Versions(ctx, r, after.version, limit+1)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListVersionsByFunctionOutput{Versions: []lambdaapi.FunctionConfiguration{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextMarker = position{version: found[limit-1].Version}.marker()
	}
	for _, f := range found {
		out.Versions = append(out.Versions, *configuration(f, listed, f.VersionName()))
	}
	return out, nil
}
