package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTLS serves stock clients over TLS: the AWS CLI by its bundle, belfry's
// own verbs, a function that calls back without any, and a new certificate
// after SIGHUP.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--dev")
	s.endpoint = "https://" + s.addr
	cert, key := filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem")
	s.writeCertificate(cert, key, 1)
	s.env = []string{"BELFRY_TLS_CERT=" + cert, "BELFRY_TLS_KEY=" + key}
	s.clients = []string{"AWS_CA_BUNDLE=" + cert, "SSL_CERT_FILE=" + cert}
	s.start()

	code := functionZip(t, "def handler(event, context):", `def handler(event, context):
    import boto3
    if event.get("task_type") == "call_back":
        return boto3.client("sqs").create_queue(QueueName="from-the-function")["QueueUrl"]
`)
	s.createFunction("calls-back", code)
	var made struct{ QueueURL string }
	s.aws(&made, "sqs", "create-queue", "--queue-name", "q")
	if want := s.endpoint + "/" + account + "/q"; made.QueueURL != want {
		t.Errorf("QueueUrl is %s, want %s", made.QueueURL, want)
	}
	s.createSchedule("once", at(time.Now()), map[string]any{"Arn": "arn:aws:lambda:us-east-1:000000000000:function:calls-back", "Input": `{"task_type": "call_back"}`})
	if r := s.ended("once", 1, time.Minute); r[0].Outcome != "succeeded" {
		t.Errorf("the run: %+v", r[0])
	}
	if table := s.belfry("runs", "once"); !strings.Contains(table, "succeeded") {
		t.Errorf("belfry runs: %s", table)
	}

	s.writeCertificate(cert, key, 2)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.eventually("the new certificate is served", time.Minute, func() bool {
		conn, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 2
	})
	s.aws(nil, "sqs", "get-queue-url", "--queue-name", "from-the-function")

	// Half of the pair is wrong use of the server.
	half := exec.Command(binary, "serve", "--dev", "--data", filepath.Join(s.dir, "other"), "--listen", "127.0.0.1:0", "--tls-cert", cert)
	half.Env = cleanEnv()
	if out, err := half.CombinedOutput(); err == nil || !strings.Contains(string(out), "give both --tls-cert and --tls-key") {
		t.Errorf("without the key: %v, %s", err, out)
	}
}

// writeCertificate writes a self-signed certificate of the server's address, and
// makes the test's own client trust it.
func (s *server) writeCertificate(certFile, keyFile string, serial int64) {
	s.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		s.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		s.t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	s.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}
