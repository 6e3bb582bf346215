package certify

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

var (
	locks   = aws.String("locks")
	isFree  = aws.String("attribute_not_exists(k)")
	byName  = []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: types.KeyTypeHash}}
	isAText = []types.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: types.ScalarAttributeTypeS}}
)

type item = map[string]types.AttributeValue

// named is the key, or a whole item, of that name.
func named(k string) item { return item{"k": &types.AttributeValueMemberS{Value: k}} }

func tableOf(name *string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{TableName: name, KeySchema: byName, AttributeDefinitions: isAText, BillingMode: types.BillingModePayPerRequest}
}

func goDynamoDB(t *testing.T, config aws.Config) {
	c, ctx := dynamodb.NewFromConfig(config), t.Context()
	goTables(t, c, config.Region)
	goItems(t, c)
	goConditions(t, c)
	created, err := c.CreateTable(ctx, tableOf(locks))
	is[*types.ResourceInUseException](t, created, err)
	backups, err := c.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName: locks, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	same(t, "code", is[smithy.APIError](t, backups, err).ErrorCode(), "ValidationException")
	for _, name := range []*string{locks, aws.String("others")} {
		must[dynamodb.DeleteTableOutput](t)(c.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: name}))
	}
	if err := dynamodb.NewTableNotExistsWaiter(c).Wait(ctx, &dynamodb.DescribeTableInput{TableName: locks}, time.Minute); err != nil {
		t.Error(err)
	}
	out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: locks, Key: named("a")})
	is[*types.ResourceNotFoundException](t, out, err)
}

func goTables(t *testing.T, c *dynamodb.Client, region string) {
	ctx := t.Context()
	create := tableOf(locks)
	create.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	arn := must[dynamodb.CreateTableOutput](t)(c.CreateTable(ctx, create)).TableDescription.TableArn
	same(t, "ARN", *arn, "arn:aws:dynamodb:"+region+":"+account+":table/locks")
	must[dynamodb.CreateTableOutput](t)(c.CreateTable(ctx, tableOf(aws.String("others"))))
	if err := dynamodb.NewTableExistsWaiter(c).Wait(ctx, &dynamodb.DescribeTableInput{TableName: locks}, time.Minute); err != nil {
		t.Fatal(err)
	}
	names := ""
	for list := dynamodb.NewListTablesPaginator(c, &dynamodb.ListTablesInput{Limit: aws.Int32(1)}); list.HasMorePages(); {
		names += strings.Join(must[dynamodb.ListTablesOutput](t)(list.NextPage(ctx)).TableNames, " ") + " "
	}
	same(t, "tables", strings.TrimSpace(names), "locks others")
	must[dynamodb.UpdateTableOutput](t)(c.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: locks, TableClass: types.TableClassStandardInfrequentAccess}))
	table := must[dynamodb.DescribeTableOutput](t)(c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: locks})).Table
	same(t, "class", table.TableClassSummary.TableClass, types.TableClassStandardInfrequentAccess)
	must[dynamodb.UpdateTimeToLiveOutput](t)(c.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: locks, TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: aws.String("ttl")},
	}))
	ttl := must[dynamodb.DescribeTimeToLiveOutput](t)(c.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: locks})).TimeToLiveDescription
	same(t, "ttl", *ttl.AttributeName, "ttl")
	off := must[dynamodb.UpdateContinuousBackupsOutput](t)(c.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName: locks, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)},
	})).ContinuousBackupsDescription
	same(t, "backups", off.ContinuousBackupsStatus, types.ContinuousBackupsStatusDisabled)
	backups := must[dynamodb.DescribeContinuousBackupsOutput](t)(c.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: locks}))
	same(t, "backups", backups.ContinuousBackupsDescription.ContinuousBackupsStatus, types.ContinuousBackupsStatusDisabled)
	must[dynamodb.TagResourceOutput](t)(c.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}))
	must[dynamodb.UntagResourceOutput](t)(c.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))
	tags := must[dynamodb.ListTagsOfResourceOutput](t)(c.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: arn})).Tags
	if len(tags) != 1 || *tags[0].Key != "x" {
		t.Errorf("tags %v", tags)
	}
}

func goItems(t *testing.T, c *dynamodb.Client) {
	ctx := t.Context()
	full := named("a")
	full["n"] = &types.AttributeValueMemberN{Value: "1.5"}
	full["b"] = &types.AttributeValueMemberB{Value: []byte{0, 255}}
	full["l"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberNULL{Value: true}, &types.AttributeValueMemberBOOL{}}}
	must[dynamodb.PutItemOutput](t)(c.PutItem(ctx, &dynamodb.PutItemInput{TableName: locks, Item: full}))
	got := must[dynamodb.GetItemOutput](t)(c.GetItem(ctx, &dynamodb.GetItemInput{TableName: locks, Key: named("a"), ConsistentRead: aws.Bool(true)})).Item
	same(t, "bytes", string(got["b"].(*types.AttributeValueMemberB).Value), "\x00\xff")
	same(t, "list", len(got["l"].(*types.AttributeValueMemberL).Value), 2)
	updated := must[dynamodb.UpdateItemOutput](t)(c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: locks, Key: named("a"), UpdateExpression: aws.String("ADD n :one REMOVE l"), ReturnValues: types.ReturnValueAllNew,
		ExpressionAttributeValues: item{":one": &types.AttributeValueMemberN{Value: "1"}},
	})).Attributes
	same(t, "number", updated["n"].(*types.AttributeValueMemberN).Value, "2.5")
	var puts []types.WriteRequest
	for i := range 10 {
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: named(fmt.Sprint("b", i))}})
	}
	written := must[dynamodb.BatchWriteItemOutput](t)(c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"locks": puts}}))
	same(t, "unprocessed", len(written.UnprocessedItems), 0)
	read := must[dynamodb.BatchGetItemOutput](t)(c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"locks": {Keys: []map[string]types.AttributeValue{named("b0"), named("absent")}},
	}}))
	same(t, "read", len(read.Responses["locks"]), 1)
	n := 0
	for list := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: locks, Limit: aws.Int32(4)}); list.HasMorePages(); {
		n += len(must[dynamodb.ScanOutput](t)(list.NextPage(ctx)).Items)
	}
	same(t, "scanned", n, 11)
	query := must[dynamodb.QueryOutput](t)(c.Query(ctx, &dynamodb.QueryInput{
		TableName: locks, KeyConditionExpression: aws.String("k = :k"), ExpressionAttributeValues: item{":k": &types.AttributeValueMemberS{Value: "a"}},
	}))
	same(t, "queried", query.Count, 1)
	gets := must[dynamodb.TransactGetItemsOutput](t)(c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: locks, Key: named("a")}}, {Get: &types.Get{TableName: locks, Key: named("absent")}},
	}})).Responses
	if len(gets) != 2 || len(gets[0].Item) == 0 || len(gets[1].Item) > 0 {
		t.Errorf("transaction got %v", gets)
	}
	must[dynamodb.DeleteItemOutput](t)(c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: locks, Key: named("a")}))
}

func goConditions(t *testing.T, c *dynamodb.Client) {
	ctx := t.Context()
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: locks, Item: named("race"), ConditionExpression: isFree})
			if err == nil {
				won.Add(1)
			} else if failed := new(types.ConditionalCheckFailedException); !errors.As(err, &failed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	same(t, "winners", won.Load(), 1)
	put, err := c.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: locks, Item: named("race"), ConditionExpression: isFree,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	same(t, "old item", len(is[*types.ConditionalCheckFailedException](t, put, err).Item), 1)
	write := func(keys ...string) *dynamodb.TransactWriteItemsInput {
		in := &dynamodb.TransactWriteItemsInput{}
		for _, k := range keys {
			in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: locks, Item: named(k), ConditionExpression: isFree}})
		}
		return in
	}
	must[dynamodb.TransactWriteItemsOutput](t)(c.TransactWriteItems(ctx, write("t1", "t2")))
	cancelled, err := c.TransactWriteItems(ctx, write("t3", "t1"))
	reasons := is[*types.TransactionCanceledException](t, cancelled, err).CancellationReasons
	if len(reasons) != 2 || *reasons[0].Code != "None" || *reasons[1].Code != "ConditionalCheckFailed" {
		t.Errorf("reasons %v", reasons)
	}
}
