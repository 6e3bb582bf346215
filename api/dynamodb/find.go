package dynamodb

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// found are the members of a read of many items that Query and Scan have.
type found struct {
	table, index, sel         *string
	projection, filter, keyed *string
	limit                     *int
	start                     map[string]dynamodbapi.AttributeValue
	names                     map[string]string
	values                    map[string]dynamodbapi.AttributeValue
}

func (g *found) find(ctx context.Context) (f table.Find, err error) {
	if g.index != nil {
		return f, invalid("The table does not have the specified index: %s", *g.index)
	}
	f = table.Find{
		Expressions: table.Expressions{Projection: g.projection, Filter: g.filter, KeyCondition: g.keyed, Names: g.names},
		Limit:       awswire.Value(g.limit),
	}
	switch sel := awswire.Value(g.sel); {
	case sel == dynamodbapi.SelectAllProjectedAttributes:
		return f, invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case sel == dynamodbapi.SelectSpecificAttributes && g.projection == nil:
		return f, invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case sel != "" && sel != dynamodbapi.SelectSpecificAttributes && g.projection != nil:
		return f, invalid("Cannot specify the ProjectionExpression when choosing to get %s", sel)
	default:
		f.Count = sel == dynamodbapi.SelectCount
	}
	if _, f.Table, err = on(ctx, g.table); err != nil {
		return f, err
	}
	if f.Start, err = readItem(g.start); err != nil {
		return f, err
	}
	f.Values, err = readItem(g.values)
	return f, err
}

// Query implements [dynamodbapi.Service].
func (a *api) Query(ctx context.Context, in *dynamodbapi.QueryInput) (*dynamodbapi.QueryOutput, error) {
	err := refuse(
		feature{in.KeyConditions != nil, "KeyConditions", useKey},
		feature{in.QueryFilter != nil, "QueryFilter", useFilter},
		feature{in.ConditionalOperator != nil, "ConditionalOperator", useFilter},
		feature{in.AttributesToGet != nil, "AttributesToGet", useProject},
	)
	if err != nil {
		return nil, err
	}
	if in.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	g := found{
		table: in.TableName, index: in.IndexName, sel: in.Select, projection: in.ProjectionExpression, filter: in.FilterExpression,
		keyed: in.KeyConditionExpression, limit: in.Limit, start: in.ExclusiveStartKey,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
	}
	f, err := g.find(ctx)
	if err != nil {
		return nil, err
	}
	f.Backward = !awswire.Or(in.ScanIndexForward, true)
	page, err := a.tables.Find(ctx, awswire.CallerFrom(ctx).Scope, f)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.QueryOutput{
		Items: pageItems(&f, &page), Count: &page.Count, ScannedCount: &page.Looked, LastEvaluatedKey: writeItem(page.Last),
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, table.ReadUnits(page.Bytes, awswire.Value(in.ConsistentRead))),
	}, nil
}

// Scan implements [dynamodbapi.Service].
func (a *api) Scan(ctx context.Context, in *dynamodbapi.ScanInput) (*dynamodbapi.ScanOutput, error) {
	err := refuse(
		feature{in.ScanFilter != nil, "ScanFilter", useFilter},
		feature{in.ConditionalOperator != nil, "ConditionalOperator", useFilter},
		feature{in.AttributesToGet != nil, "AttributesToGet", useProject},
	)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Segment != nil && in.TotalSegments == nil:
		return nil, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return nil, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	}
	g := found{
		table: in.TableName, index: in.IndexName, sel: in.Select, projection: in.ProjectionExpression, filter: in.FilterExpression,
		limit: in.Limit, start: in.ExclusiveStartKey, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
	}
	f, err := g.find(ctx)
	if err != nil {
		return nil, err
	}
	f.Segment, f.Segments = awswire.Value(in.Segment), awswire.Value(in.TotalSegments)
	page, err := a.tables.Find(ctx, awswire.CallerFrom(ctx).Scope, f)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.ScanOutput{
		Items: pageItems(&f, &page), Count: &page.Count, ScannedCount: &page.Looked, LastEvaluatedKey: writeItem(page.Last),
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, table.ReadUnits(page.Bytes, awswire.Value(in.ConsistentRead))),
	}, nil
}

// pageItems returns a page's items: a list, unless only their number was asked for.
func pageItems(f *table.Find, p *table.Page) []map[string]dynamodbapi.AttributeValue {
	if f.Count {
		return nil
	}
	items := make([]map[string]dynamodbapi.AttributeValue, len(p.Items))
	for i, item := range p.Items {
		items[i] = writeItem(item)
	}
	return items
}
