package dynamodb

import (
	"context"
	"maps"
	"slices"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// emptyBatch is AWS's wording for a batch of nothing.
const emptyBatch = "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"

// BatchWriteItem implements [dynamodbapi.Service]. All writes of a batch are
// done at once, so none is ever left over.
func (a *api) BatchWriteItem(ctx context.Context, in *dynamodbapi.BatchWriteItemInput) (*dynamodbapi.BatchWriteItemOutput, error) {
	if len(in.RequestItems) == 0 {
		return nil, invalid(emptyBatch)
	}
	var writes []table.Write
	var named []string // of each write, as the client named its table
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		for _, r := range in.RequestItems[name] {
			g, action := given{table: &name}, table.Put
			switch {
			case r.PutRequest != nil && r.DeleteRequest == nil:
				g.item = r.PutRequest.Item
			case r.DeleteRequest != nil && r.PutRequest == nil:
				g.item, action = r.DeleteRequest.Key, table.Delete
			default:
				return nil, invalid("Supplied write request must have exactly one of PutRequest and DeleteRequest")
			}
			w, err := g.write(ctx, action)
			if err != nil {
				return nil, err
			}
			writes, named = append(writes, w), append(named, name)
		}
	}
	done, err := a.tables.WriteBatch(ctx, awswire.CallerFrom(ctx).Scope, writes)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.BatchWriteItemOutput{
		UnprocessedItems: map[string][]dynamodbapi.WriteRequest{},
		ConsumedCapacity: byTable(in.ReturnConsumedCapacity, named, func(i int) float64 { return done[i].Units() }),
	}, nil
}

// byTable answers ReturnConsumedCapacity for several actions, of which the
// i-th was on the table named[i].
func byTable(want *string, named []string, units func(i int) float64) []dynamodbapi.ConsumedCapacity {
	sum := map[string]float64{}
	for i, name := range named {
		sum[name] += units(i)
	}
	var out []dynamodbapi.ConsumedCapacity
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		if c := consumed(want, &name, sum[name]); c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// BatchGetItem implements [dynamodbapi.Service].
func (a *api) BatchGetItem(ctx context.Context, in *dynamodbapi.BatchGetItemInput) (*dynamodbapi.BatchGetItemOutput, error) {
	if len(in.RequestItems) == 0 {
		return nil, invalid(emptyBatch)
	}
	named := slices.Sorted(maps.Keys(in.RequestItems))
	gets := make([]table.Get, len(named))
	for i, n := range named {
		r := in.RequestItems[n]
		if err := refuse(feature{r.AttributesToGet != nil, "AttributesToGet", useProject}); err != nil {
			return nil, err
		}
		_, name, err := on(ctx, &n)
		if err != nil {
			return nil, err
		}
		keys, err := readItems(r.Keys)
		if err != nil {
			return nil, err
		}
		gets[i] = table.Get{Table: name, Keys: keys, Expressions: table.Expressions{Projection: r.ProjectionExpression, Names: r.ExpressionAttributeNames}}
	}
	got, err := a.tables.Get(ctx, awswire.CallerFrom(ctx).Scope, gets, "Provided list of item keys contains duplicates")
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.BatchGetItemOutput{
		Responses:       map[string][]map[string]dynamodbapi.AttributeValue{},
		UnprocessedKeys: map[string]dynamodbapi.KeysAndAttributes{},
	}
	for i, n := range named {
		items := []map[string]dynamodbapi.AttributeValue{}
		for _, item := range got[i].Items {
			if item != nil {
				items = append(items, writeItem(item))
			}
		}
		out.Responses[n] = items
		if cut := got[i].Cut; cut > 0 {
			r := in.RequestItems[n]
			r.Keys = r.Keys[len(r.Keys)-cut:]
			out.UnprocessedKeys[n] = r
		}
	}
	out.ConsumedCapacity = byTable(in.ReturnConsumedCapacity, named, func(i int) float64 {
		units := 0.0
		for _, size := range got[i].Sizes {
			units += table.ReadUnits(size, awswire.Value(in.RequestItems[named[i]].ConsistentRead))
		}
		return units
	})
	return out, nil
}
