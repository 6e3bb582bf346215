// Command golambda is a stock aws-lambda-go function for the tests of
// provided runtimes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do string `json:"do"`
	N  int    `json:"n"`
}

func handle(ctx context.Context, e event) (any, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	fmt.Println("doing", e.Do)
	switch e.Do {
	case "error":
		return nil, errors.New("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(e.N)
	case "sleep":
		time.Sleep(time.Minute)
	case "large":
		return strings.Repeat("x", e.N), nil
	}
	return map[string]any{
		"pid": os.Getpid(), "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "custom": lc.ClientContext.Custom,
		"left": time.Until(deadline).Seconds(), "name": lambdacontext.FunctionName, "memory": lambdacontext.MemoryLimitInMB,
	}, nil
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		fmt.Fprintln(os.Stderr, "init fails")
		os.Exit(5)
	}
	lambda.Start(handle)
}
