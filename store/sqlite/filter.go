package sqlite

import "encoding/binary"

// filterBits is the size of the filter: 2 MiB tell a million tokens from all
// others but one in thirty.
const filterBits = 1 << 24

// A filter knows which keys were never added (a Bloom filter). The keys are
// hashes, so three pieces of one are its three places. Without bits it knows
// nothing.
type filter struct {
	bits []uint64
	used bool // something was added
}

func places(key [16]byte) [3]uint32 {
	var p [3]uint32
	for i := range p {
		p[i] = binary.BigEndian.Uint32(key[4*i:]) % filterBits
	}
	return p
}

func (f *filter) add(key [16]byte) {
	f.used = true
	if f.bits != nil {
		for _, p := range places(key) {
			f.bits[p/64] |= 1 << (p % 64)
		}
	}
}

// maybe reports whether the key may have been added.
func (f *filter) maybe(key [16]byte) bool {
	if f.bits == nil {
		return true
	}
	for _, p := range places(key) {
		if f.bits[p/64]&(1<<(p%64)) == 0 {
			return false
		}
	}
	return true
}
