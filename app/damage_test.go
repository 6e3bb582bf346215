package app

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// A world is a server that a test asks over its APIs. Of everything there are two,
// the last of which ("zz") nothing is done to: it is the neighbour.
type world struct {
	testing.TB
	*Server
	pings []string // paths of the checks
}

func openWorld(t testing.TB, dir string) *world {
	t.Helper()
	level := slog.LevelError + 8
	s, err := Start(context.Background(), Config{
		DataDir: dir, Listen: "127.0.0.1:0", Version: "test", Dev: true, Functions: Functions{Pool: "0"},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	return &world{TB: t, Server: s}
}

// call makes a request and returns status and body. service is empty for the native
// API, target the operation of those that have one header for all.
func (w *world) call(service, method, path, target string, body any, header ...string) (int, string) {
	w.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		text = string(b)
	}
	r, err := http.NewRequest(method, w.URL()+path, strings.NewReader(text))
	if err != nil {
		w.Fatal(err)
	}
	if service != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	}
	r.Header.Set("Content-Type", "application/json")
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatalf("%s %s %s: %v", method, path, target, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// must is call that has to succeed; it returns the body.
func (w *world) must(service, method, path, target string, body any, header ...string) string {
	w.Helper()
	code, answer := w.call(service, method, path, target, body, header...)
	if code >= 300 {
		w.Fatalf("%s %s %s: %d %s", method, path, target, code, answer)
	}
	return answer
}

type object = map[string]any

var apiKey = []string{"X-Api-Key", strings.Repeat("0", 32)}

// zipOf is a zip with one small file.
func zipOf(t testing.TB, name, text string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// fill makes two of everything. sink is where webhooks go.
func (w *world) fill(sink string) {
	w.Helper()
	const role = "arn:aws:iam::000000000000:role/r"
	for _, n := range []string{"aa", "mm", "zz"} {
		w.must("scheduler", "POST", "/schedule-groups/"+n, "", object{"Tags": []object{{"Key": "k", "Value": "v"}}})
		w.must("sqs", "POST", "/", "AmazonSQS.CreateQueue", object{"QueueName": n, "Tags": object{"k": "v"}})
		url := w.URL() + "/000000000000/" + n
		w.must("sqs", "POST", "/", "AmazonSQS.SendMessage", object{"QueueUrl": url, "MessageBody": "received"})
		w.must("sqs", "POST", "/", "AmazonSQS.ReceiveMessage", object{"QueueUrl": url, "VisibilityTimeout": 600})
		w.must("sqs", "POST", "/", "AmazonSQS.SendMessage", object{"QueueUrl": url, "MessageBody": "ready", "MessageAttributes": object{"a": object{"DataType": "String", "StringValue": "x"}}})
		w.must("dynamodb", "POST", "/", "DynamoDB_20120810.CreateTable", object{
			"TableName": n + "table", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": []object{{"AttributeName": "k", "AttributeType": "S"}},
			"KeySchema": []object{{"AttributeName": "k", "KeyType": "HASH"}},
		})
		w.must("dynamodb", "POST", "/", "DynamoDB_20120810.UpdateTimeToLive", object{"TableName": n + "table", "TimeToLiveSpecification": object{"AttributeName": "ttl", "Enabled": true}})
		for _, k := range []string{"a", "zz"} {
			w.must("dynamodb", "POST", "/", "DynamoDB_20120810.PutItem", object{"TableName": n + "table", "Item": object{"k": object{"S": k}, "ttl": object{"N": fmt.Sprint(time.Now().Unix() + 9999)}}})
		}
		w.must("dynamodb", "POST", "/", "DynamoDB_20120810.TransactWriteItems", object{
			"ClientRequestToken": "token-" + n, "TransactItems": []object{{"Put": object{"TableName": n + "table", "Item": object{"k": object{"S": "tx"}}}}},
		})
		w.must("iam", "POST", "/", "", "Action=CreateRole&Version=2010-05-08&RoleName="+n+"&AssumeRolePolicyDocument="+
			`%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D`,
			"Content-Type", "application/x-www-form-urlencoded")
		w.must("iam", "POST", "/", "", "Action=CreatePolicy&Version=2010-05-08&PolicyName="+n+"&PolicyDocument="+
			`%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sqs%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D`,
			"Content-Type", "application/x-www-form-urlencoded")
		w.must("iam", "POST", "/", "", "Action=AttachRolePolicy&Version=2010-05-08&RoleName="+n+"&PolicyArn=arn:aws:iam::000000000000:policy/"+n, "Content-Type", "application/x-www-form-urlencoded")
		w.must("lambda", "POST", "/2015-03-31/functions", "", object{
			"FunctionName": n, "Runtime": "python3.12", "Handler": "h.h", "Role": role, "Code": object{"ZipFile": zipOf(w, "h.py", "def h(e, c): return 1\n")},
		})
		w.must("lambda", "POST", "/2018-10-31/layers/"+n+"/versions", "", object{"Content": object{"ZipFile": zipOf(w, "x/"+n, n)}})
		w.must("events", "POST", "/", "AWSEvents.PutRule", object{"Name": n, "ScheduleExpression": "rate(1 day)"})
		w.must("logs", "POST", "/", "Logs_20140328.CreateLogGroup", object{"logGroupName": n, "tags": object{"k": "v"}})
		w.must("logs", "POST", "/", "Logs_20140328.CreateLogStream", object{"logGroupName": n, "logStreamName": n})
		w.must("logs", "POST", "/", "Logs_20140328.PutLogEvents", object{"logGroupName": n, "logStreamName": n, "logEvents": []object{{"timestamp": time.Now().UnixMilli(), "message": n}}})
		w.must("", "POST", "/belfry/v1/channels", "", object{"name": n, "kind": "webhook", "config": object{"down": object{"url": sink}}})
		w.must("", "POST", "/belfry/v1/policies", "", object{"name": n, "scope": "tag", "scope_value": n})
		w.must("", "POST", "/belfry/v1/probes", "", object{"name": "probe " + n, "interval_seconds": 60, "kind": "http", "http": object{"url": sink}})
		w.must("", "POST", "/belfry/v1/locks/"+n, "", object{"owner": n, "ttl_seconds": 3600})
		recurring := object{
			"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": object{"Mode": "OFF"},
			"Target": object{"Arn": "arn:aws:sqs:us-east-1:000000000000:" + n, "RoleArn": role, "Input": "recurring"},
		}
		w.must("scheduler", "POST", "/schedules/"+n, "", recurring)
		recurring["State"] = "DISABLED"
		w.must("scheduler", "POST", "/schedules/off"+n, "", recurring)
		w.must("scheduler", "POST", "/schedules/gone"+n, "", recurring)
		w.must("scheduler", "DELETE", "/schedules/gone"+n, "", nil)
		ping := w.check(n)
		w.must("", "POST", ping, "", "body of "+n)
		w.must("", "POST", ping+"/fail", "", strings.Repeat("body of "+n, 100))
		w.pings = append(w.pings, ping)
	}
	w.must("", "POST", "/belfry/v1/project/keys/ping", "", nil)
}

// check makes a check and returns the path of its pings.
func (w *world) check(name string) string {
	w.Helper()
	var check struct {
		PingURL string `json:"ping_url"`
	}
	answer := w.must("", "POST", "/api/v3/checks/", "", object{"name": name, "tags": name, "schedule": "0 4 * * *", "tz": "Europe/Riga"}, apiKey...)
	if err := json.Unmarshal([]byte(answer), &check); err != nil {
		w.Fatal(err)
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(check.PingURL, "http://"), "/")
	return "/" + path
}

// lists are the calls that show many objects; none may fail because of one.
var lists = []struct{ service, method, path, target, body string }{
	{"scheduler", "GET", "/schedule-groups", "", ""},
	{"scheduler", "GET", "/schedules", "", ""},
	{"sqs", "POST", "/", "AmazonSQS.ListQueues", "{}"},
	{"dynamodb", "POST", "/", "DynamoDB_20120810.ListTables", "{}"},
	{"dynamodb", "POST", "/", "DynamoDB_20120810.Scan", `{"TableName":"zztable"}`},
	{"lambda", "GET", "/2015-03-31/functions", "", ""},
	{"lambda", "GET", "/2018-10-31/layers", "", ""},
	{"events", "POST", "/", "AWSEvents.ListRules", "{}"},
	{"logs", "POST", "/", "Logs_20140328.DescribeLogGroups", "{}"},
	{"logs", "POST", "/", "Logs_20140328.DescribeLogStreams", `{"logGroupName":"zz"}`},
	{"logs", "POST", "/", "Logs_20140328.FilterLogEvents", `{"logGroupName":"zz"}`},
	{"", "GET", "/belfry/v1/channels", "", ""},
	{"", "GET", "/belfry/v1/policies", "", ""},
	{"", "GET", "/belfry/v1/probes", "", ""},
	{"", "GET", "/belfry/v1/locks", "", ""},
	{"", "GET", "/belfry/v1/alerts?state=all", "", ""},
	{"", "GET", "/belfry/v1/deliveries", "", ""},
	{"", "GET", "/belfry/v1/watches", "", ""},
	{"", "GET", "/belfry/v1/project", "", ""},
	{"", "GET", "/belfry/v1/doctor", "", ""},
	{"", "GET", "/healthz", "", ""},
	{"", "GET", "/metrics", "", ""},
	{"", "GET", "/api/v3/checks/", "", ""},
	{"", "GET", "/api/v3/channels/", "", ""},
}

// neighbours works with what nothing was done to.
func (w *world) neighbours() {
	w.Helper()
	for _, l := range lists {
		var body any = l.body
		if code, answer := w.call(l.service, l.method, l.path, l.target, body, apiKey...); code >= 300 {
			w.Errorf("%s %s %s: %d %s", l.method, l.path, l.target, code, answer)
		}
	}
	for _, p := range w.pings { // of checks that may be damaged: they must not keep the other from being told of
		w.call("", "POST", p, "", nil)
		w.call("", "POST", p+"/fail", "", nil)
	}
	w.must("", "POST", w.check("fresh")+"/fail", "", nil)
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(w.must("", "GET", "/belfry/v1/alerts?state=open", "", nil), `"fresh"`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Error("another check has failed, and no alert was opened")
			break
		}
	}
	const fresh = "arn:aws:sqs:us-east-1:000000000000:zz"
	w.must("scheduler", "POST", "/schedules/fresh", "", object{
		"ScheduleExpression": "at(" + time.Now().UTC().Add(-time.Second).Format("2006-01-02T15:04:05") + ")", "FlexibleTimeWindow": object{"Mode": "OFF"},
		"Target": object{"Arn": fresh, "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": "fired"},
	})
	url := w.URL() + "/000000000000/zz"
	w.must("sqs", "POST", "/", "AmazonSQS.SendMessage", object{"QueueUrl": url, "MessageBody": "one more"})
	for got := ""; !strings.Contains(got, "fired"); {
		if got = w.must("sqs", "POST", "/", "AmazonSQS.ReceiveMessage", object{"QueueUrl": url, "WaitTimeSeconds": 5}); !strings.Contains(got, "Body") {
			w.Error("another schedule does not fire")
			break
		}
	}
	w.must("sqs", "POST", "/", "AmazonSQS.SendMessage", object{"QueueUrl": url, "MessageBody": "one more"})
	if got := w.must("sqs", "POST", "/", "AmazonSQS.ReceiveMessage", object{"QueueUrl": url}); !strings.Contains(got, "Body") {
		w.Errorf("another queue serves nothing: %s", got)
	}
	w.must("dynamodb", "POST", "/", "DynamoDB_20120810.PutItem", object{"TableName": "zztable", "Item": object{"k": object{"S": "zz"}, "x": object{"N": "1"}}})
	if got := w.must("dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", object{"TableName": "zztable", "Key": object{"k": object{"S": "zz"}}}); !strings.Contains(got, `"x"`) {
		w.Errorf("another table serves nothing: %s", got)
	}
	w.must("lambda", "GET", "/2015-03-31/functions/zz", "", nil)
	w.must("lambda", "GET", "/2018-10-31/layers/zz/versions/1", "", nil)
	w.must("events", "POST", "/", "AWSEvents.DescribeRule", object{"Name": "zz"})
	w.must("scheduler", "GET", "/schedule-groups/zz", "", nil)
	w.must("", "GET", "/belfry/v1/locks/zz", "", nil)
	w.must("iam", "POST", "/", "", "Action=GetRole&Version=2010-05-08&RoleName=zz", "Content-Type", "application/x-www-form-urlencoded")
	w.must("iam", "POST", "/", "", "Action=ListRoles&Version=2010-05-08", "Content-Type", "application/x-www-form-urlencoded")
	w.must("iam", "POST", "/", "", "Action=ListAttachedRolePolicies&Version=2010-05-08&RoleName=zz", "Content-Type", "application/x-www-form-urlencoded")
}

// A column is one that is damaged.
type column struct {
	file, table, name string
	notNull           bool
	keys              []string // of the table: what tells its rows apart
	rows              int
}

// columns are those of all tables but SQLite's own, and claims: a server that was
// stopped leaves none.
func columns(t testing.TB, dir string) (all []column) {
	for _, file := range []string{"belfry.db", "logs.db"} {
		edit(t, filepath.Join(dir, file), func(c *sqlite.Conn) {
			for _, table := range texts(t, c, "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name") {
				if table == "claims" {
					continue
				}
				rows := 0
				run(t, c, "SELECT count(*) FROM "+table, func(st *sqlite.Stmt) { rows = st.ColumnInt(0) })
				var keys []string
				var of []column
				run(t, c, "PRAGMA table_info("+table+")", func(st *sqlite.Stmt) {
					of = append(of, column{file: file, table: table, name: `"` + st.ColumnText(1) + `"`, notNull: st.ColumnBool(3), rows: rows})
					if st.ColumnInt(5) > 0 {
						keys = append(keys, `"`+st.ColumnText(1)+`"`)
					}
				})
				if keys == nil {
					keys = []string{"rowid"}
				}
				for i := range of {
					of[i].keys = keys
				}
				all = append(all, of...)
			}
		})
	}
	return all
}

// garbage are values that no column should have; NULL where it may be.
var garbage = []string{"'garbage'", "''", `'{"broken'`, "9223372036854775807", "-9223372036854775808", "x'00ff'", "NULL", "1e300"}

// damage writes garbage into the column of all rows but the last.
func damage(t testing.TB, dir string, col column, from int) {
	edit(t, filepath.Join(dir, col.file), func(c *sqlite.Conn) {
		var rows []string // what selects them
		run(t, c, fmt.Sprintf("SELECT %s FROM %s ORDER BY %s", strings.Join(quoted(col.keys), ", "), col.table, strings.Join(col.keys, ", ")), func(st *sqlite.Stmt) {
			var is []string
			for i, k := range col.keys {
				is = append(is, k+"="+st.ColumnText(i))
			}
			rows = append(rows, strings.Join(is, " AND "))
		})
		for i, row := range rows[:len(rows)-1] {
			value := garbage[(from+i)%len(garbage)]
			if value == "NULL" && col.notNull {
				value = "''"
			}
			run(t, c, fmt.Sprintf("UPDATE OR IGNORE %s SET %s=%s WHERE %s", col.table, col.name, value, row), func(*sqlite.Stmt) {})
		}
	})
}

// codeIn names what is kept of functions' and layers' code.
func codeIn(t testing.TB, dir string) (names []string) {
	all, err := os.ReadDir(filepath.Join(dir, "functions", "code"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func quoted(names []string) (all []string) {
	for _, n := range names {
		all = append(all, "quote("+n+")")
	}
	return all
}

// byHand are rows of what takes long to come about by itself.
var byHand = []string{
	`INSERT INTO function_events (id, account, region, function, payload, tries, backoffs, accepted_at, due_at) SELECT 'e'||name, account, region, name, '{}', 0, 1, unixepoch()*1000, unixepoch()*1000+3600000 FROM functions`,
	`INSERT INTO news SELECT value+n.column1, zeroblob(52) FROM meta, (VALUES (1), (2), (3)) n WHERE key='news_settled'`,
	`INSERT INTO token_journal SELECT column1, unixepoch()*1000, randomblob(40) FROM (VALUES (1), (2), (3))`,
	`INSERT INTO tokens SELECT unixepoch()/86400, randomblob(16), unixepoch()*1000, randomblob(16) FROM (VALUES (1), (2), (3))`,
	`INSERT INTO access_keys SELECT 'AKIA'||column1, '00000000000'||column1, randomblob(60), unixepoch()*1000 FROM (VALUES (1), (2), (3))`,
	`INSERT OR IGNORE INTO counts SELECT '11111111111'||column1, 'us-east-1', 1, 1 FROM (VALUES (1), (2), (3))`,
	`INSERT OR REPLACE INTO seen VALUES ('clock', strftime('%Y-%m-%dT%H:%M:%SZ')), ('zones', '2025b'), ('write', 'x')`,
	`INSERT INTO once SELECT randomblob(16), 'holder'||column1, unixepoch()*1000+600000 FROM (VALUES (1), (2), (3))`,
	`INSERT INTO watches SELECT column1, '000000000000', 'us-east-1', 'default', 'w'||column1, 'down', unixepoch()*1000, 'failed', 'd', 0, 1, 1, unixepoch()*1000-9000000, unixepoch()*1000-9000000, 0 FROM (VALUES (1), (2), (3))`,
	`INSERT OR IGNORE INTO self_checks SELECT 'c'||column1, 'up', unixepoch()*1000, '' FROM (VALUES (1), (2), (3))`,
	`INSERT OR IGNORE INTO check_counts SELECT column1, 3 FROM (VALUES ('1'), ('2'))`,
	`INSERT OR IGNORE INTO projects SELECT column1, unixepoch()*1000, 'p'||column1, 'b'||column1, randomblob(32), randomblob(32) FROM (VALUES ('1'), ('2'))`,
}

func edit(t testing.TB, path string, f func(*sqlite.Conn)) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run(t, c, "PRAGMA synchronous=OFF", func(*sqlite.Stmt) {})
	f(c)
}

func run(t testing.TB, c *sqlite.Conn, q string, row func(*sqlite.Stmt)) {
	t.Helper()
	err := sqlitex.ExecuteTransient(c, q, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error { row(st); return nil }})
	if err != nil && !strings.Contains(err.Error(), "constraint") && !strings.Contains(err.Error(), "datatype mismatch") {
		t.Fatalf("%s: %v", q, err)
	}
}

func texts(t testing.TB, c *sqlite.Conn, q string) (all []string) {
	run(t, c, q, func(st *sqlite.Stmt) { all = append(all, st.ColumnText(0)) })
	return all
}

// named are the columns whose damage is found as soon as they are read, and is then
// to be shown under the name of their table.
var named = map[string]bool{
	"groups.tags": true, "functions.spec": true, "layers.spec": true, "rules.spec": true, "queues.attributes": true, "queues.tags": true,
	"log_groups.tags": true, "roles.spec": true, "alert_policies.spec": true, "deliveries.items": true, "alerts.spec": true, "news.items": true,
}

// TestDamageStaysWhereItIs damages each column of each table in turn: the server
// starts, nothing ends it, every list is answered, what was not damaged works, and
// what cannot be read is named.
func TestDamageStaysWhereItIs(t *testing.T) {
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer sink.Close()
	whole := t.TempDir()
	w := openWorld(t, whole)
	w.fill(sink.URL)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if strings.Count(w.must("", "GET", "/belfry/v1/deliveries", "", nil), `"id"`) >= 6 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no deliveries")
		}
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	pings := w.pings
	edit(t, filepath.Join(whole, "belfry.db"), func(c *sqlite.Conn) {
		for _, q := range byHand {
			if err := sqlitex.ExecuteTransient(c, q, nil); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
	})
	all := columns(t, whole)
	empty := map[string]bool{}
	turns, at := 1, make(chan struct{}, 8)
	if testing.Short() {
		all = slices.DeleteFunc(all, func(c column) bool { return !named[c.table+"."+strings.Trim(c.name, `"`)] })
	}
	var done sync.WaitGroup
	for i, col := range all {
		if col.rows < 2 {
			empty[col.table] = true
			continue
		}
		for turn := range turns {
			at <- struct{}{}
			done.Go(func() {
				defer func() { <-at }()
				t.Run(fmt.Sprintf("%s.%s %d", col.table, strings.Trim(col.name, `"`), turn), func(t *testing.T) { //nolint:paralleltest // eight at once
					dir := t.TempDir()
					err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), os.Chmod(filepath.Join(dir, "secret.key"), 0o600))
					if err != nil {
						t.Fatal(err)
					}
					damage(t, dir, col, i+turn*4)
					if col.table == "meta" { // the mark tells of it, and keeps the server from starting
						if err := os.Remove(filepath.Join(dir, "mark")); err != nil {
							t.Fatal(err)
						}
					}
					w := openWorld(t, dir)
					w.pings = pings
					w.neighbours()
					if found := w.must("", "GET", "/belfry/v1/doctor", "", nil); named[col.table+"."+strings.Trim(col.name, `"`)] && !strings.Contains(found, col.table) {
						t.Errorf("doctor does not name it: %s", found)
					}
					if err := w.Stop(); err != nil {
						t.Error(err)
					}
					if before, after := codeIn(t, whole), codeIn(t, dir); !slices.Equal(before, after) {
						t.Errorf("the code %v of functions that cannot be read is left of %v", after, before)
					}
				})
			})
		}
	}
	done.Wait()
	if len(empty) > 0 {
		t.Errorf("these tables have too few rows to be damaged: %v", slices.Sorted(maps.Keys(empty)))
	}
}
