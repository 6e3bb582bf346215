package certify

import (
	"fmt"
	"time"
)

func cliLogs(c *cli) {
	t := c.t
	c.run("create-log-group --log-group-name reports --tags team=a")
	c.refused("ResourceAlreadyExistsException", "create-log-group --log-group-name reports")
	c.run("put-retention-policy --log-group-name reports --retention-in-days 7")
	c.refused("InvalidParameterException", "put-retention-policy --log-group-name reports --retention-in-days 2")
	group := c.run("describe-log-groups --log-group-name-prefix rep")
	same(t, "retention", group.at("logGroups.0.retentionInDays"), "7")
	c.run("delete-retention-policy --log-group-name reports")

	arn := group.at("logGroups.0.logGroupArn")
	c.run("tag-resource --tags x=y --resource-arn " + arn)
	c.run("untag-resource --tag-keys team --resource-arn " + arn)
	same(t, "tags", fmt.Sprint(c.run("list-tags-for-resource --resource-arn "+arn).value), "map[tags:map[x:y]]")
	c.run("tag-log-group --log-group-name reports --tags team=b")
	c.run("untag-log-group --log-group-name reports --tags x")
	same(t, "tags", fmt.Sprint(c.run("list-tags-log-group --log-group-name reports").value), "map[tags:map[team:b]]")

	stream := "--log-group-name reports --log-stream-name s"
	c.refused("ResourceNotFoundException", "get-log-events "+stream)
	c.run("create-log-stream " + stream)
	now := time.Now().UnixMilli()
	c.run("put-log-events "+stream+" --log-events", fmt.Sprintf("timestamp=%d,message=INFO a", now), fmt.Sprintf("timestamp=%d,message=ERROR b", now+1))
	same(t, "streams", c.run("describe-log-streams --log-group-name reports").each("logStreams", "lastEventTimestamp"), fmt.Sprint(float64(now+1)))
	same(t, "events", c.run("get-log-events --start-from-head "+stream).each("events", "message"), "INFO a ERROR b")
	same(t, "found", c.run("filter-log-events --log-group-name reports --filter-pattern ERROR").each("events", "message"), "ERROR b")
	c.run("delete-log-stream " + stream)
	c.run("delete-log-group --log-group-name reports")
	c.refused("ResourceNotFoundException", "delete-log-group --log-group-name reports")
}
