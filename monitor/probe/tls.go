package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/belfry-run/belfry"
)

// A TLSProbe looks at a certificate.
type TLSProbe struct {
	Address    string `json:"address"`               // host:port
	ServerName string `json:"server_name,omitempty"` // that the certificate is for; the host unless said
	// Days is how long before its end a certificate counts as a failure, 0 to 365;
	// 14 unless said.
	Days *int `json:"days"`
	// SkipVerify looks at the dates alone: who signed the certificate, and for
	// which name, does not matter.
	SkipVerify bool `json:"skip_verify,omitempty"`
}

const (
	defaultDays = 14
	maxDays     = 365
	day         = 24 * time.Hour
)

func (t *TLSProbe) check() error {
	if err := checkAddress("tls.address", t.Address); err != nil {
		return err
	}
	if err := within("tls.server_name", t.ServerName, 253); err != nil {
		return err
	}
	if t.Days == nil {
		t.Days = new(defaultDays)
	}
	if *t.Days < 0 || *t.Days > maxDays {
		return belfry.Errorf(belfry.Invalid, "tls.days", "tls.days is %d; give 0 to %d.", *t.Days, maxDays)
	}
	return nil
}

func (p *Prober) tls(ctx context.Context, t *TLSProbe) Result {
	name := t.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(t.Address) // it has been checked
	}
	raw, err := p.Dial(ctx, "tcp", t.Address)
	if err != nil {
		return unreachable(t.Address, err)
	}
	defer raw.Close()
	// The certificate is verified below, so that a bad one can be described.
	conn := tls.Client(raw, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // see above
	if err := conn.HandshakeContext(ctx); err != nil {
		switch {
		case timedOut(err):
			return failed("%s did not finish the TLS handshake in time.", t.Address)
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			return failed("%s closed the connection during the TLS handshake.", t.Address)
		}
		return failed("%s does not speak TLS as it should: %s.", t.Address, clip(err.Error(), maxQuoted))
	}
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return failed("%s showed no certificate.", t.Address)
	}
	r := t.judge(chain, name, p.Roots, p.Now())
	r.Expires = chain[0].NotAfter.UTC()
	return r
}

// judge says whether the certificates that a server showed are good now and
// will be for the days that are wanted.
func (t *TLSProbe) judge(shown []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) Result {
	leaf := shown[0]
	until := leaf.NotAfter
	switch {
	case now.After(leaf.NotAfter):
		return failed("The certificate of %s expired on %s, %s ago.", t.Address, date(leaf.NotAfter), days(now.Sub(leaf.NotAfter)))
	case now.Before(leaf.NotBefore):
		return failed("The certificate of %s is not good before %s.", t.Address, date(leaf.NotBefore))
	}
	if !t.SkipVerify {
		opts := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
		for _, c := range shown[1:] {
			opts.Intermediates.AddCert(c)
		}
		chains, err := leaf.Verify(opts)
		if err != nil {
			problem := certificateProblem(err)
			if problem == "" {
				problem = clip(err.Error(), maxQuoted)
			}
			if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown && len(shown) == 1 {
				problem += "; the server showed no intermediate certificate"
			}
			return failed("The certificate of %s is not good: %s.", t.Address, problem)
		}
		until = goodUntil(chains)
	}
	left := until.Sub(now)
	if left < time.Duration(*t.Days)*day {
		whose := "The certificate of " + t.Address
		if until.Before(leaf.NotAfter) {
			whose = "A certificate that signs the one of " + t.Address
		}
		return failed("%s expires on %s, in %s; at least %d days are wanted.", whose, date(until), days(left), *t.Days)
	}
	return Result{OK: true, Detail: fmt.Sprintf("The certificate of %s is good until %s, for another %s.", t.Address, date(until), days(left))}
}

// goodUntil is when the last of the chains breaks, each at its first end.
func goodUntil(chains [][]*x509.Certificate) (until time.Time) {
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, c := range chain[1:] {
			if c.NotAfter.Before(end) {
				end = c.NotAfter
			}
		}
		if end.After(until) {
			until = end
		}
	}
	return until
}

// certificateProblem says what is wrong with a certificate, or "" for another
// error.
func certificateProblem(err error) string {
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("it is for %s, not for %s", clip(names(e.Certificate), maxQuoted), clip(e.Host, maxQuoted))
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if e.Cert == nil {
			return "it is signed by an authority that is not known"
		}
		return fmt.Sprintf("it is signed by %q, an authority that is not known", clip(e.Cert.Issuer.String(), maxQuoted))
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return "it, or one that signs it, has expired or is not good yet"
		}
		return clip(e.Error(), maxQuoted)
	}
	return ""
}

func names(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	}
	return "nothing"
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// days writes a time that is long for people.
func days(d time.Duration) string {
	switch n := int(d / day); {
	case n > 1:
		return fmt.Sprintf("%d days", n)
	case d > 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	}
	return d.Round(time.Minute).String()
}
