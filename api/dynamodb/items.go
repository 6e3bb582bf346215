package dynamodb

import (
	"context"
	"errors"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// given are the members of a write that several operations have.
type given struct {
	table             *string
	item              map[string]dynamodbapi.AttributeValue // or the key
	condition, update *string
	names             map[string]string
	values            map[string]dynamodbapi.AttributeValue
	onFailure         *string
	returned          *string // ReturnValues
}

// answers says whether an item may be in the answer.
func (g *given) answers() bool {
	return awswire.Or(g.returned, dynamodbapi.ReturnValueNone) != dynamodbapi.ReturnValueNone ||
		awswire.Value(g.onFailure) == dynamodbapi.ReturnValuesOnConditionCheckFailureAllOld
}

func (g *given) write(ctx context.Context, action table.Action) (w table.Write, err error) {
	w = table.Write{
		Action:       action,
		Expressions:  table.Expressions{Condition: g.condition, Update: g.update, Names: g.names},
		OldOnFailure: awswire.Value(g.onFailure) == dynamodbapi.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if _, w.Table, err = on(ctx, g.table); err != nil {
		return w, err
	}
	if w.Item, err = readItem(g.item); err != nil {
		return w, err
	}
	w.Values, err = readItem(g.values)
	return w, err
}

const (
	useCondition = "it is a legacy parameter; use ConditionExpression"
	useUpdate    = "it is a legacy parameter; use UpdateExpression"
	useProject   = "it is a legacy parameter; use ProjectionExpression"
	useFilter    = "it is a legacy parameter; use FilterExpression"
	useKey       = "it is a legacy parameter; use KeyConditionExpression"
)

// do does one write.
func (a *api) do(ctx context.Context, action table.Action, g *given) (table.Written, error) {
	w, err := g.write(ctx, action)
	if err == nil && g.answers() {
		err = awswire.TakeAnswer(ctx, oneItem)
	}
	if err != nil {
		return table.Written{}, err
	}
	done, err := a.tables.Write(ctx, awswire.CallerFrom(ctx).Scope, w)
	return done, refusal(err)
}

// refusal adds to an error what its body has beside the message.
func refusal(err error) error {
	if failed, ok := errors.AsType[*table.ConditionError](err); ok && failed.Item != nil {
		return awswire.WithMember(err, "Item", dynamodbapi.AppendItem(nil, writeItem(failed.Item)))
	}
	if cancelled, ok := errors.AsType[*table.CancelledError](err); ok {
		reasons := make([]dynamodbapi.CancellationReason, len(cancelled.Reasons))
		for i, r := range cancelled.Reasons {
			reasons[i] = dynamodbapi.CancellationReason{Code: r.Code, Message: r.Message, Item: writeItem(r.Item)}
		}
		return awswire.WithMember(err, "CancellationReasons", dynamodbapi.AppendCancellationReasons(nil, reasons))
	}
	return err
}

// oldOnly refuses the ReturnValues that only an update can answer.
func oldOnly(v *string) error {
	if r := awswire.Or(v, dynamodbapi.ReturnValueNone); r != dynamodbapi.ReturnValueNone && r != dynamodbapi.ReturnValueAllOld {
		return invalid("Return values set to invalid value: ReturnValues can only be ALL_OLD or NONE")
	}
	return nil
}

// returned answers ReturnValues; nil is nothing to return.
func returned(want *string, w *table.Written) map[string]dynamodbapi.AttributeValue {
	var item table.Item
	switch awswire.Value(want) {
	case dynamodbapi.ReturnValueAllOld:
		item = w.Old
	case dynamodbapi.ReturnValueAllNew:
		item = w.New
	case dynamodbapi.ReturnValueUpdatedOld:
		item, _ = w.Changed()
	case dynamodbapi.ReturnValueUpdatedNew:
		_, item = w.Changed()
	}
	if len(item) == 0 {
		return nil
	}
	return writeItem(item)
}

// PutItem implements [dynamodbapi.Service].
func (a *api) PutItem(ctx context.Context, in *dynamodbapi.PutItemInput) (*dynamodbapi.PutItemOutput, error) {
	err := errors.Join(oldOnly(in.ReturnValues), refuse(
		feature{in.Expected != nil, "Expected", useCondition},
		feature{in.ConditionalOperator != nil, "ConditionalOperator", useCondition},
	))
	if err != nil {
		return nil, err
	}
	w, err := a.do(ctx, table.Put, &given{
		table: in.TableName, item: in.Item, condition: in.ConditionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure, returned: in.ReturnValues,
	})
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.PutItemOutput{
		Attributes: returned(in.ReturnValues, &w), ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.Units()),
	}, nil
}

// DeleteItem implements [dynamodbapi.Service].
func (a *api) DeleteItem(ctx context.Context, in *dynamodbapi.DeleteItemInput) (*dynamodbapi.DeleteItemOutput, error) {
	err := errors.Join(oldOnly(in.ReturnValues), refuse(
		feature{in.Expected != nil, "Expected", useCondition},
		feature{in.ConditionalOperator != nil, "ConditionalOperator", useCondition},
	))
	if err != nil {
		return nil, err
	}
	w, err := a.do(ctx, table.Delete, &given{
		table: in.TableName, item: in.Key, condition: in.ConditionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure, returned: in.ReturnValues,
	})
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DeleteItemOutput{
		Attributes: returned(in.ReturnValues, &w), ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.Units()),
	}, nil
}

// UpdateItem implements [dynamodbapi.Service].
func (a *api) UpdateItem(ctx context.Context, in *dynamodbapi.UpdateItemInput) (*dynamodbapi.UpdateItemOutput, error) {
	err := refuse(
		feature{in.Expected != nil, "Expected", useCondition},
		feature{in.ConditionalOperator != nil, "ConditionalOperator", useCondition},
		feature{in.AttributeUpdates != nil, "AttributeUpdates", useUpdate},
	)
	if err != nil {
		return nil, err
	}
	w, err := a.do(ctx, table.Update, &given{
		table: in.TableName, item: in.Key, condition: in.ConditionExpression, update: in.UpdateExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure, returned: in.ReturnValues,
	})
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateItemOutput{
		Attributes: returned(in.ReturnValues, &w), ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.Units()),
	}, nil
}

// GetItem implements [dynamodbapi.Service]. Every read is consistent.
func (a *api) GetItem(ctx context.Context, in *dynamodbapi.GetItemInput) (*dynamodbapi.GetItemOutput, error) {
	if err := refuse(feature{in.AttributesToGet != nil, "AttributesToGet", useProject}); err != nil {
		return nil, err
	}
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	key, err := readItem(in.Key)
	if err != nil {
		return nil, err
	}
	got, err := a.tables.Get(ctx, scope, []table.Get{{
		Table: name, Keys: []table.Item{key},
		Expressions: table.Expressions{Projection: in.ProjectionExpression, Names: in.ExpressionAttributeNames},
	}}, "")
	if err != nil {
		return nil, err
	}
	units := table.ReadUnits(got[0].Sizes[0], awswire.Value(in.ConsistentRead))
	return &dynamodbapi.GetItemOutput{
		Item: writeItem(got[0].Items[0]), ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, units),
	}, nil
}

// consumed answers ReturnConsumedCapacity: what AWS would have charged for.
func consumed(want, name *string, units float64) *dynamodbapi.ConsumedCapacity {
	w := awswire.Or(want, dynamodbapi.ReturnConsumedCapacityNone)
	if w == dynamodbapi.ReturnConsumedCapacityNone {
		return nil
	}
	c := &dynamodbapi.ConsumedCapacity{TableName: name, CapacityUnits: &units}
	if w == dynamodbapi.ReturnConsumedCapacityIndexes {
		c.Table = &dynamodbapi.Capacity{CapacityUnits: &units}
	}
	return c
}
