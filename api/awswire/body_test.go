package awswire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// padded gives r a body of n bytes that decodes, and that is made as it is read.
func padded(r *http.Request, open, end string, n int) *http.Request {
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(open),
		io.LimitReader(spaces{}, int64(n-len(open)-len(end))), strings.NewReader(end)))
	r.ContentLength = int64(n)
	return r
}

func TestBodiesUpToTheLimitAndBeyond(t *testing.T) {
	create := `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{}`
	for _, c := range []struct {
		name         string
		limit        int
		request      func(n int) *http.Request
		status       int
		body, header string
	}{
		{"scheduler", 1 << 20, func(n int) *http.Request {
			return padded(request("POST", "/schedule-groups/g", ""), "{", "}", n)
		}, 413, `{"Message":"The request body must not be larger than 1048576 bytes."}`, "RequestEntityTooLargeException"},
		{"create function", 70_167_211, func(n int) *http.Request {
			return padded(request("POST", "/2015-03-31/functions", ""), create, "}", n)
		}, 413, `{"Type":"User","message":"Request must be smaller than 70167211 bytes for the CreateFunction operation"}`, "RequestEntityTooLargeException"},
		{"update code", 70_167_211, func(n int) *http.Request {
			return padded(request("PUT", "/2015-03-31/functions/f/code", ""), "{", "}", n)
		}, 413, `{"Type":"User","message":"Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"}`, "RequestEntityTooLargeException"},
		{"invoke", 6_291_456, func(n int) *http.Request {
			return padded(request("POST", "/2015-03-31/functions/f/invocations", ""), "{", "}", n)
		}, 413, `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`, "RequestEntityTooLargeException"},
		{"another operation of Lambda", 1 << 20, func(n int) *http.Request {
			return padded(request("PUT", "/2015-03-31/functions/f/configuration", ""), "{", "}", n)
		}, 413, `{"Type":"User","message":"Request must be smaller than 1048576 bytes for the UpdateFunctionConfiguration operation"}`, "RequestEntityTooLargeException"},
		{"sqs", 7 << 20, func(n int) *http.Request {
			return padded(sqsJSON("ListQueues", ""), "{", "}", n)
		}, 400, `{"__type":"com.amazonaws.sqs#InvalidParameterValueException","message":"One or more parameters are invalid. Reason: The request must be shorter than 7340032 bytes."}`, ""},
		{"sqs form", 7 << 20, func(n int) *http.Request {
			return sqsForm("/", "Action=ListQueues&X="+strings.Repeat("x", n-len("Action=ListQueues&X=")))
		}, 400, `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>One or more parameters are invalid. Reason: The request must be shorter than 7340032 bytes.</Message><Detail/></Error><RequestId>ID</RequestId></ErrorResponse>`, ""},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %t", c.name, chunked), func(t *testing.T) {
				b := newBench(t)
				at, beyond := c.request(c.limit), c.request(c.limit+1)
				if chunked {
					at.ContentLength, beyond.ContentLength = -1, -1
				}
				if a := b.do(at); a.status/100 != 2 {
					t.Errorf("at the limit: %d %s", a.status, a.body)
				}
				a := b.do(beyond)
				want(t, "status", a.status, c.status)
				want(t, "body", strings.Replace(a.body, a.header.Get("X-Amzn-Requestid"), "ID", 1), c.body)
				want(t, "code", a.header.Get("X-Amzn-Errortype"), c.header)
			})
		}
	}
}

// A length that promises more than comes is refused; one that promises less
// ends the body there.
func TestContentLengthThatLies(t *testing.T) {
	b := newBench(t)
	s := httptest.NewServer(b.router)
	defer s.Close()
	for _, c := range []struct {
		name, body string
		length     int
		status     int
		code       string
	}{
		{"too much promised", `{"Tags":[]}`, 100, 400, "IncompleteBody"},
		{"too much promised, beyond the limit", `{"Tags":[]}`, 7 << 20, 413, "RequestEntityTooLargeException"},
		{"too little promised", `{"Tags":[]}`, 5, 400, "SerializationException"},
		{"the truth", `{"Tags":[]}`, 11, 200, ""},
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /schedule-groups/g HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", c.length, c.body)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		body, _ := io.ReadAll(res.Body)
		want(t, c.name+" "+string(body), res.StatusCode, c.status)
		want(t, c.name, res.Header.Get("X-Amzn-Errortype"), c.code)
		res.Body.Close()
		conn.Close()
	}
}

func TestBodiesThatAreNotWhatTheyShouldBe(t *testing.T) {
	deep := func(n int) string {
		return `{"Unknown":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	for _, c := range []struct{ name, body, message string }{
		{"not JSON", `hello`, "The request body is not valid JSON at byte 0."},
		{"cut", `{"Tags":[{"Key":"k"`, "The member 'Tags[0].Key' ends too early."},
		{"a list", `[]`, "The request body must be an object, not a list."},
		{"garbage behind", `{} x`, "The request body has something after its end, at byte 3."},
		{"two objects", `{}{}`, "The request body has something after its end, at byte 2."},
		{"wrong type", `{"Tags":{}}`, "The member 'Tags' must be a list, not an object."},
		{"wrong type within", `{"Tags":[{"Key":"k","Value":"v"},{"Key":true}]}`, "The member 'Tags[1].Key' must be a string, not a boolean."},
		{"bad UTF-8", "{\"ClientToken\":\"\xff\"}", "The member 'ClientToken' is not valid UTF-8."},
		{"half a surrogate", `{"ClientToken":"\ud800"}`, "The member 'ClientToken' has an invalid \\u escape."},
		{"control character", "{\"ClientToken\":\"a\nb\"}", "The member 'ClientToken' has an unescaped control character."},
		{"bad escape", `{"ClientToken":"\x"}`, "The member 'ClientToken' has an invalid escape."},
		{"bad member that nobody knows", `{"Unknown":[1,}`, "The member 'Unknown' is not valid JSON at byte 14."},
		{"a hundred thousand unknown members", `{` + strings.Repeat(`"a":1,`, 99_999) + `"b":1}`, "The member 'a' is beyond the limit of 10000 entries."},
		{"a thousand levels", deep(1000), "The member 'Unknown' is nested deeper than 100 levels."},
		{"too deep", deep(100), "The member 'Unknown' is nested deeper than 100 levels."},
		{"too many", `{"Tags":[` + strings.Repeat("null,", 10_000) + `null]}`, "The member 'Tags[10000]' is beyond the limit of 10000 entries."},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := b.do(request("POST", "/schedule-groups/g", c.body))
			want(t, "status", a.status, 400)
			want(t, "code", a.header.Get("X-Amzn-Errortype"), "SerializationException")
			want(t, "message", message(t, a), c.message)
		})
	}
	for _, c := range []struct{ name, body string }{
		{"as deep as can be", deep(99)},
		{"as many as can be", `{"Tags":[` + strings.Repeat("null,", 9_999) + `null]}`},
		{"unknown members", `{"Unknown":{"a":[1,2.5e3,{"b":null}]},"tags":7,"TAGS":7}`},
		{"null", `{"Tags":null,"ClientToken":null}`},
		{"null at the top", `null`},
		{"white space only", " \n"},
		{"the last of equals", `{"ClientToken":"!","ClientToken":"t"}`},
	} {
		b := newBench(t)
		a := b.do(request("POST", "/schedule-groups/g", c.body))
		want(t, c.name+": "+a.body, a.status, 200)
	}
}

func TestFormsThatAreNotWhatTheyShouldBe(t *testing.T) {
	for _, c := range []struct{ name, body, code, message string }{
		{"bad percent-encoding", "Action=ListQueues&QueueNamePrefix=%zz", "MalformedQueryString", "The parameter QueueNamePrefix is not valid percent-encoded UTF-8."},
		{"bad UTF-8", "Action=ListQueues&QueueNamePrefix=%ff", "MalformedQueryString", "The parameter QueueNamePrefix is not valid percent-encoded UTF-8."},
		{"too many", "Action=ListQueues" + strings.Repeat("&a=b", 10_000), "MalformedQueryString", "The request has more than 10000 parameters."},
		{"a number that is none", "Action=ListQueues&MaxResults=x", "MalformedQueryString", "The parameter MaxResults must be an integer of 32 bits."},
		{"base64 that is none", "Action=SendMessage&QueueUrl=u&MessageBody=b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.BinaryValue=!", "MalformedQueryString", "The parameter MessageAttribute.1.Value.BinaryValue is not valid base64."},
	} {
		b := newBench(t)
		r := sqsForm("/", c.body)
		r.Header.Set("Authorization", signedFor("k", "r", "sqs"))
		a := b.do(r)
		want(t, c.name, a.status, 400)
		if !strings.Contains(a.body, c.message) || !strings.Contains(a.body, c.code) {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
	b := newBench(t)
	a := b.do(sqsForm("/", "Action=ListQueues"+strings.Repeat("&a=b", 9_999)))
	want(t, "as many as can be", a.status, 200)
}
