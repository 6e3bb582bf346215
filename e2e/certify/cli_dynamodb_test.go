package certify

func cliDynamoDB(c *cli) {
	t := c.t
	key := " --attribute-definitions AttributeName=k,AttributeType=S --key-schema AttributeName=k,KeyType=HASH --billing-mode PAY_PER_REQUEST"
	arn := c.run("create-table --tags Key=team,Value=a --table-name locks" + key).at("TableDescription.TableArn")
	same(t, "ARN", arn, "arn:aws:dynamodb:"+c.region+":"+account+":table/locks")
	c.refused("ResourceInUseException", "create-table --table-name locks"+key)
	c.run("wait table-exists --table-name locks")
	same(t, "status", c.run("describe-table --table-name locks").at("Table.TableStatus"), "ACTIVE")
	same(t, "table", c.run("list-tables").at("TableNames.0"), "locks")
	c.run("update-table --table-name locks --deletion-protection-enabled")
	c.run("update-time-to-live --table-name locks --time-to-live-specification Enabled=true,AttributeName=ttl")
	same(t, "ttl", c.run("describe-time-to-live --table-name locks").at("TimeToLiveDescription.AttributeName"), "ttl")
	backups := "update-continuous-backups --table-name locks --point-in-time-recovery-specification PointInTimeRecoveryEnabled="
	same(t, "backups", c.run(backups+"false").at("ContinuousBackupsDescription.ContinuousBackupsStatus"), "DISABLED")
	c.refused("ValidationException", backups+"true")
	same(t, "backups", c.run("describe-continuous-backups --table-name locks").at("ContinuousBackupsDescription.ContinuousBackupsStatus"), "DISABLED")
	c.run("tag-resource --tags Key=x,Value=y --resource-arn " + arn)
	c.run("untag-resource --tag-keys team --resource-arn " + arn)
	same(t, "tags", c.run("list-tags-of-resource --resource-arn "+arn).each("Tags", "Key"), "x")

	put := []string{"put-item --table-name locks --condition-expression attribute_not_exists(k) --item", `{"k": {"S": "a"}, "n": {"N": "1"}}`}
	c.run(put[0], put[1])
	c.refused("ConditionalCheckFailedException", put[0], put[1])
	same(t, "item", c.run("get-item --consistent-read --table-name locks --key", `{"k": {"S": "a"}}`).at("Item.n.N"), "1")
	updated := c.run("update-item --table-name locks --return-values ALL_NEW --key", `{"k": {"S": "a"}}`,
		"--update-expression", "ADD n :one", "--expression-attribute-values", `{":one": {"N": "1"}}`)
	same(t, "updated", updated.at("Attributes.n.N"), "2")
	c.run("batch-write-item --request-items", `{"locks": [{"PutRequest": {"Item": {"k": {"S": "b"}}}}]}`)
	same(t, "batch", c.run("batch-get-item --request-items", `{"locks": {"Keys": [{"k": {"S": "b"}}]}}`).at("Responses.locks.0.k.S"), "b")
	same(t, "scanned", c.run("scan --page-size 1 --table-name locks").at("Count"), "2")
	query := c.run("query --table-name locks --key-condition-expression", "k = :k", "--expression-attribute-values", `{":k": {"S": "a"}}`)
	same(t, "queried", query.at("Items.0.n.N"), "2")
	write := `[{"Put": {"TableName": "locks", "Item": {"k": {"S": "c"}}, "ConditionExpression": "attribute_not_exists(k)"}}]`
	c.run("transact-write-items --transact-items", write)
	c.refused("TransactionCanceledException", "transact-write-items --transact-items", write)
	got := c.run("transact-get-items --transact-items", `[{"Get": {"TableName": "locks", "Key": {"k": {"S": "c"}}}}]`)
	same(t, "got", got.at("Responses.0.Item.k.S"), "c")
	c.run("delete-item --table-name locks --key", `{"k": {"S": "a"}}`)

	c.refused("ValidationException", "delete-table --table-name locks")
	c.run("update-table --table-name locks --no-deletion-protection-enabled")
	c.run("delete-table --table-name locks")
	c.run("wait table-not-exists --table-name locks")
	c.refused("ResourceNotFoundException", "describe-table --table-name locks")
}
