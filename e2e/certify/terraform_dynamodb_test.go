package certify

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func terraformTable(config aws.Config) resource {
	c, name := dynamodb.NewFromConfig(config), aws.String("tf-locks")
	var arn *string
	describe := func(t *testing.T) *types.TableDescription {
		t.Helper()
		return must[dynamodb.DescribeTableOutput](t)(c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: name})).Table
	}
	active := func(t *testing.T) {
		eventually(t, "the table is active", func() bool { return describe(t).TableStatus == types.TableStatusActive })
	}
	ttl := func(t *testing.T, on bool) {
		must[dynamodb.UpdateTimeToLiveOutput](t)(c.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
			TableName: name, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expires"), Enabled: &on},
		}))
		want := types.TimeToLiveStatusDisabled
		if on {
			want = types.TimeToLiveStatusEnabled
		}
		eventually(t, "time to live is "+string(want), func() bool {
			return must[dynamodb.DescribeTimeToLiveOutput](t)(c.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: name})).TimeToLiveDescription.TimeToLiveStatus == want
		})
	}
	return resource{
		name: "aws_dynamodb_table",
		create: func(t *testing.T) {
			in := tableOf(name)
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}
			arn = must[dynamodb.CreateTableOutput](t)(c.CreateTable(t.Context(), in)).TableDescription.TableArn
			active(t)
			ttl(t, true)
			// What a block point_in_time_recovery { enabled = false } leads to.
			must[dynamodb.UpdateContinuousBackupsOutput](t)(c.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
				TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)},
			}))
		},
		read: func(t *testing.T) map[string]any {
			d := describe(t)
			there(t, map[string]bool{
				"TableArn": d.TableArn != nil, "TableName": d.TableName != nil, "DeletionProtectionEnabled": d.DeletionProtectionEnabled != nil,
				"BillingModeSummary or ProvisionedThroughput": d.BillingModeSummary != nil || d.ProvisionedThroughput != nil,
			})
			same(t, "ARN", *d.TableArn, *arn)
			billing := types.BillingModeProvisioned // what the provider takes a table without a summary for
			if d.BillingModeSummary != nil {
				billing = d.BillingModeSummary.BillingMode
			}
			backups := must[dynamodb.DescribeContinuousBackupsOutput](t)(c.DescribeContinuousBackups(t.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: name}))
			ttl := must[dynamodb.DescribeTimeToLiveOutput](t)(c.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: name})).TimeToLiveDescription
			tags := must[dynamodb.ListTagsOfResourceOutput](t)(c.ListTagsOfResource(t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: d.TableArn}))
			return map[string]any{
				"arn": d.TableArn, "name": d.TableName, "attribute": d.AttributeDefinitions, "key": d.KeySchema, "protected": d.DeletionProtectionEnabled,
				"billing": billing, "throughput": d.ProvisionedThroughput, "class": d.TableClassSummary, "stream": d.StreamSpecification,
				"recovery": backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription, "ttl": ttl, "tags": tags.Tags,
			}
		},
		update: func(t *testing.T) {
			must[dynamodb.UpdateTableOutput](t)(c.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
				TableName: name, BillingMode: types.BillingModeProvisioned,
				ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(3), WriteCapacityUnits: aws.Int64(4)},
			}))
			active(t)
			ttl(t, false)
			must[dynamodb.UntagResourceOutput](t)(c.UntagResource(t.Context(), &dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}))
			must[dynamodb.TagResourceOutput](t)(c.TagResource(t.Context(), &dynamodb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}))
		},
		remove: func(t *testing.T) {
			must[dynamodb.DeleteTableOutput](t)(c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: name}))
		},
		gone: func(t *testing.T) bool {
			_, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: name})
			absent := new(types.ResourceNotFoundException)
			return errors.As(err, &absent) && strings.HasPrefix(absent.ErrorMessage(), "Requested resource not found: Table: tf-locks not found")
		},
	}
}
