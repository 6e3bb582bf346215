package awswire_test

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
)

type fakeDynamoDB struct{ *recorder }

var _ dynamodbapi.Service = fakeDynamoDB{}

func (f fakeDynamoDB) BatchGetItem(ctx context.Context, in *dynamodbapi.BatchGetItemInput) (*dynamodbapi.BatchGetItemOutput, error) {
	return answer[dynamodbapi.BatchGetItemOutput](ctx, f.recorder, "BatchGetItem", in)
}

func (f fakeDynamoDB) BatchWriteItem(ctx context.Context, in *dynamodbapi.BatchWriteItemInput) (*dynamodbapi.BatchWriteItemOutput, error) {
	return answer[dynamodbapi.BatchWriteItemOutput](ctx, f.recorder, "BatchWriteItem", in)
}

func (f fakeDynamoDB) CreateTable(ctx context.Context, in *dynamodbapi.CreateTableInput) (*dynamodbapi.CreateTableOutput, error) {
	return answer[dynamodbapi.CreateTableOutput](ctx, f.recorder, "CreateTable", in)
}

func (f fakeDynamoDB) DeleteItem(ctx context.Context, in *dynamodbapi.DeleteItemInput) (*dynamodbapi.DeleteItemOutput, error) {
	return answer[dynamodbapi.DeleteItemOutput](ctx, f.recorder, "DeleteItem", in)
}

func (f fakeDynamoDB) DeleteTable(ctx context.Context, in *dynamodbapi.DeleteTableInput) (*dynamodbapi.DeleteTableOutput, error) {
	return answer[dynamodbapi.DeleteTableOutput](ctx, f.recorder, "DeleteTable", in)
}

func (f fakeDynamoDB) DescribeContinuousBackups(ctx context.Context, in *dynamodbapi.DescribeContinuousBackupsInput) (*dynamodbapi.DescribeContinuousBackupsOutput, error) {
	return answer[dynamodbapi.DescribeContinuousBackupsOutput](ctx, f.recorder, "DescribeContinuousBackups", in)
}

func (f fakeDynamoDB) DescribeTable(ctx context.Context, in *dynamodbapi.DescribeTableInput) (*dynamodbapi.DescribeTableOutput, error) {
	return answer[dynamodbapi.DescribeTableOutput](ctx, f.recorder, "DescribeTable", in)
}

func (f fakeDynamoDB) DescribeTimeToLive(ctx context.Context, in *dynamodbapi.DescribeTimeToLiveInput) (*dynamodbapi.DescribeTimeToLiveOutput, error) {
	return answer[dynamodbapi.DescribeTimeToLiveOutput](ctx, f.recorder, "DescribeTimeToLive", in)
}

func (f fakeDynamoDB) GetItem(ctx context.Context, in *dynamodbapi.GetItemInput) (*dynamodbapi.GetItemOutput, error) {
	return answer[dynamodbapi.GetItemOutput](ctx, f.recorder, "GetItem", in)
}

func (f fakeDynamoDB) ListTables(ctx context.Context, in *dynamodbapi.ListTablesInput) (*dynamodbapi.ListTablesOutput, error) {
	return answer[dynamodbapi.ListTablesOutput](ctx, f.recorder, "ListTables", in)
}

func (f fakeDynamoDB) ListTagsOfResource(ctx context.Context, in *dynamodbapi.ListTagsOfResourceInput) (*dynamodbapi.ListTagsOfResourceOutput, error) {
	return answer[dynamodbapi.ListTagsOfResourceOutput](ctx, f.recorder, "ListTagsOfResource", in)
}

func (f fakeDynamoDB) PutItem(ctx context.Context, in *dynamodbapi.PutItemInput) (*dynamodbapi.PutItemOutput, error) {
	return answer[dynamodbapi.PutItemOutput](ctx, f.recorder, "PutItem", in)
}

func (f fakeDynamoDB) Query(ctx context.Context, in *dynamodbapi.QueryInput) (*dynamodbapi.QueryOutput, error) {
	return answer[dynamodbapi.QueryOutput](ctx, f.recorder, "Query", in)
}

func (f fakeDynamoDB) Scan(ctx context.Context, in *dynamodbapi.ScanInput) (*dynamodbapi.ScanOutput, error) {
	return answer[dynamodbapi.ScanOutput](ctx, f.recorder, "Scan", in)
}

func (f fakeDynamoDB) TagResource(ctx context.Context, in *dynamodbapi.TagResourceInput) (*dynamodbapi.TagResourceOutput, error) {
	return answer[dynamodbapi.TagResourceOutput](ctx, f.recorder, "TagResource", in)
}

func (f fakeDynamoDB) TransactGetItems(ctx context.Context, in *dynamodbapi.TransactGetItemsInput) (*dynamodbapi.TransactGetItemsOutput, error) {
	return answer[dynamodbapi.TransactGetItemsOutput](ctx, f.recorder, "TransactGetItems", in)
}

func (f fakeDynamoDB) TransactWriteItems(ctx context.Context, in *dynamodbapi.TransactWriteItemsInput) (*dynamodbapi.TransactWriteItemsOutput, error) {
	return answer[dynamodbapi.TransactWriteItemsOutput](ctx, f.recorder, "TransactWriteItems", in)
}

func (f fakeDynamoDB) UntagResource(ctx context.Context, in *dynamodbapi.UntagResourceInput) (*dynamodbapi.UntagResourceOutput, error) {
	return answer[dynamodbapi.UntagResourceOutput](ctx, f.recorder, "UntagResource", in)
}

func (f fakeDynamoDB) UpdateContinuousBackups(ctx context.Context, in *dynamodbapi.UpdateContinuousBackupsInput) (*dynamodbapi.UpdateContinuousBackupsOutput, error) {
	return answer[dynamodbapi.UpdateContinuousBackupsOutput](ctx, f.recorder, "UpdateContinuousBackups", in)
}

func (f fakeDynamoDB) UpdateItem(ctx context.Context, in *dynamodbapi.UpdateItemInput) (*dynamodbapi.UpdateItemOutput, error) {
	return answer[dynamodbapi.UpdateItemOutput](ctx, f.recorder, "UpdateItem", in)
}

func (f fakeDynamoDB) UpdateTable(ctx context.Context, in *dynamodbapi.UpdateTableInput) (*dynamodbapi.UpdateTableOutput, error) {
	return answer[dynamodbapi.UpdateTableOutput](ctx, f.recorder, "UpdateTable", in)
}

func (f fakeDynamoDB) UpdateTimeToLive(ctx context.Context, in *dynamodbapi.UpdateTimeToLiveInput) (*dynamodbapi.UpdateTimeToLiveOutput, error) {
	return answer[dynamodbapi.UpdateTimeToLiveOutput](ctx, f.recorder, "UpdateTimeToLive", in)
}
