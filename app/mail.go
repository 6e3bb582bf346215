package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/belfry-run/belfry/api/mail"
)

// mailTime is how much of the time for stopping mail under way may take.
const mailTime = 2 * time.Second

// startMail receives pings by mail, if the server is to.
func (s *Server) startMail(ctx context.Context) error {
	if s.c.SMTPListen == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.c.SMTPListen)
	if err != nil {
		return fmt.Errorf("listen for mail on %s: %w; --smtp-listen takes another address, and ports below 1024 may need a right", s.c.SMTPListen, err)
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	var offered *tls.Config
	if s.certificate != nil {
		offered = s.certificate.config()
		offered.NextProtos = nil // HTTP's
	}
	server := mail.NewServer(context.WithoutCancel(ctx), l, mail.Config{Monitor: s.monitor, Log: s.log, Name: name, TLS: offered})
	gauge(s.metrics, "belfry_mail_memory_bytes", "Bytes of large mails that are in memory.", func() float64 { return float64(server.Memory().Used) })
	s.background.Go(func() {
		if err := server.Serve(); err != nil {
			s.failed <- fmt.Errorf("receive mail: %w", err)
		}
	})
	s.log.InfoContext(ctx, "mail to UUID@host is a ping", "address", l.Addr().String())
	s.opened("mail", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, mailTime)
		defer cancel()
		server.Shutdown(ctx)
		return nil
	})
	return nil
}
