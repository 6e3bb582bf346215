package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
)

// locks measures conditional PutItem over HTTP, each of a key that nobody has:
// what taking a lock costs.
func (b *bench) locks(ctx context.Context) (_ []figure, err error) {
	data, err := b.loadIdle(0)
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	create := tableRequest("CreateTable", `{"TableName":"locks","BillingMode":"PAY_PER_REQUEST",`+
		`"AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}`)
	if _, err := load(srv.addr, 1, each([]request{create})); err != nil {
		return nil, err
	}
	var n atomic.Int64
	next := func() (request, bool) {
		return tableRequest("PutItem", fmt.Sprintf(`{"TableName":"locks","ConditionExpression":"attribute_not_exists(k) OR expires < :now",`+
			`"ExpressionAttributeValues":{":now":{"N":"1780000000"}},"Item":{"k":{"S":"report#%d"},"expires":{"N":"1780086400"},"owner":{"S":"bench"}}}`, n.Add(1))), true
	}
	if _, err := load(srv.addr, 32, limited(next, 1000)); err != nil { // warm
		return nil, err
	}
	const many = 40_000
	took, err := load(srv.addr, 32, limited(next, many))
	if err != nil {
		return nil, err
	}
	return []figure{{name: "32 connections", unit: "/s", value: perSecond(many, took), must: 3000, more: true}}, nil
}

func tableRequest(operation, body string) request {
	return request{
		method: http.MethodPost, path: "/", body: []byte(body),
		headers: credentials("dynamodb") + "X-Amz-Target: DynamoDB_20120810." + operation + "\r\nContent-Type: application/x-amz-json-1.0\r\n",
	}
}
