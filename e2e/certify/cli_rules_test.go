package certify

func cliEvents(c *cli) {
	t := c.t
	arn := c.run("put-rule --name hourly --state DISABLED --tags Key=team,Value=a --schedule-expression", "rate(1 hour)").at("RuleArn")
	c.run("put-rule --name daily --schedule-expression", "cron(0 8 * * ? *)")
	c.refused("ValidationException", "put-rule --name bad --schedule-expression", "rate(1 hours)")
	c.run("enable-rule --name hourly")
	same(t, "state", c.run("describe-rule --name hourly").at("State"), "ENABLED")
	c.run("disable-rule --name hourly")
	same(t, "rules", c.run("list-rules --page-size 1").each("Rules", "Name"), "daily hourly")
	c.run("tag-resource --tags Key=x,Value=y --resource-arn", arn)
	c.run("untag-resource --tag-keys team --resource-arn", arn)
	same(t, "tags", c.run("list-tags-for-resource --resource-arn", arn).each("Tags", "Key"), "x")
	queue := "arn:aws:sqs:" + c.region + ":" + account + ":jobs"
	same(t, "failed", c.run("put-targets --rule hourly --targets Id=a,Arn="+queue+" Id=b,Arn="+queue).at("FailedEntryCount"), "0")
	same(t, "targets", c.run("list-targets-by-rule --rule hourly --page-size 1").each("Targets", "Id"), "a b")
	same(t, "rule", c.run("list-rule-names-by-target --target-arn "+queue).at("RuleNames.0"), "hourly")
	c.refused("ValidationException", "delete-rule --name hourly")
	same(t, "failed", c.run("remove-targets --rule hourly --ids a b").at("FailedEntryCount"), "0")
	same(t, "bus", c.run("describe-event-bus").at("Name"), "default")
	same(t, "buses", c.run("list-event-buses").each("EventBuses", "Name"), "default")
	c.run("delete-rule --name hourly")
	c.run("delete-rule --name daily")
	c.refused("ResourceNotFoundException", "describe-rule --name hourly")
}

func cliIAM(c *cli) {
	t := c.t
	role := " --role-name cli-role"
	trust := c.run("create-role --tags Key=team,Value=a"+role+" --assume-role-policy-document", trustDocument).at("Role.AssumeRolePolicyDocument.Version")
	same(t, "trust", trust, "2012-10-17")
	c.refused("EntityAlreadyExists", "create-role"+role+" --assume-role-policy-document", trustDocument)
	c.run("update-role --max-session-duration 7200" + role)
	c.run("update-role-description --description f" + role)
	c.run("update-assume-role-policy"+role+" --policy-document", trustDocument)
	same(t, "description", c.run("get-role"+role).at("Role.Description"), "f")
	c.run("list-roles --page-size 1")
	c.run("tag-role --tags Key=x,Value=y" + role)
	c.run("untag-role --tag-keys team" + role)
	same(t, "tags", c.run("list-role-tags"+role).each("Tags", "Key"), "x")
	c.run("put-role-policy --policy-name inline"+role+" --policy-document", allowDocument)
	same(t, "inline", c.run("get-role-policy --policy-name inline"+role).at("PolicyDocument.Statement.0.Action"), "sqs:SendMessage")
	same(t, "inline policies", c.run("list-role-policies"+role).at("PolicyNames.0"), "inline")
	policy := " --policy-arn " + c.run("create-policy --policy-name cli-policy --policy-document", allowDocument).at("Policy.Arn")
	version := c.run("get-policy" + policy).at("Policy.DefaultVersionId")
	same(t, "policy", c.run("get-policy-version --version-id "+version+policy).at("PolicyVersion.Document.Version"), "2012-10-17")
	same(t, "versions", c.run("list-policy-versions"+policy).each("Versions", "VersionId"), version)
	c.run("attach-role-policy" + role + policy)
	same(t, "attached", c.run("list-attached-role-policies"+role).each("AttachedPolicies", "PolicyName"), "cli-policy")
	c.run("list-instance-profiles-for-role" + role)
	c.refused("DeleteConflict", "delete-role"+role)

	session := &cli{t, "sts", c.endpoint, c.region, c.dir}
	same(t, "account", session.run("get-caller-identity").at("Account"), account)
	same(t, "session", session.run("assume-role --role-session-name cli --role-arn arn:aws:iam::"+account+":role/cli-role").at("AssumedRoleUser.Arn"),
		"arn:aws:sts::"+account+":assumed-role/cli-role/cli")

	c.run("detach-role-policy" + role + policy)
	c.run("delete-role-policy --policy-name inline" + role)
	c.run("delete-policy" + policy)
	c.run("delete-role" + role)
	c.refused("NoSuchEntity", "get-role"+role)
}
