package notify_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor/notify"
)

// realBroker is Mosquitto with the user ops, who may write below alerts/, and a port
// with TLS.
type realBroker struct {
	plain, tls int // ports
	roots      *x509.CertPool
}

// tool finds the broker, or a program that comes with it. The broker's folder is not
// on everybody's PATH.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		t.Fatalf("%s is missing: run scripts/setup", name)
	}
	return path
}

func newBroker(t *testing.T) *realBroker {
	t.Helper()
	broker := tool(t, "mosquitto")
	dir := t.TempDir()
	cert := httptest.NewTLSServer(nil) // for its certificate, which names 127.0.0.1
	cert.Close()
	key, err := x509.MarshalPKCS8PrivateKey(cert.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, 2)
	b := &realBroker{plain: ports[0], tls: ports[1], roots: x509.NewCertPool()}
	b.roots.AddCert(cert.Certificate())
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passwords := file("passwords", []byte("ops:geheim\n"))
	if out, err := exec.Command(tool(t, "mosquitto_passwd"), "-U", passwords).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	config := fmt.Sprintf("user root\nper_listener_settings false\nallow_anonymous false\npassword_file %s\nacl_file %s\n"+
		"listener %d 127.0.0.1\nlistener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n",
		passwords, file("acl", []byte("user ops\ntopic readwrite alerts/#\n")), b.plain, b.tls,
		file("cert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate().Raw})),
		file("key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	var said bytes.Buffer
	cmd := exec.Command(broker, "-c", file("conf", []byte(config)))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.tls)) // the one that is opened last
		if err == nil {
			c.Close()
			return b
		}
		select {
		case <-ended:
			t.Fatalf("mosquitto ended: %s", &said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("mosquitto does not listen: %v", err)
		}
	}
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // of all at the end, so that none is given twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (b *realBroker) send(t *testing.T, edit object, m *notify.Message) error {
	t.Helper()
	config := object{"url": fmt.Sprintf("mqtt://127.0.0.1:%d", b.plain), "topic": "alerts/belfry", "username": "ops", "password": "geheim"}
	maps.Copy(config, edit)
	c, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s := notify.NewSender(notify.Config{RootCAs: b.roots})
	defer s.Close()
	return s.Send(t.Context(), notify.Channel{Kind: "mqtt", Config: c}, m)
}

// retained are the messages that the broker keeps, as topic, QoS and payload; a
// broker hands those out that it had before the subscription.
func (b *realBroker) retained(t *testing.T, n int) map[string]string {
	t.Helper()
	out, err := exec.Command(tool(t, "mosquitto_sub"), "-V", "5", "-h", "127.0.0.1", "-p", fmt.Sprint(b.plain), "-u", "ops", "-P", "geheim",
		"-q", "1", "-t", "alerts/#", "-C", fmt.Sprint(n), "-W", "60", "-F", "%t %q\x1f%p\x1e").Output()
	if err != nil {
		t.Fatalf("mosquitto_sub: %v: %s", err, out)
	}
	got := map[string]string{}
	for message := range strings.SplitSeq(strings.TrimSpace(string(out)), "\x1e") {
		if head, payload, ok := strings.Cut(strings.TrimLeft(message, "\n"), "\x1f"); ok {
			got[head] = payload
		}
	}
	return got
}

func TestARealBrokerTakesMessages(t *testing.T) {
	b := newBroker(t)
	secure := fmt.Sprintf("mqtts://127.0.0.1:%d", b.tls)
	for _, edit := range []object{
		{"topic": "alerts/gone", "retain": false},
		{"topic": "alerts/acknowledged", "retain": true, "client_id": "belfry"},
		{"topic": "alerts/plain", "retain": true, "qos": 0, "payload": "text", "url": secure},
	} {
		if err := b.send(t, edit, down()); err != nil {
			t.Fatalf("%v: %v", edit, err)
		}
	}
	got := b.retained(t, 2)
	if want := down().Subject() + "\n\n" + down().Text(); got["alerts/plain 0"] != want {
		t.Errorf("the text is %q, want %q", got["alerts/plain 0"], want)
	}
	var document struct {
		ID, Event, Title string
		Items            []notify.Item
	}
	if err := json.Unmarshal([]byte(got["alerts/acknowledged 1"]), &document); err != nil {
		t.Fatalf("%v in %q", err, got)
	}
	if document.ID != "d-1" || document.Event != "down" || document.Title != "DOWN: nightly failed" || len(document.Items) != 1 || document.Items[0].Alert != "a-1" {
		t.Errorf("the message is %+v", document)
	}
}

func TestARealBrokersRefusals(t *testing.T) {
	b := newBroker(t)
	for _, tt := range []struct {
		name   string
		edit   object
		gone   bool
		reason string
	}{
		{"password", object{"password": "geheim2"}, true, "the connection with the code 0x87"},
		{"no user", object{"username": "", "password": ""}, true, "the connection with the code 0x87"},
		{"topic", object{"topic": "elsewhere"}, true, "the message with the code 0x87"},
		{"certificate", object{"url": fmt.Sprintf("mqtts://localhost:%d", b.tls)}, false, "certificate is not valid"},
	} {
		e, ok := errors.AsType[*notify.Error](b.send(t, tt.edit, down()))
		if !ok || e.Gone != tt.gone || e.Permanent != tt.gone || !strings.Contains(e.Reason, tt.reason) || strings.Contains(e.Reason, "geheim") {
			t.Errorf("%s: got %+v", tt.name, e)
		}
	}
}
