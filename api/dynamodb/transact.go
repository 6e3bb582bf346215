package dynamodb

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// TransactWriteItems implements [dynamodbapi.Service].
func (a *api) TransactWriteItems(ctx context.Context, in *dynamodbapi.TransactWriteItemsInput) (*dynamodbapi.TransactWriteItemsOutput, error) {
	writes := make([]table.Write, len(in.TransactItems))
	named := make([]string, len(in.TransactItems))
	for i := range in.TransactItems {
		g, action, err := action(&in.TransactItems[i])
		if err != nil {
			return nil, err
		}
		if writes[i], err = g.write(ctx, action); err != nil {
			return nil, err
		}
		named[i] = *g.table
	}
	done, err := a.tables.Transact(ctx, awswire.CallerFrom(ctx).Scope, writes, awswire.Value(in.ClientRequestToken))
	if err != nil {
		return nil, refusal(err)
	}
	if len(done) == 0 { // it had happened before
		return nil, nil
	}
	return &dynamodbapi.TransactWriteItemsOutput{
		ConsumedCapacity: byTable(in.ReturnConsumedCapacity, named, func(i int) float64 { return 2 * done[i].Units() }),
	}, nil
}

// action returns the one action that an entry of a transaction has.
func action(t *dynamodbapi.TransactWriteItem) (g given, action table.Action, err error) {
	n := 0
	if p := t.Put; p != nil {
		n, action = n+1, table.Put
		g = given{p.TableName, p.Item, p.ConditionExpression, nil, p.ExpressionAttributeNames, p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure, nil}
	}
	if u := t.Update; u != nil {
		n, action = n+1, table.Update
		g = given{u.TableName, u.Key, u.ConditionExpression, u.UpdateExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues, u.ReturnValuesOnConditionCheckFailure, nil}
	}
	if d := t.Delete; d != nil {
		n, action = n+1, table.Delete
		g = given{d.TableName, d.Key, d.ConditionExpression, nil, d.ExpressionAttributeNames, d.ExpressionAttributeValues, d.ReturnValuesOnConditionCheckFailure, nil}
	}
	if c := t.ConditionCheck; c != nil {
		n, action = n+1, table.Check
		g = given{c.TableName, c.Key, c.ConditionExpression, nil, c.ExpressionAttributeNames, c.ExpressionAttributeValues, c.ReturnValuesOnConditionCheckFailure, nil}
	}
	if n != 1 {
		return g, 0, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return g, action, nil
}

// maxTransactGet is the size of the items that one TransactGetItems returns
// together, in bytes.
const maxTransactGet = 4 << 20

// TransactGetItems implements [dynamodbapi.Service].
func (a *api) TransactGetItems(ctx context.Context, in *dynamodbapi.TransactGetItemsInput) (*dynamodbapi.TransactGetItemsOutput, error) {
	gets := make([]table.Get, len(in.TransactItems))
	named := make([]string, len(in.TransactItems))
	for i := range in.TransactItems {
		g := in.TransactItems[i].Get
		_, name, err := on(ctx, g.TableName)
		if err != nil {
			return nil, err
		}
		key, err := readItem(g.Key)
		if err != nil {
			return nil, err
		}
		named[i] = *g.TableName
		gets[i] = table.Get{
			Table: name, Keys: []table.Item{key},
			Expressions: table.Expressions{Projection: g.ProjectionExpression, Names: g.ExpressionAttributeNames},
		}
	}
	got, err := a.tables.Get(ctx, awswire.CallerFrom(ctx).Scope, gets, "Transaction request cannot include multiple operations on one item")
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.TransactGetItemsOutput{Responses: make([]dynamodbapi.ItemResponse, len(got))}
	size := 0
	for i := range got {
		if got[i].Cut == 0 {
			size += got[i].Sizes[0]
		}
		if size > maxTransactGet || got[i].Cut > 0 {
			return nil, invalid("The items of a transaction must not be larger than %d bytes together", maxTransactGet)
		}
		out.Responses[i].Item = writeItem(got[i].Items[0])
	}
	out.ConsumedCapacity = byTable(in.ReturnConsumedCapacity, named, func(i int) float64 { return 2 * table.ReadUnits(got[i].Sizes[0], true) })
	return out, nil
}
