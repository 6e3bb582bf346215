package certify

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// awsConfig is the SDK's configuration for one client.
func awsConfig(endpoint, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: credentials.key, SecretAccessKey: credentials.secret}, nil
		}),
		RetryMaxAttempts: 1,
	}
}

func certifyGo(t *testing.T, endpoint, region string) {
	c := awsConfig(endpoint, region)
	for _, service := range []struct {
		name    string
		certify func(*testing.T, aws.Config)
	}{
		{"dynamodb", goDynamoDB},
		{"events", goEvents},
		{"iam", goIAM},
		{"lambda", goLambda},
		{"logs", goLogs},
		{"scheduler", goScheduler},
		{"sqs", goSQS},
	} {
		t.Run(service.name, func(t *testing.T) {
			t.Parallel()
			service.certify(t, c)
		})
	}
}

// must returns what a call answered, and ends the test when it was refused.
func must[T any](t *testing.T) func(*T, error) *T {
	return func(v *T, err error) *T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// is wants err to be the SDK's own type E.
func is[E error](t *testing.T, _ any, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, want a %T", err, err, e)
	}
	return e
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// handler is a function that returns its event, or fails when that says so.
const handler = `
def handler(event, context):
    if isinstance(event, dict) and event.get("fail"):
        raise ValueError(event["fail"])
    print("seen by", context.aws_request_id)
    return event
`

// zipped returns a zip with a file handler.py.
func zipped(t *testing.T, source string) []byte {
	t.Helper()
	return zippedAs(t, "handler.py", source)
}

func zippedAs(t *testing.T, name, source string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte(source))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
