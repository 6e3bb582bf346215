package queue

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"time"
)

// An ID is a message's id: a UUID of version 7. Its first 48 bits are the time
// at which the message was sent, in milliseconds, so that ids sort by that
// time and no store needs to keep it beside.
type ID [16]byte

// Time returns when the message was sent.
func (id ID) Time() time.Time {
	var b [8]byte
	copy(b[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:]))).UTC()
}

// String returns the usual form of 36 characters.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:], id[0:4])
	hex.Encode(b[9:], id[4:6])
	hex.Encode(b[14:], id[6:8])
	hex.Encode(b[19:], id[8:10])
	hex.Encode(b[24:], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// FloorID returns the least id with a time after t: ids sent at or before t are
// less than it.
func FloorID(t time.Time) (id ID) {
	putMilli(&id, t.UnixMilli()+1)
	return id
}

func putMilli(id *ID, ms int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ms))
	copy(id[:6], b[2:])
}

// ids makes IDs that grow within this process as long as its clock does not
// step back: within a millisecond by a counter of 12 bits and then at random.
type ids struct {
	mu  sync.Mutex
	ms  int64
	seq uint16
}

func (g *ids) next(now time.Time) (id ID) {
	ms := now.UnixMilli()
	g.mu.Lock()
	if ms == g.ms {
		g.seq++ // wraps at 4096 a millisecond, where only the order is lost
	} else {
		g.ms, g.seq = ms, 0
	}
	seq := g.seq
	g.mu.Unlock()
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	putMilli(&id, ms)
	id[6] = 0x70 | byte(seq>>8)&0x0f
	id[7] = byte(seq)
	id[8] = 0x80 | id[8]&0x3f
	return id
}
