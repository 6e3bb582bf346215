package awswire_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
)

// FuzzRequest proves that no request makes the server fail, and that every
// answer is of a dialect.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/schedules/n", "", "", createBody)
	f.Add("DELETE", "/tags/arn%3Aaws?TagKeys=a&TagKeys=%zz", "", "", "")
	f.Add("POST", "/2015-03-31/functions/f/invocations?Qualifier=1", "", "", "{}")
	f.Add("PUT", "/2015-03-31/functions/f/code", "", "application/json", `{"ZipFile":"UEs="}`)
	f.Add("POST", "/", "AmazonSQS.SendMessageBatch", "", `{"QueueUrl":"u","Entries":[{"Id":"1","MessageBody":"b","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AA=="}}}]}`)
	f.Add("POST", "/000000000000/q", "", "application/x-www-form-urlencoded", "Action=SendMessage&MessageBody=b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String&Tag.1.Key=k")
	f.Add("POST", "/", "DynamoDB_20120810.PutItem", "application/x-amz-json-1.0", `{"TableName":"t","Item":{"k":{"S":"a"},"m":{"M":{"b":{"B":"AA=="},"l":{"L":[{"NULL":true},{"NS":["1","2.50"]}]}}}},"ConditionExpression":"attribute_not_exists(k)"}`)
	f.Add("POST", "/", "DynamoDB_20120810.BatchWriteItem", "application/x-amz-json-1.0", `{"RequestItems":{"t":[{"PutRequest":{"Item":{"k":{"N":"1e3"}}}},{"DeleteRequest":{"Key":{"k":{"BOOL":false}}}}]}}`)
	f.Add("POST", "/", "DynamoDB_20120810.UpdateContinuousBackups", "", `{"TableName":"t","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`)
	f.Fuzz(func(t *testing.T, method, target, header, kind, body string) {
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
		r, err := http.NewRequest(method, "http://belfry.test"+target, strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header["X-Amz-Target"] = []string{header}
		r.Header["Content-Type"] = []string{kind}
		b := newBench(t)
		b.serve(dynamodbapi.New(fakeDynamoDB{b.recorder}))
		b.router.Match(r)
		w := httptest.NewRecorder()
		b.router.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%d %s\n%s", w.Code, w.Body, b.log.String())
		}
		if !utf8.Valid(w.Body.Bytes()) {
			t.Fatalf("answer is not UTF-8: %q", w.Body)
		}
		switch {
		case w.Code == http.StatusNoContent || w.Body.Len() == 0 || method == http.MethodHead:
		case w.Header().Get("Content-Type") == "text/xml":
			var v struct{}
			if err := xml.Unmarshal(w.Body.Bytes(), &v); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
		case !json.Valid(w.Body.Bytes()):
			t.Fatalf("answer is not JSON: %s", w.Body)
		}
	})
}
