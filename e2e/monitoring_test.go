package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A world is what docs/monitoring.md lets Belfry look at, and tell.
type world struct {
	site     *httptest.Server
	database net.Listener
	secure   net.Listener
	hook     *httptest.Server

	mu          sync.Mutex // guards what follows
	certificate tls.Certificate
	told        []string // bodies that the hook got
}

func (w *world) certificateFor(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &w.certificate, nil
}

// wasTold says whether the hook was told something with both words.
func (w *world) wasTold(a, b string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, body := range w.told {
		if strings.Contains(body, a) && strings.Contains(body, b) {
			return true
		}
	}
	return false
}

func newWorld(t *testing.T) *world {
	w := &world{}
	w.site = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "Welcome to the shop") }))
	t.Cleanup(w.site.Close)
	w.hook = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, string(body))
	}))
	t.Cleanup(w.hook.Close)
	var err error
	if w.database, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if w.secure, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: w.certificateFor}); err != nil {
		t.Fatal(err)
	}
	for ln, talk := range map[net.Listener]func(net.Conn){
		w.database: func(net.Conn) {},
		w.secure:   func(c net.Conn) { io.Copy(io.Discard, c) }, // shakes hands
	} {
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					talk(conn)
					conn.Close()
				}()
			}
		}()
	}
	return w
}

// An issuer is a certificate authority of the test's own.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (i *issuer) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template.NotBefore, template.BasicConstraintsValid = time.Now().Add(-time.Hour), true
	parent, by := i.cert, i.key
	if parent == nil {
		parent, by = template, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by); err != nil {
		i.t.Fatal(err)
	}
	return der, key
}

// newIssuer returns an authority, and a file with its certificate.
func newIssuer(t *testing.T, dir string) (i *issuer, file string) {
	i = &issuer{t: t}
	der, key := i.sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(1000 * 24 * time.Hour),
	})
	var err error
	if i.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	i.key = key
	file = filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return i, file
}

// loopback returns a certificate that is good for so many days.
func (i *issuer) loopback(days int) tls.Certificate {
	der, key := i.sign(&x509.Certificate{
		SerialNumber: big.NewInt(int64(days)), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour),
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// codeBlocks returns all blocks of code in this language in a document.
func codeBlocks(t *testing.T, document, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1) {
		blocks = append(blocks, string(m[1]))
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of %s", document, language)
	}
	return blocks
}

type monitored struct {
	Name, Slug, Status string
	UUID               string
	Pings              int `json:"n_pings"`
}

type probed struct {
	ID, Name, Status string
	Last             *struct{ Detail string }
}

// TestMonitoringDocument runs what docs/monitoring.md tells people to copy: all
// of its blocks in one shell, on a server that checks signatures, with real
// servers in place of those that the page names.
func TestMonitoringDocument(t *testing.T) {
	t.Parallel()
	const page = "../docs/monitoring.md"
	w := newWorld(t)
	s := newServer(t, "--egress-allow", "127.0.0.0/8")
	authority, file := newIssuer(t, s.dir)
	w.certificate = authority.loopback(20) // and 21 days are wanted
	s.env = []string{"SSL_CERT_FILE=" + file}
	s.start()
	s.becomeRoot()
	names := strings.NewReplacer(
		"http://127.0.0.1:7420", s.endpoint, "https://shop.example.com/", w.site.URL+"/", "https://hooks.example.com/alerts", w.hook.URL,
		"db.example.com:5432", w.database.Addr().String(), "shop.example.com:443", w.secure.Addr().String(),
	)
	keys := filepath.Join(s.dir, "keys")
	out := s.bash(names.Replace(strings.Join(codeBlocks(t, page, "sh"), "\n")) + "\necho $PING_KEY $API_KEY >" + keys)
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	pingKey, apiKey, _ := strings.Cut(strings.TrimSpace(string(text)), " ")

	// The crontab's line, as cron would run it.
	s.file("bin/report.sh", []byte("#!/bin/sh\necho \"report $1\"\n"))
	if err := os.Chmod(filepath.Join(s.dir, "bin", "report.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.must201(pingKey, "weekly-report")
	check, line, _ := strings.Cut(codeBlocks(t, page, "crontab")[0], "\n")
	fields := strings.Fields(line)
	s.bash("export " + strings.Replace(names.Replace(check), "PING_KEY", pingKey, 1) + "\n" + strings.Join(fields[5:], " "))

	var checks struct{ Checks []monitored }
	s.healthchecks(apiKey, "/api/v3/checks/", &checks)
	byName := map[string]monitored{}
	for _, c := range checks.Checks {
		byName[c.Name] = c
	}
	for name, pings := range map[string]int{"Nightly backup": 2, "cleanup": 2, "weekly-report": 3} {
		if c := byName[name]; c.Status != "up" || c.Pings != pings {
			t.Errorf("the check %q is %+v, want it up after %d pings", name, c, pings)
		}
	}
	for name, body := range map[string]string{"Nightly backup": "dumped 3 databases", "cleanup": "removed 17 files\n", "weekly-report": "report --all\n"} {
		c := byName[name]
		if got := s.healthchecks(apiKey, fmt.Sprintf("/api/v3/checks/%s/pings/%d/body", c.UUID, c.Pings), nil); got != body {
			t.Errorf("%q told %q, want %q", name, got, body)
		}
	}

	// The probes, with their first look.
	s.seen(map[string]string{"shop": "up", "database": "up", "certificate": "down", "checkout": "up"})
	if d := s.probe("certificate").Last.Detail; !strings.Contains(d, "in 20 days; at least 21 days are wanted") {
		t.Errorf("of the certificate it said %q", d)
	}
	badge := regexp.MustCompile(`(?m)^http\S+\.svg$`).FindString(out)
	got, err := s.do("", http.MethodGet, strings.TrimPrefix(badge, s.endpoint), "", nil)
	if err != nil || got.status != http.StatusOK || !strings.Contains(string(got.body), "<svg") {
		t.Errorf("the badge %q: %d %s, %v", badge, got.status, got.body, err)
	}

	// The database goes away, and the certificate is renewed.
	w.database.Close()
	w.mu.Lock()
	w.certificate = authority.loopback(90)
	w.mu.Unlock()
	s.bash("! belfry probe run " + s.probe("database").ID + "\nbelfry probe run " + s.probe("certificate").ID)
	s.seen(map[string]string{"shop": "up", "database": "down", "certificate": "up", "checkout": "up"})
	s.eventually("the hook was told of the database", time.Minute, func() bool { return w.wasTold("database", "connection refused") })
}

// bash runs a script in which belfry is the binary, and returns its output.
func (s *server) bash(script string) string {
	s.t.Helper()
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(bin, "belfry")); err != nil && !os.IsExist(err) {
		s.t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euc", script)
	cmd.Env = s.clientEnv("PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "BELFRY_ENDPOINT="+s.endpoint)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// must201 makes a check with a ping.
func (s *server) must201(pingKey, slug string) {
	s.t.Helper()
	resp, err := s.http.Get(s.endpoint + "/ping/" + pingKey + "/" + slug + "?create=1")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		s.t.Fatalf("the ping that makes a check: %s", resp.Status)
	}
}

// healthchecks asks Healthchecks' management API; without v the answer is text.
func (s *server) healthchecks(apiKey, path string, v any) string {
	s.t.Helper()
	got, err := s.do("", http.MethodGet, path, "", nil, "X-Api-Key", apiKey)
	if err != nil || got.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s, %v", path, got.status, got.body, err)
	}
	if v != nil {
		if err := json.Unmarshal(got.body, v); err != nil {
			s.t.Fatalf("%s: %v in %s", path, err, got.body)
		}
	}
	return string(got.body)
}

// probe returns the probe of that name.
func (s *server) probe(name string) probed {
	s.t.Helper()
	var list struct{ Items []probed }
	s.native("probes", nil, &list)
	for _, p := range list.Items {
		if p.Name == name {
			return p
		}
	}
	s.t.Fatalf("there is no probe %s in %+v", name, list)
	return probed{}
}

// seen returns when all probes have that status.
func (s *server) seen(want map[string]string) {
	s.t.Helper()
	for name, status := range want {
		s.eventually(name+" is "+status, time.Minute, func() bool { return s.probe(name).Status == status })
	}
}
