package awswire_test

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
)

// A recorder keeps what implementations are called with and answers with err,
// or with what answers has for the operation.
type recorder struct {
	operation string
	in        any
	caller    awswire.Caller
	endpoint  string
	answers   map[string]any
	err       error
	panics    bool
}

func answer[Out any](ctx context.Context, r *recorder, operation string, in any) (*Out, error) {
	if r.panics {
		panic("secret")
	}
	r.operation, r.in = operation, in
	r.caller, r.endpoint = awswire.CallerFrom(ctx), awswire.EndpointFrom(ctx)
	if r.err != nil {
		return nil, r.err
	}
	out, _ := r.answers[operation].(*Out)
	return out, nil
}

type fakeScheduler struct{ *recorder }

func (f fakeScheduler) CreateSchedule(ctx context.Context, in *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	return answer[schedulerapi.CreateScheduleOutput](ctx, f.recorder, "CreateSchedule", in)
}

func (f fakeScheduler) CreateScheduleGroup(ctx context.Context, in *schedulerapi.CreateScheduleGroupInput) (*schedulerapi.CreateScheduleGroupOutput, error) {
	return answer[schedulerapi.CreateScheduleGroupOutput](ctx, f.recorder, "CreateScheduleGroup", in)
}

func (f fakeScheduler) DeleteSchedule(ctx context.Context, in *schedulerapi.DeleteScheduleInput) (*schedulerapi.DeleteScheduleOutput, error) {
	return answer[schedulerapi.DeleteScheduleOutput](ctx, f.recorder, "DeleteSchedule", in)
}

func (f fakeScheduler) DeleteScheduleGroup(ctx context.Context, in *schedulerapi.DeleteScheduleGroupInput) (*schedulerapi.DeleteScheduleGroupOutput, error) {
	return answer[schedulerapi.DeleteScheduleGroupOutput](ctx, f.recorder, "DeleteScheduleGroup", in)
}

func (f fakeScheduler) GetSchedule(ctx context.Context, in *schedulerapi.GetScheduleInput) (*schedulerapi.GetScheduleOutput, error) {
	return answer[schedulerapi.GetScheduleOutput](ctx, f.recorder, "GetSchedule", in)
}

func (f fakeScheduler) GetScheduleGroup(ctx context.Context, in *schedulerapi.GetScheduleGroupInput) (*schedulerapi.GetScheduleGroupOutput, error) {
	return answer[schedulerapi.GetScheduleGroupOutput](ctx, f.recorder, "GetScheduleGroup", in)
}

func (f fakeScheduler) ListScheduleGroups(ctx context.Context, in *schedulerapi.ListScheduleGroupsInput) (*schedulerapi.ListScheduleGroupsOutput, error) {
	return answer[schedulerapi.ListScheduleGroupsOutput](ctx, f.recorder, "ListScheduleGroups", in)
}

func (f fakeScheduler) ListSchedules(ctx context.Context, in *schedulerapi.ListSchedulesInput) (*schedulerapi.ListSchedulesOutput, error) {
	return answer[schedulerapi.ListSchedulesOutput](ctx, f.recorder, "ListSchedules", in)
}

func (f fakeScheduler) ListTagsForResource(ctx context.Context, in *schedulerapi.ListTagsForResourceInput) (*schedulerapi.ListTagsForResourceOutput, error) {
	return answer[schedulerapi.ListTagsForResourceOutput](ctx, f.recorder, "ListTagsForResource", in)
}

func (f fakeScheduler) TagResource(ctx context.Context, in *schedulerapi.TagResourceInput) (*schedulerapi.TagResourceOutput, error) {
	return answer[schedulerapi.TagResourceOutput](ctx, f.recorder, "TagResource", in)
}

func (f fakeScheduler) UntagResource(ctx context.Context, in *schedulerapi.UntagResourceInput) (*schedulerapi.UntagResourceOutput, error) {
	return answer[schedulerapi.UntagResourceOutput](ctx, f.recorder, "UntagResource", in)
}

func (f fakeScheduler) UpdateSchedule(ctx context.Context, in *schedulerapi.UpdateScheduleInput) (*schedulerapi.UpdateScheduleOutput, error) {
	return answer[schedulerapi.UpdateScheduleOutput](ctx, f.recorder, "UpdateSchedule", in)
}

type fakeLambda struct{ *recorder }

func (f fakeLambda) AddLayerVersionPermission(ctx context.Context, in *lambdaapi.AddLayerVersionPermissionInput) (*lambdaapi.AddLayerVersionPermissionOutput, error) {
	return answer[lambdaapi.AddLayerVersionPermissionOutput](ctx, f.recorder, "AddLayerVersionPermission", in)
}

func (f fakeLambda) DeleteLayerVersion(ctx context.Context, in *lambdaapi.DeleteLayerVersionInput) (*lambdaapi.DeleteLayerVersionOutput, error) {
	return answer[lambdaapi.DeleteLayerVersionOutput](ctx, f.recorder, "DeleteLayerVersion", in)
}

func (f fakeLambda) GetLayerVersion(ctx context.Context, in *lambdaapi.GetLayerVersionInput) (*lambdaapi.GetLayerVersionResponse, error) {
	return answer[lambdaapi.GetLayerVersionResponse](ctx, f.recorder, "GetLayerVersion", in)
}

func (f fakeLambda) GetLayerVersionByArn(ctx context.Context, in *lambdaapi.GetLayerVersionByArnInput) (*lambdaapi.GetLayerVersionResponse, error) {
	return answer[lambdaapi.GetLayerVersionResponse](ctx, f.recorder, "GetLayerVersionByArn", in)
}

func (f fakeLambda) GetLayerVersionPolicy(ctx context.Context, in *lambdaapi.GetLayerVersionPolicyInput) (*lambdaapi.GetLayerVersionPolicyOutput, error) {
	return answer[lambdaapi.GetLayerVersionPolicyOutput](ctx, f.recorder, "GetLayerVersionPolicy", in)
}

func (f fakeLambda) ListLayerVersions(ctx context.Context, in *lambdaapi.ListLayerVersionsInput) (*lambdaapi.ListLayerVersionsOutput, error) {
	return answer[lambdaapi.ListLayerVersionsOutput](ctx, f.recorder, "ListLayerVersions", in)
}

func (f fakeLambda) ListLayers(ctx context.Context, in *lambdaapi.ListLayersInput) (*lambdaapi.ListLayersOutput, error) {
	return answer[lambdaapi.ListLayersOutput](ctx, f.recorder, "ListLayers", in)
}

func (f fakeLambda) PublishLayerVersion(ctx context.Context, in *lambdaapi.PublishLayerVersionInput) (*lambdaapi.PublishLayerVersionOutput, error) {
	return answer[lambdaapi.PublishLayerVersionOutput](ctx, f.recorder, "PublishLayerVersion", in)
}

func (f fakeLambda) RemoveLayerVersionPermission(ctx context.Context, in *lambdaapi.RemoveLayerVersionPermissionInput) (*lambdaapi.RemoveLayerVersionPermissionOutput, error) {
	return answer[lambdaapi.RemoveLayerVersionPermissionOutput](ctx, f.recorder, "RemoveLayerVersionPermission", in)
}

func (f fakeLambda) PublishVersion(ctx context.Context, in *lambdaapi.PublishVersionInput) (*lambdaapi.FunctionConfiguration, error) {
	return answer[lambdaapi.FunctionConfiguration](ctx, f.recorder, "PublishVersion", in)
}

func (f fakeLambda) CreateAlias(ctx context.Context, in *lambdaapi.CreateAliasInput) (*lambdaapi.AliasConfiguration, error) {
	return answer[lambdaapi.AliasConfiguration](ctx, f.recorder, "CreateAlias", in)
}

func (f fakeLambda) UpdateAlias(ctx context.Context, in *lambdaapi.UpdateAliasInput) (*lambdaapi.AliasConfiguration, error) {
	return answer[lambdaapi.AliasConfiguration](ctx, f.recorder, "UpdateAlias", in)
}

func (f fakeLambda) GetAlias(ctx context.Context, in *lambdaapi.GetAliasInput) (*lambdaapi.AliasConfiguration, error) {
	return answer[lambdaapi.AliasConfiguration](ctx, f.recorder, "GetAlias", in)
}

func (f fakeLambda) ListAliases(ctx context.Context, in *lambdaapi.ListAliasesInput) (*lambdaapi.ListAliasesOutput, error) {
	return answer[lambdaapi.ListAliasesOutput](ctx, f.recorder, "ListAliases", in)
}

func (f fakeLambda) DeleteAlias(ctx context.Context, in *lambdaapi.DeleteAliasInput) (*lambdaapi.DeleteAliasOutput, error) {
	return answer[lambdaapi.DeleteAliasOutput](ctx, f.recorder, "DeleteAlias", in)
}

func (f fakeLambda) GetRuntimeManagementConfig(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigInput) (*lambdaapi.GetRuntimeManagementConfigOutput, error) {
	return answer[lambdaapi.GetRuntimeManagementConfigOutput](ctx, f.recorder, "GetRuntimeManagementConfig", in)
}

func (f fakeLambda) GetFunctionRecursionConfig(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigInput) (*lambdaapi.GetFunctionRecursionConfigOutput, error) {
	return answer[lambdaapi.GetFunctionRecursionConfigOutput](ctx, f.recorder, "GetFunctionRecursionConfig", in)
}

func (f fakeLambda) GetProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.GetProvisionedConcurrencyConfigInput) (*lambdaapi.GetProvisionedConcurrencyConfigOutput, error) {
	return answer[lambdaapi.GetProvisionedConcurrencyConfigOutput](ctx, f.recorder, "GetProvisionedConcurrencyConfig", in)
}

func (f fakeLambda) ListProvisionedConcurrencyConfigs(ctx context.Context, in *lambdaapi.ListProvisionedConcurrencyConfigsInput) (*lambdaapi.ListProvisionedConcurrencyConfigsOutput, error) {
	return answer[lambdaapi.ListProvisionedConcurrencyConfigsOutput](ctx, f.recorder, "ListProvisionedConcurrencyConfigs", in)
}

func (f fakeLambda) PutProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.PutProvisionedConcurrencyConfigInput) (*lambdaapi.PutProvisionedConcurrencyConfigOutput, error) {
	return answer[lambdaapi.PutProvisionedConcurrencyConfigOutput](ctx, f.recorder, "PutProvisionedConcurrencyConfig", in)
}

func (f fakeLambda) DeleteProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.DeleteProvisionedConcurrencyConfigInput) (*lambdaapi.DeleteProvisionedConcurrencyConfigOutput, error) {
	return answer[lambdaapi.DeleteProvisionedConcurrencyConfigOutput](ctx, f.recorder, "DeleteProvisionedConcurrencyConfig", in)
}

func (f fakeLambda) PutRuntimeManagementConfig(ctx context.Context, in *lambdaapi.PutRuntimeManagementConfigInput) (*lambdaapi.PutRuntimeManagementConfigOutput, error) {
	return answer[lambdaapi.PutRuntimeManagementConfigOutput](ctx, f.recorder, "PutRuntimeManagementConfig", in)
}

func (f fakeLambda) InvokeWithResponseStream(ctx context.Context, in *lambdaapi.InvokeWithResponseStreamInput) (*lambdaapi.InvokeWithResponseStreamOutput, error) {
	return answer[lambdaapi.InvokeWithResponseStreamOutput](ctx, f.recorder, "InvokeWithResponseStream", in)
}

func (f fakeLambda) AddPermission(ctx context.Context, in *lambdaapi.AddPermissionInput) (*lambdaapi.AddPermissionOutput, error) {
	return answer[lambdaapi.AddPermissionOutput](ctx, f.recorder, "AddPermission", in)
}

func (f fakeLambda) CreateFunction(ctx context.Context, in *lambdaapi.CreateFunctionInput) (*lambdaapi.FunctionConfiguration, error) {
	return answer[lambdaapi.FunctionConfiguration](ctx, f.recorder, "CreateFunction", in)
}

func (f fakeLambda) DeleteFunction(ctx context.Context, in *lambdaapi.DeleteFunctionInput) (*lambdaapi.DeleteFunctionOutput, error) {
	return answer[lambdaapi.DeleteFunctionOutput](ctx, f.recorder, "DeleteFunction", in)
}

func (f fakeLambda) DeleteFunctionConcurrency(ctx context.Context, in *lambdaapi.DeleteFunctionConcurrencyInput) (*lambdaapi.DeleteFunctionConcurrencyOutput, error) {
	return answer[lambdaapi.DeleteFunctionConcurrencyOutput](ctx, f.recorder, "DeleteFunctionConcurrency", in)
}

func (f fakeLambda) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.DeleteFunctionEventInvokeConfigInput) (*lambdaapi.DeleteFunctionEventInvokeConfigOutput, error) {
	return answer[lambdaapi.DeleteFunctionEventInvokeConfigOutput](ctx, f.recorder, "DeleteFunctionEventInvokeConfig", in)
}

func (f fakeLambda) GetAccountSettings(ctx context.Context, in *lambdaapi.GetAccountSettingsInput) (*lambdaapi.GetAccountSettingsOutput, error) {
	return answer[lambdaapi.GetAccountSettingsOutput](ctx, f.recorder, "GetAccountSettings", in)
}

func (f fakeLambda) GetFunction(ctx context.Context, in *lambdaapi.GetFunctionInput) (*lambdaapi.GetFunctionOutput, error) {
	return answer[lambdaapi.GetFunctionOutput](ctx, f.recorder, "GetFunction", in)
}

func (f fakeLambda) GetFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigInput) (*lambdaapi.GetFunctionCodeSigningConfigOutput, error) {
	return answer[lambdaapi.GetFunctionCodeSigningConfigOutput](ctx, f.recorder, "GetFunctionCodeSigningConfig", in)
}

func (f fakeLambda) GetFunctionConcurrency(ctx context.Context, in *lambdaapi.GetFunctionConcurrencyInput) (*lambdaapi.GetFunctionConcurrencyOutput, error) {
	return answer[lambdaapi.GetFunctionConcurrencyOutput](ctx, f.recorder, "GetFunctionConcurrency", in)
}

func (f fakeLambda) GetFunctionConfiguration(ctx context.Context, in *lambdaapi.GetFunctionConfigurationInput) (*lambdaapi.FunctionConfiguration, error) {
	return answer[lambdaapi.FunctionConfiguration](ctx, f.recorder, "GetFunctionConfiguration", in)
}

func (f fakeLambda) GetFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.GetFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	return answer[lambdaapi.FunctionEventInvokeConfig](ctx, f.recorder, "GetFunctionEventInvokeConfig", in)
}

func (f fakeLambda) GetPolicy(ctx context.Context, in *lambdaapi.GetPolicyInput) (*lambdaapi.GetPolicyOutput, error) {
	return answer[lambdaapi.GetPolicyOutput](ctx, f.recorder, "GetPolicy", in)
}

func (f fakeLambda) Invoke(ctx context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	return answer[lambdaapi.InvokeOutput](ctx, f.recorder, "Invoke", in)
}

func (f fakeLambda) ListFunctionEventInvokeConfigs(ctx context.Context, in *lambdaapi.ListFunctionEventInvokeConfigsInput) (*lambdaapi.ListFunctionEventInvokeConfigsOutput, error) {
	return answer[lambdaapi.ListFunctionEventInvokeConfigsOutput](ctx, f.recorder, "ListFunctionEventInvokeConfigs", in)
}

func (f fakeLambda) ListFunctions(ctx context.Context, in *lambdaapi.ListFunctionsInput) (*lambdaapi.ListFunctionsOutput, error) {
	return answer[lambdaapi.ListFunctionsOutput](ctx, f.recorder, "ListFunctions", in)
}

func (f fakeLambda) ListTags(ctx context.Context, in *lambdaapi.ListTagsInput) (*lambdaapi.ListTagsOutput, error) {
	return answer[lambdaapi.ListTagsOutput](ctx, f.recorder, "ListTags", in)
}

func (f fakeLambda) ListVersionsByFunction(ctx context.Context, in *lambdaapi.ListVersionsByFunctionInput) (*lambdaapi.ListVersionsByFunctionOutput, error) {
	return answer[lambdaapi.ListVersionsByFunctionOutput](ctx, f.recorder, "ListVersionsByFunction", in)
}

func (f fakeLambda) PutFunctionConcurrency(ctx context.Context, in *lambdaapi.PutFunctionConcurrencyInput) (*lambdaapi.Concurrency, error) {
	return answer[lambdaapi.Concurrency](ctx, f.recorder, "PutFunctionConcurrency", in)
}

func (f fakeLambda) PutFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.PutFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	return answer[lambdaapi.FunctionEventInvokeConfig](ctx, f.recorder, "PutFunctionEventInvokeConfig", in)
}

func (f fakeLambda) RemovePermission(ctx context.Context, in *lambdaapi.RemovePermissionInput) (*lambdaapi.RemovePermissionOutput, error) {
	return answer[lambdaapi.RemovePermissionOutput](ctx, f.recorder, "RemovePermission", in)
}

func (f fakeLambda) TagResource(ctx context.Context, in *lambdaapi.TagResourceInput) (*lambdaapi.TagResourceOutput, error) {
	return answer[lambdaapi.TagResourceOutput](ctx, f.recorder, "TagResource", in)
}

func (f fakeLambda) UntagResource(ctx context.Context, in *lambdaapi.UntagResourceInput) (*lambdaapi.UntagResourceOutput, error) {
	return answer[lambdaapi.UntagResourceOutput](ctx, f.recorder, "UntagResource", in)
}

func (f fakeLambda) UpdateFunctionCode(ctx context.Context, in *lambdaapi.UpdateFunctionCodeInput) (*lambdaapi.FunctionConfiguration, error) {
	return answer[lambdaapi.FunctionConfiguration](ctx, f.recorder, "UpdateFunctionCode", in)
}

func (f fakeLambda) UpdateFunctionConfiguration(ctx context.Context, in *lambdaapi.UpdateFunctionConfigurationInput) (*lambdaapi.FunctionConfiguration, error) {
	return answer[lambdaapi.FunctionConfiguration](ctx, f.recorder, "UpdateFunctionConfiguration", in)
}

func (f fakeLambda) UpdateFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.UpdateFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	return answer[lambdaapi.FunctionEventInvokeConfig](ctx, f.recorder, "UpdateFunctionEventInvokeConfig", in)
}

type fakeSQS struct{ *recorder }

func (f fakeSQS) ChangeMessageVisibility(ctx context.Context, in *sqsapi.ChangeMessageVisibilityInput) (*sqsapi.ChangeMessageVisibilityOutput, error) {
	return answer[sqsapi.ChangeMessageVisibilityOutput](ctx, f.recorder, "ChangeMessageVisibility", in)
}

func (f fakeSQS) ChangeMessageVisibilityBatch(ctx context.Context, in *sqsapi.ChangeMessageVisibilityBatchInput) (*sqsapi.ChangeMessageVisibilityBatchOutput, error) {
	return answer[sqsapi.ChangeMessageVisibilityBatchOutput](ctx, f.recorder, "ChangeMessageVisibilityBatch", in)
}

func (f fakeSQS) CreateQueue(ctx context.Context, in *sqsapi.CreateQueueInput) (*sqsapi.CreateQueueOutput, error) {
	return answer[sqsapi.CreateQueueOutput](ctx, f.recorder, "CreateQueue", in)
}

func (f fakeSQS) DeleteMessage(ctx context.Context, in *sqsapi.DeleteMessageInput) (*sqsapi.DeleteMessageOutput, error) {
	return answer[sqsapi.DeleteMessageOutput](ctx, f.recorder, "DeleteMessage", in)
}

func (f fakeSQS) DeleteMessageBatch(ctx context.Context, in *sqsapi.DeleteMessageBatchInput) (*sqsapi.DeleteMessageBatchOutput, error) {
	return answer[sqsapi.DeleteMessageBatchOutput](ctx, f.recorder, "DeleteMessageBatch", in)
}

func (f fakeSQS) DeleteQueue(ctx context.Context, in *sqsapi.DeleteQueueInput) (*sqsapi.DeleteQueueOutput, error) {
	return answer[sqsapi.DeleteQueueOutput](ctx, f.recorder, "DeleteQueue", in)
}

func (f fakeSQS) GetQueueAttributes(ctx context.Context, in *sqsapi.GetQueueAttributesInput) (*sqsapi.GetQueueAttributesOutput, error) {
	return answer[sqsapi.GetQueueAttributesOutput](ctx, f.recorder, "GetQueueAttributes", in)
}

func (f fakeSQS) GetQueueUrl(ctx context.Context, in *sqsapi.GetQueueUrlInput) (*sqsapi.GetQueueUrlOutput, error) {
	return answer[sqsapi.GetQueueUrlOutput](ctx, f.recorder, "GetQueueUrl", in)
}

func (f fakeSQS) ListDeadLetterSourceQueues(ctx context.Context, in *sqsapi.ListDeadLetterSourceQueuesInput) (*sqsapi.ListDeadLetterSourceQueuesOutput, error) {
	return answer[sqsapi.ListDeadLetterSourceQueuesOutput](ctx, f.recorder, "ListDeadLetterSourceQueues", in)
}

func (f fakeSQS) ListQueueTags(ctx context.Context, in *sqsapi.ListQueueTagsInput) (*sqsapi.ListQueueTagsOutput, error) {
	return answer[sqsapi.ListQueueTagsOutput](ctx, f.recorder, "ListQueueTags", in)
}

func (f fakeSQS) ListQueues(ctx context.Context, in *sqsapi.ListQueuesInput) (*sqsapi.ListQueuesOutput, error) {
	return answer[sqsapi.ListQueuesOutput](ctx, f.recorder, "ListQueues", in)
}

func (f fakeSQS) PurgeQueue(ctx context.Context, in *sqsapi.PurgeQueueInput) (*sqsapi.PurgeQueueOutput, error) {
	return answer[sqsapi.PurgeQueueOutput](ctx, f.recorder, "PurgeQueue", in)
}

func (f fakeSQS) ReceiveMessage(ctx context.Context, in *sqsapi.ReceiveMessageInput) (*sqsapi.ReceiveMessageOutput, error) {
	return answer[sqsapi.ReceiveMessageOutput](ctx, f.recorder, "ReceiveMessage", in)
}

func (f fakeSQS) SendMessage(ctx context.Context, in *sqsapi.SendMessageInput) (*sqsapi.SendMessageOutput, error) {
	return answer[sqsapi.SendMessageOutput](ctx, f.recorder, "SendMessage", in)
}

func (f fakeSQS) SendMessageBatch(ctx context.Context, in *sqsapi.SendMessageBatchInput) (*sqsapi.SendMessageBatchOutput, error) {
	return answer[sqsapi.SendMessageBatchOutput](ctx, f.recorder, "SendMessageBatch", in)
}

func (f fakeSQS) SetQueueAttributes(ctx context.Context, in *sqsapi.SetQueueAttributesInput) (*sqsapi.SetQueueAttributesOutput, error) {
	return answer[sqsapi.SetQueueAttributesOutput](ctx, f.recorder, "SetQueueAttributes", in)
}

func (f fakeSQS) TagQueue(ctx context.Context, in *sqsapi.TagQueueInput) (*sqsapi.TagQueueOutput, error) {
	return answer[sqsapi.TagQueueOutput](ctx, f.recorder, "TagQueue", in)
}

func (f fakeSQS) UntagQueue(ctx context.Context, in *sqsapi.UntagQueueInput) (*sqsapi.UntagQueueOutput, error) {
	return answer[sqsapi.UntagQueueOutput](ctx, f.recorder, "UntagQueue", in)
}
