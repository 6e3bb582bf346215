// Package dynamodb serves Amazon DynamoDB's API on tables. It only translates:
// the rules and their texts are in package table, the protocol in awswire.
package dynamodb

import (
	"context"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// How many bytes reads can answer: an item of 400 kB, a page of 1 MiB and the item
// that passes it, or 16 MiB.
const (
	oneItem  = 512 << 10
	onePage  = 1<<20 + oneItem
	oneBatch = 16 << 20
)

// New returns the API as a router serves it.
func New(tables *table.Service) *awswire.Service {
	s := dynamodbapi.New(&api{tables})
	s.Answers = map[string]int{"GetItem": oneItem, "Query": onePage, "Scan": onePage, "BatchGetItem": oneBatch, "TransactGetItems": oneBatch}
	return s
}

type api struct{ tables *table.Service }

var _ dynamodbapi.Service = (*api)(nil)

func invalid(format string, args ...any) error {
	return belfry.Errorf(belfry.Invalid, "", format, args...)
}

// nameOf returns the name of the table that a client names by its name or ARN.
func nameOf(ctx context.Context, given string) (string, error) {
	if !strings.HasPrefix(given, "arn:") {
		return given, table.CheckName(given)
	}
	scope := awswire.CallerFrom(ctx).Scope
	arn, ok := belfry.ParseARN(given)
	name, isTable := strings.CutPrefix(arn.Resource, "table/")
	if !ok || !isTable || arn.Service != "dynamodb" {
		return "", invalid("Invalid table ARN: %s", given)
	}
	if arn.Scope() != scope {
		return "", belfry.Errorf(belfry.Denied, "TableName", "Access to the resource %s is denied: it belongs to another account or region.", given)
	}
	return name, table.CheckName(name)
}

// on returns the caller's scope and the name of the table that a client names.
func on(ctx context.Context, given *string) (belfry.Scope, string, error) {
	name, err := nameOf(ctx, awswire.Value(given))
	return awswire.CallerFrom(ctx).Scope, name, err
}

// A feature is a member of a request that the server knows and refuses.
type feature struct {
	set  bool
	name string
	hint string
}

// refuse refuses the first member that is set.
func refuse(features ...feature) error {
	for _, f := range features {
		if f.set {
			e := belfry.Errorf(belfry.Invalid, f.name, "%s is not supported: %s", f.name, f.hint)
			return e
		}
	}
	return nil
}
