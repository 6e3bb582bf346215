package rig

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second // for a server to be ready, on a machine that is busy
	stopTimeout  = 15 * time.Second // for a server to end after SIGTERM; it promises 10 s
)

// A Server is one belfry process after the other on the same data directory and
// address. Start, Kill and Stop are for one goroutine; the rest is for any.
type Server struct {
	Binary, Data, LogFile string
	Env                   []string
	Args                  []string // of serve, beside directory and address

	addr string
	http *http.Client

	mu    sync.Mutex
	cmd   *exec.Cmd  // guarded by mu; nil when none runs
	ended chan error // guarded by mu; gets how cmd ended
	life  int        // guarded by mu; counts the processes
}

// NewServer makes a server that has not been started.
func NewServer(binary, data, logFile string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return &Server{
		Binary: binary, Data: data, LogFile: logFile, addr: l.Addr().String(),
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}, nil
}

// URL is where the server listens.
func (s *Server) URL() string { return "http://" + s.addr }

// Life counts the processes that were started.
func (s *Server) Life() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// PID is that of the process; 0 when none runs.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Start starts a process and returns when it is ready to serve. An error says
// how the process ended, with the end of its log.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.Binary, append([]string{"serve", "--data", s.Data, "--listen", s.addr, "--log-level", "warn"}, s.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), s.Env...)
	s.mu.Lock()
	s.life++
	s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-ended:
			s.gone()
			return fmt.Errorf("the server ended at its start: %w; the end of its log:\n%s", err, s.LogTail(4000))
		default:
		}
		if res, err := s.http.Get(s.URL() + "/healthz"); err == nil {
			io.Copy(io.Discard, res.Body) //nolint:errcheck // only its status counts
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.mu.Lock()
				s.ended = ended
				s.mu.Unlock()
				return nil
			}
		}
		if time.Since(began) > startTimeout {
			cmd.Process.Kill() //nolint:errcheck // it may have ended just now
			<-ended            //nolint:errcheck // Kill is why
			s.gone()
			return fmt.Errorf("the server was not ready after %v; the end of its log:\n%s", startTimeout, s.LogTail(4000))
		}
	}
}

func (s *Server) gone() {
	s.mu.Lock()
	s.cmd = nil
	s.mu.Unlock()
	s.http.CloseIdleConnections()
}

// Crashed returns how the process ended if nobody ended it, with the end of its
// log; nil when it runs.
func (s *Server) Crashed() error {
	select {
	case err := <-s.ended:
		s.gone()
		return fmt.Errorf("the server ended by itself: %w; the end of its log:\n%s", err, s.LogTail(4000))
	default:
		return nil
	}
}

// Kill ends the process as a power cut would, and returns when it is gone.
func (s *Server) Kill() error {
	if err := s.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-s.ended //nolint:errcheck // SIGKILL is why
	s.gone()
	return nil
}

// Stop ends the process gracefully; an error is one that did not end in time or
// not with 0.
func (s *Server) Stop() error {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		s.gone()
		if err != nil {
			return fmt.Errorf("after SIGTERM the server ended with %w; the end of its log:\n%s", err, s.LogTail(4000))
		}
		return nil
	case <-time.After(stopTimeout):
		err := errors.New("the server has not ended 15 s after SIGTERM")
		return errors.Join(err, s.Kill())
	}
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("no server runs")
	}
	return s.cmd.Process.Signal(sig)
}

// LogTail returns the last n bytes of the log.
func (s *Server) LogTail(n int) string {
	b, err := os.ReadFile(s.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
