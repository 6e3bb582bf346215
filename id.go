package belfry

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// ID identifies a schedule over its whole life; a schedule that is deleted and
// created again under the same name has another one. Its lowest six bits are
// the shard, so every key that holds an ID also holds the shard.
type ID int64

// Shards is the number of shards, fixed for ever.
const Shards = 64

// Shard is the part of all schedules that is leased, and fired, as one.
type Shard uint8

// ShardOf returns the shard of the schedules with this name. It never changes,
// so the uniqueness of a name is local to a shard.
func ShardOf(r ScheduleRef) Shard {
	h := fnv.New64a()
	for _, s := range []string{r.Account, r.Region, r.Group, r.Name} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return Shard(h.Sum64() % Shards)
}

// MakeID puts the sequence number n (below 2^57) and the shard together.
func MakeID(n int64, s Shard) ID { return ID(n<<6 | int64(s)) }

// Shard returns the shard that the schedule belongs to.
func (id ID) Shard() Shard { return Shard(id & (Shards - 1)) }

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// String returns the ID as 13 characters that sort like the number.
func (id ID) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return idEncoding.EncodeToString(b[:])
}

// ParseID is the inverse of String.
func ParseID(s string) (ID, error) {
	b, err := idEncoding.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("%q is not an id: want 13 characters of base 32", s)
	}
	return ID(binary.BigEndian.Uint64(b)), nil
}
