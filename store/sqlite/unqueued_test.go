package sqlite

import (
	"testing"

	"github.com/belfry-run/belfry"
)

func TestASieveForgetsNothingAndTellsMostFromOthers(t *testing.T) {
	s := newSieve()
	const n = 2*sieveIDs + 1000 // three parts
	id := func(i int) belfry.ID { return belfry.MakeID(int64(i)<<14, belfry.Shard(i%belfry.Shards)) }
	for i := range n {
		s.add(id(i))
	}
	for i := range n {
		if !s.has(id(i)) {
			t.Fatalf("it does not know id %d of %d", i, n)
		}
	}
	wrong := 0
	for i := range n {
		if s.has(id(n + i)) {
			wrong++
		}
	}
	if wrong > n/200 {
		t.Errorf("it takes %d of %d others for those that it was given", wrong, n)
	}
	if len(s.parts) != 3 {
		t.Errorf("it has %d parts", len(s.parts))
	}
}
