package certify

// cliVersions publishes, names and takes away versions of the function one.
func cliVersions(c *cli) {
	t := c.t
	for _, want := range []string{"1", "2"} {
		c.run("update-function-configuration --function-name one --description v" + want)
		c.run("wait function-updated-v2 --function-name one")
		same(t, "version", c.run("publish-version --function-name one").at("Version"), want)
		c.run("wait published-version-active --function-name one --qualifier " + want)
	}
	same(t, "versions", c.run("list-versions-by-function --function-name one --page-size 1").each("Versions", "Version"), "$LATEST 1 2")
	c.refused("PreconditionFailedException", "publish-version --function-name one --revision-id old")
	c.run("create-alias --function-name one --name live --function-version 1")
	c.refused("ResourceConflictException", "create-alias --function-name one --name live --function-version 1")
	c.run("update-alias --function-name one --name live --routing-config AdditionalVersionWeights={2=1.0}")
	same(t, "weight", c.run("get-alias --function-name one --name live").at("RoutingConfig.AdditionalVersionWeights.2"), "1")
	same(t, "aliases", c.run("list-aliases --function-name one").each("Aliases", "Name"), "live")
	same(t, "executed version", c.run("invoke --function-name one --qualifier live out").at("ExecutedVersion"), "2")
	c.refused("ResourceConflictException", "delete-function --function-name one --qualifier 2")
	c.run("delete-alias --function-name one --name live")
	c.refused("ResourceNotFoundException", "get-alias --function-name one --name live")
	c.run("delete-function --function-name one --qualifier 2")

	same(t, "runtime", c.run("get-runtime-management-config --function-name one").at("UpdateRuntimeOn"), "Auto")
	same(t, "recursion", c.run("get-function-recursion-config --function-name one").at("RecursiveLoop"), "Terminate")
	c.refused("ProvisionedConcurrencyConfigNotFoundException", "get-provisioned-concurrency-config --function-name one --qualifier 1")
	same(t, "runtime", c.run("put-runtime-management-config --function-name one --update-runtime-on Auto").at("UpdateRuntimeOn"), "Auto")
	c.refused("InvalidParameterValueException", "put-runtime-management-config --function-name one --update-runtime-on FunctionUpdate")
	c.refused("InvalidParameterValueException", "put-provisioned-concurrency-config --function-name one --qualifier 1 --provisioned-concurrent-executions 1")
	same(t, "provisioned", c.run("list-provisioned-concurrency-configs --function-name one").each("ProvisionedConcurrencyConfigs", "FunctionArn"), "")
	c.run("delete-provisioned-concurrency-config --function-name one --qualifier 1")
}
