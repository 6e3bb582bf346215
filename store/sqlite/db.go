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
	// idleAfter is how long nothing must have been written until what is in the log
	// is copied into the database, so that all of it is not in one file alone.
	idleAfter = time.Second
)

// Options tune a store; the zero value is right for production.
type Options struct {
	// NoSync leaves out fsync. For tests whose machine does not lose power.
	NoSync bool
	// OnCommit is told of each committed transaction: how long it took and
	// how many callers shared it.
	OnCommit func(took time.Duration, callers int)
	// ArchiveBytes bounds what is in memory of the runs that move into the history; 0
	// is 4 MiB. One run may be larger.
	ArchiveBytes int
	// Apart is told of rows that cannot be decoded, and of files; nil: the log is.
	Apart *barrier.Set
	// AcceptDamage opens a store that has lost something with what can be read,
	// after a copy of what is there has been put aside.
	AcceptDamage bool
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
	mark    marker // the writer's own

	failures atomic.Uint64
}

// writeOp is one caller's part of a transaction.
type writeOp struct {
	run  func(*sqlite.Conn) error
	err  error
	done chan error
}

// Open opens the store in dir, creating or migrating it as needed. The error is a
// [DamageError] when something is missing that had been acknowledged.
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
	if err := s.judge(); err != nil {
		return nil, err
	}
	w, err := s.connect(writerCacheKiB)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := s.openRest(ctx, w); err != nil {
		return nil, errors.Join(err, w.Close(), s.mark.close(), s.closePool(), s.logs.close())
	}
	go s.writeLoop(w)
	if err := errors.Join(s.loadClaims(ctx), s.endLeases(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openRest opens what the store has beside its writer, and reads what is kept in
// memory.
func (s *Store) openRest(ctx context.Context, w *sqlite.Conn) (err error) {
	for range readers {
		c, err := s.connect(readerCacheKiB)
		if err != nil {
			return err
		}
		s.pool <- c
	}
	s.history = newHistory(s)
	if err := s.history.look(); err != nil {
		return err
	}
	if s.logs, err = openLogs(s.dir, s.opts.NoSync, s.opts.Apart); err != nil {
		return err
	}
	return errors.Join(s.loadNews(w), s.loadTokens(ctx))
}

// judge refuses a directory that has lost something, unless that is accepted.
func (s *Store) judge() error {
	note, err := inspect(s.dir)
	if lost := new(DamageError); s.opts.AcceptDamage && errors.As(err, &lost) {
		aside, err := acceptDamage(s.dir, time.Now())
		if err != nil {
			return err
		}
		note = fmt.Sprintf("%s That was accepted: the store has what could be read, and a copy of what was there is in %s.", lost.What, aside)
	} else if err != nil {
		return err
	}
	if note != "" {
		s.opts.Apart.Report(context.Background(), "open store", "belfry.db", errors.New(note))
	}
	return nil
}

// prepare makes the database ready for use: its form, its mark, its log.
func (s *Store) prepare(w *sqlite.Conn) (err error) {
	if err := migrate(w); err != nil {
		return err
	}
	if err := s.renumber(w); err != nil {
		return err
	}
	if s.mark, err = openMark(w, s.dir, s.opts.NoSync); err != nil {
		return err
	}
	if s.opts.NoSync {
		return nil
	}
	// What an earlier process has left in the log goes into the database at once. The
	// log begins at its start then, so that what is behind its end is never of its age.
	if err := checkpoint(w); err != nil {
		return errors.Join(err, s.mark.close())
	}
	return fillLog(s.path())
}

// Close waits for the writes that are under way, copies the log into the database,
// and closes the files.
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
	defer func() {
		// Every transaction has been answered; nothing is left to lose.
		if err := errors.Join(c.Close(), s.mark.close()); err != nil {
			s.damaged("store", "belfry.db", err)
		}
	}()
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	var batch []*writeOp
	for {
		select {
		case first, ok := <-s.writes:
			if !ok {
				return
			}
			batch = s.gather(c, append(batch[:0], first))
			for _, w := range batch {
				w.done <- w.err
			}
			clear(batch)
			if s.mark.fresh && !s.opts.NoSync {
				idle.Reset(idleAfter)
			}
		case <-idle.C:
			s.rest(c)
		}
	}
}

// rest uses a pause: the log goes into the database, where damage to one file does
// less, and the mark to the disk. The log stays as long as it is; the next
// transaction begins it at its start.
func (s *Store) rest(c *sqlite.Conn) {
	if !s.mark.fresh || s.opts.NoSync {
		return
	}
	err := errors.Join(checkpoint(c), s.mark.flush())
	if err != nil {
		s.opts.Apart.Report(context.Background(), "copy the log", "belfry.db", writeError(err))
		return
	}
	s.opts.Apart.Clear("copy the log", "belfry.db")
}

// checkpoint copies the log into the database, as far as no reader needs it.
func checkpoint(c *sqlite.Conn) error {
	if err := exec(c, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return fmt.Errorf("copy the write-ahead log into the database: %w", err)
	}
	return nil
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
	return s.mark.begin(c)
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
