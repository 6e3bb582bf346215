package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The write-ahead log, as "The WAL File Format" of SQLite has it: a header of 32
// bytes, then frames, each a header of 24 bytes and a page.
//
//	header  magic, version, page size, number, salt 1, salt 2, sum 1, sum 2
//	frame   page, pages of the database after a commit (else 0), salts, sums; page
//
// The sums of a frame go on from those of the frame before, over the first 8 bytes
// of its header and its page. SQLite reads up to the first frame whose salts or sums
// are wrong, without a word, so what it leaves out is to be judged here:
//
//   - Frames with other salts are what the log held before it began again. All of
//     that was copied into the database: it is of no meaning.
//   - A last transaction that is cut off, or has holes, is what a power cut leaves
//     before the log was flushed: nobody had been told that it was stored. Frames of
//     it that are whole may follow one that is not.
//   - A transaction is written only after the one before has been flushed. So a
//     whole frame of a later transaction proves that a broken one before it had
//     been on the disk, and was changed since: that is damage.
//
// Damage within the last transaction looks like a power cut. The mark tells them
// apart, see mark.go.
const (
	walHeader   = 32
	frameHeader = 24
)

// A walState is what a log holds.
type walState struct {
	frames int // whole ones from the start on: what SQLite reads, without those of a transaction that has no end
	bad    int // the first frame that is not whole; 1 is the first frame, 0: the header
	after  int // whole frames of the same age that follow it
	// cut is true when those prove that what was flushed is damaged.
	cut bool
}

// String names what is damaged, for an operator.
func (w *walState) String() string {
	if w.bad == 0 {
		return fmt.Sprintf("its header is damaged, and %d whole frames follow it", w.after)
	}
	return fmt.Sprintf("frame %d is damaged, and %d whole frames follow it", w.bad, w.after)
}

// scanWAL reads a log; one that is not there is empty. It changes nothing.
func scanWAL(path string) (w walState, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return w, fmt.Errorf("open the write-ahead log: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	var head [walHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return w, unlessEnd(err)
	}
	s := walReader{r: r, order: binary.BigEndian, page: 4096}
	whole := s.begin(head[:])
	s.anyAge = !whole
	for n := 1; ; n++ {
		switch fr, err := s.next(); {
		case err != nil:
			return w, unlessEnd(err)
		case whole && fr.linked && fr.salts == s.salts:
			w.frames = n
		default:
			if whole { // the first that is not
				whole, w.bad = false, n
			}
			w.judge(&s, fr, n)
		}
	}
}

// unlessEnd makes nothing of an end of the file: a frame that is cut off is no frame.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read the write-ahead log: %w", err)
}

// judge takes note of a frame at or behind the bad one. Without a header that can
// be trusted, frames that follow each other tell that there was one.
func (w *walState) judge(s *walReader, fr frame, n int) {
	of := fr.salts == s.salts
	if w.bad == 0 {
		of = n == 2 && fr.linked || w.after > 0 && fr.salts == s.salts
		if of {
			s.salts = fr.salts
		}
	}
	if !of {
		return
	}
	if fr.linked {
		w.after++
		w.cut = w.cut || w.bad == 0 || s.ended
	}
	s.ended = s.ended || fr.commit
}

type frame struct {
	salts  [8]byte
	commit bool
	linked bool // its sums go on from those that the frame before has
}

// walReader reads frames one after the other.
type walReader struct {
	r     io.Reader
	order binary.ByteOrder
	page  int
	salts [8]byte // of the log
	sums  [2]uint32
	buf   []byte

	anyAge bool // the header does not tell the frames' salts
	ended  bool // a transaction has ended at or behind the bad frame
}

// begin takes the log's header and reports whether it is whole.
func (s *walReader) begin(head []byte) bool {
	big := binary.BigEndian
	switch big.Uint32(head) {
	case 0x377f0682:
		s.order = binary.LittleEndian
	case 0x377f0683:
	default:
		s.order = binary.LittleEndian // what this machine most likely wrote
	}
	page := int(big.Uint32(head[8:]))
	if page >= 512 && page <= 65536 && page&(page-1) == 0 {
		s.page = page
	}
	copy(s.salts[:], head[16:24])
	sums := s.sum([2]uint32{}, head[:24])
	s.sums = [2]uint32{big.Uint32(head[24:]), big.Uint32(head[28:])}
	magic := big.Uint32(head)
	return magic&^1 == 0x377f0682 && sums == s.sums
}

func (s *walReader) next() (fr frame, err error) {
	if s.buf == nil {
		s.buf = make([]byte, frameHeader+s.page)
	}
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return fr, err
	}
	big := binary.BigEndian
	copy(fr.salts[:], s.buf[8:16])
	fr.commit = big.Uint32(s.buf[4:]) != 0
	stored := [2]uint32{big.Uint32(s.buf[16:]), big.Uint32(s.buf[20:])}
	if fr.salts != [8]byte{} && (s.anyAge || fr.salts == s.salts) { // neither zeros nor of another age
		sums := s.sum(s.sums, s.buf[:8])
		fr.linked = s.sum(sums, s.buf[frameHeader:]) == stored
	}
	s.sums = stored
	return fr, nil
}

func (s *walReader) sum(sums [2]uint32, b []byte) [2]uint32 {
	for ; len(b) >= 8; b = b[8:] {
		sums[0] += s.order.Uint32(b) + sums[1]
		sums[1] += s.order.Uint32(b[4:]) + sums[0]
	}
	return sums
}
