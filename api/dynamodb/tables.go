package dynamodb

import (
	"context"
	"maps"
	"slices"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

const (
	noIndexes = "tables have no secondary indexes here; keep a second table for the other key"
	noStreams = "tables have no streams here"
	noKMS     = "the whole data directory is encrypted, or not, by the disk that it is on"
	oneRegion = "a table lives on one server"
	noLimits  = "nothing limits a table's throughput here"
	noPolicy  = "use the policies of the access keys"
)

// CreateTable implements [dynamodbapi.Service]. The table can be used at once;
// the answer says CREATING, as AWS's does.
func (a *api) CreateTable(ctx context.Context, in *dynamodbapi.CreateTableInput) (*dynamodbapi.CreateTableOutput, error) {
	err := refuse(
		feature{len(in.GlobalSecondaryIndexes) > 0, "GlobalSecondaryIndexes", noIndexes},
		feature{len(in.LocalSecondaryIndexes) > 0, "LocalSecondaryIndexes", noIndexes},
		feature{in.StreamSpecification != nil && awswire.Value(in.StreamSpecification.StreamEnabled), "StreamSpecification", noStreams},
		feature{in.SSESpecification != nil && awswire.Value(in.SSESpecification.Enabled), "SSESpecification", noKMS},
		feature{in.GlobalTableSourceArn != nil, "GlobalTableSourceArn", oneRegion},
		feature{in.GlobalTableSettingsReplicationMode != nil, "GlobalTableSettingsReplicationMode", oneRegion},
		feature{in.OnDemandThroughput != nil, "OnDemandThroughput", noLimits},
		feature{in.WarmThroughput != nil, "WarmThroughput", noLimits},
		feature{in.ResourcePolicy != nil, "ResourcePolicy", noPolicy},
	)
	if err != nil {
		return nil, err
	}
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	settings := table.Settings{
		OnDemand:  awswire.Value(in.BillingMode) == dynamodbapi.BillingModePayPerRequest,
		Protected: awswire.Value(in.DeletionProtectionEnabled),
		Class:     awswire.Value(in.TableClass),
		Tags:      tagMap(in.Tags),
	}
	if settings.Hash, settings.Range, err = keys(in.KeySchema, in.AttributeDefinitions); err != nil {
		return nil, err
	}
	provision(&settings, in.ProvisionedThroughput)
	t, err := a.tables.Create(ctx, scope, name, settings)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.CreateTableOutput{TableDescription: describe(t, dynamodbapi.TableStatusCreating, 0, 0)}, nil
}

func provision(s *table.Settings, p *dynamodbapi.ProvisionedThroughput) {
	if p != nil {
		s.ReadUnits, s.WriteUnits = awswire.Value(p.ReadCapacityUnits), awswire.Value(p.WriteCapacityUnits)
	}
}

// keys reads a key schema with the types of its attributes.
func keys(schema []dynamodbapi.KeySchemaElement, defs []dynamodbapi.AttributeDefinition) (hash, rng table.KeyAttribute, err error) {
	types := map[string]table.Type{}
	for _, d := range defs {
		for t, name := range map[table.Type]string{table.S: "S", table.N: "N", table.B: "B"} {
			if *d.AttributeType == name {
				types[*d.AttributeName] = t
			}
		}
	}
	if len(schema) == 0 {
		return hash, rng, invalid("One or more parameter values were invalid: Missing the KeySchema of the table")
	}
	for i, k := range schema {
		want := [...]string{dynamodbapi.KeyTypeHash, dynamodbapi.KeyTypeRange}
		if i > 1 || *k.KeyType != want[i] {
			return hash, rng, invalid("Invalid KeySchema: The first KeySchemaElement is a HASH key type, and the second, if there is one, a RANGE key type")
		}
		t, ok := types[*k.AttributeName]
		if !ok {
			return hash, rng, invalid("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: %v",
				*k.AttributeName, slices.Sorted(maps.Keys(types)))
		}
		*[...]*table.KeyAttribute{&hash, &rng}[i] = table.KeyAttribute{Name: *k.AttributeName, Type: t}
	}
	if len(types) != len(schema) && hash.Name != rng.Name {
		return hash, rng, invalid("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return hash, rng, nil
}

func tagMap(tags []dynamodbapi.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

// describe returns a table as AWS does.
func describe(t *table.Table, status string, items, size int64) *dynamodbapi.TableDescription {
	s := &t.Settings
	d := &dynamodbapi.TableDescription{
		TableName: &t.Name, TableArn: new(t.ARN()), TableId: &s.UUID, TableStatus: &status, CreationDateTime: &t.Created,
		ItemCount: &items, TableSizeBytes: &size, DeletionProtectionEnabled: &s.Protected,
		ProvisionedThroughput: &dynamodbapi.ProvisionedThroughputDescription{
			NumberOfDecreasesToday: new(int64(0)), ReadCapacityUnits: &s.ReadUnits, WriteCapacityUnits: &s.WriteUnits,
		},
	}
	for i, k := range []table.KeyAttribute{s.Hash, s.Range} {
		if k.Name == "" {
			continue
		}
		kind := [...]string{dynamodbapi.KeyTypeHash, dynamodbapi.KeyTypeRange}[i]
		d.KeySchema = append(d.KeySchema, dynamodbapi.KeySchemaElement{AttributeName: &k.Name, KeyType: &kind})
		d.AttributeDefinitions = append(d.AttributeDefinitions, dynamodbapi.AttributeDefinition{AttributeName: &k.Name, AttributeType: new(k.Type.String())})
	}
	// What AWS has ready for a new table on demand.
	warmReads, warmWrites := max(s.ReadUnits, 12_000), max(s.WriteUnits, 4_000)
	if s.OnDemand {
		d.BillingModeSummary = &dynamodbapi.BillingModeSummary{
			BillingMode: new(dynamodbapi.BillingModePayPerRequest), LastUpdateToPayPerRequestDateTime: &s.Billed,
		}
	} else {
		warmReads, warmWrites = s.ReadUnits, s.WriteUnits
	}
	if status == dynamodbapi.TableStatusActive {
		d.WarmThroughput = &dynamodbapi.TableWarmThroughputDescription{ReadUnitsPerSecond: &warmReads, WriteUnitsPerSecond: &warmWrites, Status: &status}
	}
	if s.Class != "" {
		d.TableClassSummary = &dynamodbapi.TableClassSummary{TableClass: &s.Class}
	}
	return d
}

// DescribeTable implements [dynamodbapi.Service].
func (a *api) DescribeTable(ctx context.Context, in *dynamodbapi.DescribeTableInput) (*dynamodbapi.DescribeTableOutput, error) {
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	t, items, size, err := a.tables.Describe(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DescribeTableOutput{Table: describe(t, dynamodbapi.TableStatusActive, items, size)}, nil
}

// ListTables implements [dynamodbapi.Service].
func (a *api) ListTables(ctx context.Context, in *dynamodbapi.ListTablesInput) (*dynamodbapi.ListTablesOutput, error) {
	names, more, err := a.tables.List(ctx, awswire.CallerFrom(ctx).Scope, awswire.Value(in.ExclusiveStartTableName), awswire.Value(in.Limit))
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ListTablesOutput{TableNames: append([]string{}, names...)}
	if more {
		out.LastEvaluatedTableName = &names[len(names)-1]
	}
	return out, nil
}

// UpdateTable implements [dynamodbapi.Service].
func (a *api) UpdateTable(ctx context.Context, in *dynamodbapi.UpdateTableInput) (*dynamodbapi.UpdateTableOutput, error) {
	err := refuse(
		feature{len(in.GlobalSecondaryIndexUpdates) > 0, "GlobalSecondaryIndexUpdates", noIndexes},
		feature{in.StreamSpecification != nil && awswire.Value(in.StreamSpecification.StreamEnabled), "StreamSpecification", noStreams},
		feature{in.SSESpecification != nil && awswire.Value(in.SSESpecification.Enabled), "SSESpecification", noKMS},
		feature{len(in.ReplicaUpdates) > 0, "ReplicaUpdates", oneRegion},
		feature{in.MultiRegionConsistency != nil, "MultiRegionConsistency", oneRegion},
		feature{len(in.GlobalTableWitnessUpdates) > 0, "GlobalTableWitnessUpdates", oneRegion},
		feature{in.GlobalTableSettingsReplicationMode != nil, "GlobalTableSettingsReplicationMode", oneRegion},
		feature{in.OnDemandThroughput != nil, "OnDemandThroughput", noLimits},
		feature{in.WarmThroughput != nil, "WarmThroughput", noLimits},
	)
	if err != nil {
		return nil, err
	}
	if in.BillingMode == nil && in.ProvisionedThroughput == nil && in.TableClass == nil && in.DeletionProtectionEnabled == nil {
		return nil, invalid("At least one of ProvisionedThroughput, BillingMode, TableClass or DeletionProtectionEnabled is required")
	}
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	t, err := a.tables.Update(ctx, scope, name, func(s *table.Settings) error {
		if in.BillingMode != nil {
			s.OnDemand = *in.BillingMode == dynamodbapi.BillingModePayPerRequest
			if s.OnDemand && in.ProvisionedThroughput == nil {
				s.ReadUnits, s.WriteUnits = 0, 0
			}
		}
		provision(s, in.ProvisionedThroughput)
		s.Class = awswire.Or(in.TableClass, s.Class)
		s.Protected = awswire.Or(in.DeletionProtectionEnabled, s.Protected)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateTableOutput{TableDescription: describe(t, dynamodbapi.TableStatusUpdating, 0, 0)}, nil
}

// DeleteTable implements [dynamodbapi.Service]. The table is gone at once; the
// answer says DELETING, as AWS's does.
func (a *api) DeleteTable(ctx context.Context, in *dynamodbapi.DeleteTableInput) (*dynamodbapi.DeleteTableOutput, error) {
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	t, err := a.tables.Delete(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DeleteTableOutput{TableDescription: describe(t, dynamodbapi.TableStatusDeleting, 0, 0)}, nil
}

// described returns a table that a client names.
func (a *api) described(ctx context.Context, given *string) (*table.Table, error) {
	scope, name, err := on(ctx, given)
	if err != nil {
		return nil, err
	}
	t, _, _, err := a.tables.Describe(ctx, scope, name)
	return t, err
}

// DescribeContinuousBackups implements [dynamodbapi.Service]: there are none.
func (a *api) DescribeContinuousBackups(ctx context.Context, in *dynamodbapi.DescribeContinuousBackupsInput) (*dynamodbapi.DescribeContinuousBackupsOutput, error) {
	d, err := a.noBackups(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

// UpdateContinuousBackups implements [dynamodbapi.Service]: they can be
// switched off only, as they are.
func (a *api) UpdateContinuousBackups(ctx context.Context, in *dynamodbapi.UpdateContinuousBackupsInput) (*dynamodbapi.UpdateContinuousBackupsOutput, error) {
	d, err := a.noBackups(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	on := awswire.Value(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
	if err := refuse(feature{on, "PointInTimeRecoveryEnabled", "back up the data directory instead."}); err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

// noBackups describes the backups of a table, which must be there.
func (a *api) noBackups(ctx context.Context, given *string) (*dynamodbapi.ContinuousBackupsDescription, error) {
	if _, err := a.described(ctx, given); err != nil {
		if belfry.KindOf(err) == belfry.NotFound {
			return nil, &belfry.Error{Kind: belfry.NotFound, Code: "TableNotFoundException", Field: "TableName", Message: "Table not found: " + *given}
		}
		return nil, err
	}
	return &dynamodbapi.ContinuousBackupsDescription{
		ContinuousBackupsStatus: new(dynamodbapi.ContinuousBackupsStatusDisabled),
		PointInTimeRecoveryDescription: &dynamodbapi.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: new(dynamodbapi.PointInTimeRecoveryStatusDisabled),
		},
	}, nil
}

// DescribeTimeToLive implements [dynamodbapi.Service].
func (a *api) DescribeTimeToLive(ctx context.Context, in *dynamodbapi.DescribeTimeToLiveInput) (*dynamodbapi.DescribeTimeToLiveOutput, error) {
	t, err := a.described(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	d := &dynamodbapi.TimeToLiveDescription{TimeToLiveStatus: new(dynamodbapi.TimeToLiveStatusDisabled)}
	if ttl := t.Settings.TTL; ttl.Attribute != "" {
		d.AttributeName = &ttl.Attribute
		d.TimeToLiveStatus = new(dynamodbapi.TimeToLiveStatusEnabled)
		if ttl.Adopting {
			d.TimeToLiveStatus = new(dynamodbapi.TimeToLiveStatusEnabling)
		}
	}
	return &dynamodbapi.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

// UpdateTimeToLive implements [dynamodbapi.Service].
func (a *api) UpdateTimeToLive(ctx context.Context, in *dynamodbapi.UpdateTimeToLiveInput) (*dynamodbapi.UpdateTimeToLiveOutput, error) {
	scope, name, err := on(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	s := in.TimeToLiveSpecification
	if err := a.tables.SetTTL(ctx, scope, name, *s.AttributeName, *s.Enabled); err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateTimeToLiveOutput{TimeToLiveSpecification: s}, nil
}

// TagResource implements [dynamodbapi.Service].
func (a *api) TagResource(ctx context.Context, in *dynamodbapi.TagResourceInput) (*dynamodbapi.TagResourceOutput, error) {
	scope, name, err := on(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.tables.Tag(ctx, scope, name, tagMap(in.Tags))
}

// UntagResource implements [dynamodbapi.Service].
func (a *api) UntagResource(ctx context.Context, in *dynamodbapi.UntagResourceInput) (*dynamodbapi.UntagResourceOutput, error) {
	scope, name, err := on(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.tables.Untag(ctx, scope, name, in.TagKeys)
}

// ListTagsOfResource implements [dynamodbapi.Service]. All tags fit one page.
func (a *api) ListTagsOfResource(ctx context.Context, in *dynamodbapi.ListTagsOfResourceInput) (*dynamodbapi.ListTagsOfResourceOutput, error) {
	t, err := a.described(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ListTagsOfResourceOutput{Tags: []dynamodbapi.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(t.Settings.Tags)) {
		out.Tags = append(out.Tags, dynamodbapi.Tag{Key: &k, Value: new(t.Settings.Tags[k])})
	}
	return out, nil
}
