package main

// A config is what a service's model does not say.
type config struct {
	service string // the model's file name
	pkg     string
	// status of success where AWS does not do what its model says.
	status map[string]int
	// limit of the body in bytes, by operation; "" is all others.
	limit map[string]string
	// max overrides a number's maximum by shape.
	max map[string]string
	// free lists shapes whose enum or pattern the implementation checks itself,
	// because the service words the refusal otherwise.
	free []string
	// own lists structures whose type and codec are written by hand in the
	// package, in the shape of the generated ones.
	own []string
	// namespace of error types in JSON, where it is not the endpoint's name.
	namespace string
	// form is set when the service understands the query protocol too.
	form *formConfig
	// named are the members of requests that name what an operation is on. The
	// service's func resource makes an ARN of them; without any the operations
	// are on nothing in particular.
	named []string
}

// A formConfig has the names of the query protocol, which the JSON model of
// the service has lost. A service that has no other protocol needs none.
type formConfig struct {
	namespace string
	only      bool // there is no other protocol; lists are in elements of their own
	// list elements and maps by shape: how the member is called in a form.
	lists map[string]string
	maps  map[string]mapNames
}

type mapNames struct{ entry, key, value string }

var configs = []config{
	{service: "scheduler", pkg: "schedulerapi", named: []string{"GroupName", "Name", "ResourceArn"}},
	{service: "events", pkg: "eventsapi", named: []string{"Name", "Rule", "ResourceARN"}},
	{service: "iam", pkg: "iamapi", named: []string{"Path", "RoleName", "PolicyName", "PolicyArn"}},
	{
		service: "sts", pkg: "stsapi",
		free: []string{"arnType"}, // semantics.md 6
	},
	{
		service: "lambda", pkg: "lambdaapi",
		status: map[string]int{"DeleteFunction": 204}, // semantics.md 3.1
		limit: map[string]string{
			"CreateFunction":           "70_167_211",
			"UpdateFunctionCode":       "70_167_211",
			"Invoke":                   "6_291_456",
			"InvokeWithResponseStream": "6_291_456",
			"PublishLayerVersion":      "70_167_211",
		},
		max:  map[string]string{"MemorySize": "10240"}, // semantics.md 3.3
		free: []string{"Runtime", "DestinationArn"},    // semantics.md 3.4; a destination may be a URL

		named: []string{"FunctionName", "Resource", "Qualifier", "LayerName", "Arn", "VersionNumber"},
	},
	{
		service: "dynamodb", pkg: "dynamodbapi",
		// The largest item in JSON, each character escaped, with room for the
		// rest; for what takes many items, DynamoDB's own limit.
		limit: map[string]string{"": "4 << 20", "BatchWriteItem": "16 << 20", "TransactWriteItems": "16 << 20"},
		// Recursive, and the one shape of which a request has very many.
		own:       []string{"AttributeValue"},
		namespace: "com.amazonaws.dynamodb.v20120810",
		named:     []string{"TableName", "ResourceArn"},
	},
	{
		service: "logs", pkg: "logsapi",
		// A batch of PutLogEvents in JSON, each character escaped, with room for the rest.
		limit: map[string]string{"PutLogEvents": "8 << 20"},
		named: []string{"LogGroupName", "LogGroupIdentifier", "LogStreamName", "ResourceArn"},
	},
	{
		service: "sqs", pkg: "sqsapi",
		// Ten messages in JSON, each escape counted, with room for the rest.
		limit: map[string]string{"": "7 << 20"},
		named: []string{"QueueName", "QueueUrl"},
		form: &formConfig{
			namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
			lists: map[string]string{
				"AttributeNameList":         "AttributeName",
				"BatchResultErrorEntryList": "BatchResultErrorEntry",
				"BinaryList":                "BinaryListValue",
				"ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
				"ChangeMessageVisibilityBatchResultEntryList":  "ChangeMessageVisibilityBatchResultEntry",
				"DeleteMessageBatchRequestEntryList":           "DeleteMessageBatchRequestEntry",
				"DeleteMessageBatchResultEntryList":            "DeleteMessageBatchResultEntry",
				"MessageAttributeNameList":                     "MessageAttributeName",
				"MessageList":                                  "Message",
				"MessageSystemAttributeList":                   "MessageSystemAttributeName",
				"QueueUrlList":                                 "QueueUrl",
				"SendMessageBatchRequestEntryList":             "SendMessageBatchRequestEntry",
				"SendMessageBatchResultEntryList":              "SendMessageBatchResultEntry",
				"StringList":                                   "StringListValue",
				"TagKeyList":                                   "TagKey",
			},
			maps: map[string]mapNames{
				"MessageBodyAttributeMap":       {"MessageAttribute", "Name", "Value"},
				"MessageBodySystemAttributeMap": {"MessageSystemAttribute", "Name", "Value"},
				"MessageSystemAttributeMap":     {"Attribute", "Name", "Value"},
				"QueueAttributeMap":             {"Attribute", "Name", "Value"},
				"TagMap":                        {"Tag", "Key", "Value"},
			},
		},
	},
}
