package logs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

const tellEvery = time.Minute

// Record takes a line that was printed to a stream of a group. It never waits:
// when more waits for the store than may, the line is dropped and counted. The
// group and the stream are made when they are not there.
func (s *Service) Record(group Ref, stream string, at time.Time, request, message string) {
	l := line{source{group, stream}, Event{Stream: stream, Time: at.UTC().Truncate(time.Millisecond), Request: request, Message: clean(message)}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+l.Size() > s.cfg.Buffer || s.stats.Bytes > s.cfg.TotalSize+s.cfg.TotalSize/10 {
		s.lost[l.source]++
		s.stats.Dropped++
		return
	}
	if n := s.lost[l.source]; n > 0 {
		delete(s.lost, l.source)
		note := l
		note.Request, note.Message = "", fmt.Sprintf("[belfry: %d lines of log were dropped here: more was printed than could be stored]\n", n)
		s.push(note)
	}
	s.push(l)
	signal(s.work)
}

func (s *Service) push(l line) {
	s.waiting = append(s.waiting, l)
	s.bytes += l.Size()
}

// clean makes of a message what every store and every client can hold.
func clean(message string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(message, "\uFFFD"), "\x00", "\uFFFD")
}

// Flush returns when what was recorded before is in the store, or given up.
func (s *Service) Flush(ctx context.Context) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	lines, bytes := s.waiting, s.bytes
	s.waiting, s.bytes = nil, 0
	s.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	batch := make([]Addition, 0, len(lines))
	now := s.now()
	var failed error
	for i := range lines {
		l := &lines[i]
		id, err := s.groupOf(ctx, l.Ref)
		if err != nil {
			failed = err
			continue
		}
		l.Ingested = now
		batch = append(batch, Addition{Group: id, Event: l.Event})
	}
	if err := s.append(ctx, batch, false); err != nil {
		failed, batch = err, nil
	}
	if failed != nil {
		s.gaveUp(ctx, failed, len(lines)-len(batch), bytes)
	}
}

// gaveUp counts lines that the store did not take, and tells of it now and then.
func (s *Service) gaveUp(ctx context.Context, err error, n int, bytes int64) {
	s.mu.Lock()
	s.stats.Dropped += uint64(n)
	tell := s.cfg.Clock.Now().Sub(s.told) >= tellEvery
	if tell {
		s.told = s.cfg.Clock.Now()
	}
	s.mu.Unlock()
	if tell {
		s.log.ErrorContext(ctx, "lines of functions' logs could not be stored and were dropped", "lines", n, "bytes", bytes, "err", err)
	}
}

// append stores a batch and wakes who follows.
func (s *Service) append(ctx context.Context, batch []Addition, durable bool) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.store.AppendLogs(ctx, batch, durable); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	over := false
	for i := range batch {
		n := batch[i].Size()
		s.sizes[batch[i].Group] += n
		s.stats.Bytes += n
		over = over || s.sizes[batch[i].Group] > s.cfg.GroupSize
	}
	s.stats.Recorded += uint64(len(batch))
	if over || s.stats.Bytes > s.cfg.TotalSize {
		signal(s.sweep)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// groupOf returns the group's id, making the group when it is not there.
func (s *Service) groupOf(ctx context.Context, ref Ref) (int64, error) {
	s.mu.Lock()
	id, ok := s.groups[ref]
	s.mu.Unlock()
	if ok {
		return id, nil
	}
	g, err := s.store.LogGroup(ctx, ref)
	if belfry.KindOf(err) == belfry.NotFound {
		g = &Group{Ref: ref, Created: s.now()}
		if err = s.store.CreateLogGroup(ctx, g); belfry.KindOf(err) == belfry.Conflict {
			g, err = s.store.LogGroup(ctx, ref) // somebody was faster
		}
	}
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[ref] = g.ID
	return g.ID, nil
}
