package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

const (
	readers        = 4
	writerCacheKiB = 16 << 10
	readerCacheKiB = 2 << 10
	// A transaction takes what is waiting until one of these is reached, so
	// that the first caller's wait stays bounded under load.
	maxOps     = 4096
	maxTxnTime = 25 * time.Millisecond
	// Pages in the log before the writer copies them into the database: 32 MiB
	// lets a page that is written over and over be copied once.
	checkpointPages = 8192
	busyTimeout     = 10 * time.Second
)

// Options tune a store; the zero value is right for production.
type Options struct {
	// NoSync leaves out fsync. For tests whose machine does not lose power.
	NoSync bool
	// OnCommit is told of each committed transaction: how long it took and
	// how many callers shared it.
	OnCommit func(took time.Duration, callers int)
	// Apart is told of rows that cannot be decoded; nil: the log is.
	Apart *barrier.Set
}

// A Store is a data directory opened for use by one process. It is safe for
// concurrent use.
type Store struct {
	dir  string
	opts Options

	writes chan *writeOp
	pool   chan *sqlite.Conn
	done   chan struct{} // closed when the writer has ended

	mu     sync.RWMutex // guards closed against sends on writes
	closed bool

	leases  leases
	claims  claims
	tokens  tokens
	counts  counts
	news    news
	history *history
	logs    *logFile

	failures atomic.Uint64
}

// writeOp is one caller's part of a transaction.
type writeOp struct {
	run  func(*sqlite.Conn) error
	err  error
	done chan error
}

// Open opens the store in dir, creating or migrating it as needed.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	s := &Store{
		dir:    dir,
		opts:   opts,
		writes: make(chan *writeOp, maxOps),
		pool:   make(chan *sqlite.Conn, readers),
		done:   make(chan struct{}),
	}
	w, err := s.connect(writerCacheKiB)
	if err != nil {
		return nil, err
	}
	if err := migrate(w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := s.renumber(w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if !opts.NoSync {
		if err := fillLog(s.path()); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	for range readers {
		c, err := s.connect(readerCacheKiB)
		if err != nil {
			return nil, errors.Join(err, w.Close(), s.closePool())
		}
		s.pool <- c
	}
	s.history = newHistory(s)
	if s.logs, err = openLogs(dir, opts.NoSync); err != nil {
		return nil, errors.Join(err, w.Close(), s.closePool())
	}
	if err := s.loadNews(w); err != nil {
		return nil, errors.Join(err, w.Close(), s.closePool(), s.logs.close())
	}
	if err := s.loadTokens(ctx); err != nil {
		return nil, errors.Join(err, w.Close(), s.closePool(), s.logs.close())
	}
	go s.writeLoop(w)
	if err := errors.Join(s.loadClaims(ctx), s.endLeases(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close waits for the writes that are under way and closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.writes)
	s.mu.Unlock()
	<-s.done
	return errors.Join(s.history.close(), s.logs.close(), s.closePool())
}

func (s *Store) closePool() error {
	var errs []error
	for len(s.pool) > 0 {
		errs = append(errs, (<-s.pool).Close())
	}
	return errors.Join(errs...)
}

func (s *Store) connect(cacheKiB int) (*sqlite.Conn, error) {
	return connect(s.path(), cacheKiB, s.opts.NoSync)
}

func (s *Store) path() string { return filepath.Join(s.dir, "belfry.db") }

// write runs op inside the next transaction and returns when it is on the
// disk. op must decide before it writes: when it returns a [belfry.Error] it
// has changed nothing. It may be run again when a neighbour in the same
// transaction broke it, so it must set its results, not add to them.
func (s *Store) write(ctx context.Context, op func(*sqlite.Conn) error) error {
	w := &writeOp{run: keptIn(op), done: make(chan error, 1)}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return belfry.ErrStopping
	}
	select {
	case s.writes <- w:
		s.mu.RUnlock()
	case <-ctx.Done():
		s.mu.RUnlock()
		return ctx.Err()
	}
	// Once it is queued its fate is the store's: waiting is short, and leaving
	// would hide whether it was written.
	return s.counted(ctx, writeError(<-w.done))
}

// read runs op on a connection of its own, in a snapshot of the store.
func (s *Store) read(ctx context.Context, op func(*sqlite.Conn) error) (err error) {
	select {
	case c := <-s.pool:
		c.SetInterrupt(ctx.Done())
		defer func() {
			c.SetInterrupt(nil)
			s.pool <- c
		}()
		defer func() { err = s.counted(ctx, err) }()
		defer sqlitex.Transaction(c)(&err)
		return op(c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) writeLoop(c *sqlite.Conn) {
	defer close(s.done)
	defer c.Close() //nolint:errcheck // every transaction has been answered; nothing is left to lose
	var batch []*writeOp
	for first := range s.writes {
		batch = s.gather(c, append(batch[:0], first))
		for _, w := range batch {
			w.done <- w.err
		}
		clear(batch)
	}
}

// gather runs the first operation and all that arrive meanwhile in one
// transaction, and returns them with their errors set.
func (s *Store) gather(c *sqlite.Conn, batch []*writeOp) []*writeOp {
	began := time.Now()
	if err := s.begin(c); err != nil {
		batch[0].err = err
		return batch
	}
	broken := false
	for i := 0; ; i++ {
		w := batch[i]
		w.err = w.run(c)
		if w.err != nil && !refused(w.err) {
			broken = true
			break
		}
		if i+1 == maxOps || time.Since(began) > maxTxnTime {
			break
		}
		select {
		case next, ok := <-s.writes:
			if ok {
				batch = append(batch, next)
				continue
			}
		default:
		}
		break
	}
	if !broken {
		err := s.commit(c)
		if err == nil {
			if s.opts.OnCommit != nil {
				s.opts.OnCommit(time.Since(began), len(batch))
			}
			return batch
		}
	}
	// One caller's failure is not its neighbours': give each its own transaction.
	s.rollback(c)
	for _, w := range batch {
		w.err = s.alone(c, w)
	}
	return batch
}

func (s *Store) alone(c *sqlite.Conn, w *writeOp) error {
	if err := s.begin(c); err != nil {
		return err
	}
	err := w.run(c)
	if err != nil {
		s.rollback(c)
		return err
	}
	if err := s.commit(c); err != nil {
		s.rollback(c)
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin opens a transaction and reads who owns the store in it.
func (s *Store) begin(c *sqlite.Conn) error {
	if err := exec(c, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := s.readEpoch(c, &s.leases.now); err != nil {
		s.rollback(c)
		return fmt.Errorf("read the epoch: %w", err)
	}
	return nil
}

func (s *Store) rollback(c *sqlite.Conn) {
	s.tokens.undo()
	s.counts.undo()
	s.news.undo()
	if !c.AutocommitEnabled() {
		exec(c, "ROLLBACK") //nolint:errcheck // the error that led here is the one to report
	}
}

// refused reports whether err is an answer, not a failure.
func refused(err error) bool {
	var e *belfry.Error
	return errors.As(err, &e)
}
