package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/belfry-run/belfry/memory"
	"github.com/belfry-run/belfry/monitor"
)

// What clients may take of the server.
const (
	maxConnections = 64
	maxRecipients  = 20       // of a message
	maxMessage     = 32 << 20 // bytes
	// maxRead is how much of a message is looked at, in bytes; the rest is read and
	// dropped, so that a job may attach what it likes.
	maxRead = 1 << 20
	// maxLine is the length of a line, in bytes: jobs mail what programs print.
	maxLine = 64 << 10
	// DefaultMemory is the size of messages, in bytes, that are in memory at once, each
	// with the part that is looked at; several times as much is needed for them.
	DefaultMemory = 16 << 20
	// patience is how long a client may take for a command, a message included.
	patience = 2 * time.Minute
)

// A Config is what a Server is made of. Monitor and Log are required.
type Config struct {
	Monitor *monitor.Service
	Log     *slog.Logger
	// Name is what the server calls itself.
	Name string
	// TLS is what STARTTLS offers; nil: it is not offered.
	TLS *tls.Config
	// Memory bounds the bytes of large messages that are in memory at once: others
	// wait for them. 0 is DefaultMemory.
	Memory int
}

// A Server receives mail at one listener.
type Server struct {
	c        Config
	smtp     *smtp.Server
	listener *bounded
	memory   *memory.Budget
}

// NewServer returns a server that receives at l. Pings are recorded with ctx.
func NewServer(ctx context.Context, l net.Listener, c Config) *Server {
	s := &Server{c: c, listener: &bounded{Listener: l, most: maxConnections, open: map[*counted]bool{}}}
	s.memory = memory.NewBudget(cmp.Or(c.Memory, DefaultMemory))
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		host, _, err := net.SplitHostPort(c.Conn().RemoteAddr().String())
		return &session{ctx: ctx, server: s, client: host}, err
	}))
	s.smtp.Domain = c.Name
	s.smtp.TLSConfig = c.TLS
	s.smtp.MaxRecipients, s.smtp.MaxMessageBytes, s.smtp.MaxLineLength = maxRecipients, maxMessage, maxLine
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = patience, patience
	s.smtp.ErrorLog = slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug) // what clients do wrong they are told
	return s
}

// Memory returns how many bytes of large messages are in memory.
func (s *Server) Memory() memory.Counts { return s.memory.Counts() }

// Serve answers clients until Shutdown is called.
func (s *Server) Serve() error { return s.smtp.Serve(s.listener) }

// Shutdown takes no more connections, and cuts off those that have not ended when
// ctx does: what had not been answered is sent again.
func (s *Server) Shutdown(ctx context.Context) {
	if s.smtp.Shutdown(ctx) != nil {
		s.listener.cut()
	}
	s.listener.Close() // if Serve had not come to it yet
}
