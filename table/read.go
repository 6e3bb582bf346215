package table

import (
	"context"
	"hash/fnv"
	"slices"

	"github.com/belfry-run/belfry"
)

// Limits of what one read returns, in bytes and items (semantics.md 5.4).
const (
	maxPage     = 1 << 20
	maxBatch    = 16 << 20
	maxBatchGet = 100
)

// A Get asks for items of one table.
type Get struct {
	Table string
	Keys  []Item
	Expressions
}

// A Got answers a [Get].
type Got struct {
	Items []Item // in the order of the keys; nil: not there
	Sizes []int  // of the whole items, in bytes; 0: not there
	// Cut is the number of items at the end of Items that were left out to
	// keep the answer within 16 MB.
	Cut int
}

// Get returns one item of each of the gets' keys. All are as of one moment.
// twice is what a caller is told who asks for an item twice; empty: it may.
func (s *Service) Get(ctx context.Context, scope belfry.Scope, gets []Get, twice string) ([]Got, error) {
	names := make([]string, len(gets))
	count := 0
	for i := range gets {
		names[i] = gets[i].Table
		count += len(gets[i].Keys)
	}
	if count > maxBatchGet {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	var out []Got
	err := s.again(scope, names, func() (err error) {
		out, err = s.get(ctx, scope, gets, twice)
		return err
	})
	return out, err
}

func (s *Service) get(ctx context.Context, scope belfry.Scope, gets []Get, twice string) ([]Got, error) {
	var refs []Ref
	tables := make([]*Table, len(gets))
	projections := make([]*projection, len(gets))
	seen := map[string]bool{}
	for i := range gets {
		g := &gets[i]
		var err error
		if projections[i], err = g.parseProjection(); err != nil {
			return nil, err
		}
		for _, k := range g.Keys {
			if err := normaliseItem(k); err != nil {
				return nil, err
			}
		}
		if tables[i], err = s.table(ctx, scope, g.Table); err != nil {
			return nil, err
		}
		for _, k := range g.Keys {
			key, err := tables[i].locateKey(k)
			if err != nil {
				return nil, err
			}
			ref := tables[i].ref(key)
			if twice != "" {
				id := ref.id()
				if seen[id] {
					return nil, invalid("%s", twice)
				}
				seen[id] = true
			}
			refs = append(refs, ref)
		}
	}
	now := s.now()
	stored, err := s.store.GetItems(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := make([]Got, len(gets))
	total := 0
	for i := range gets {
		for range gets[i].Keys {
			item, err := tables[i].live(stored[0], now)
			if err != nil {
				return nil, err
			}
			stored = stored[1:]
			size := item.size()
			if total += size; total > maxBatch {
				out[i].Cut++
				continue
			}
			out[i].Items = append(out[i].Items, projections[i].of(item))
			out[i].Sizes = append(out[i].Sizes, size)
		}
	}
	return out, nil
}

// parseProjection reads the projection of a request that has no other expression.
func (e *Expressions) parseProjection() (*projection, error) {
	t, err := e.terms()
	if err != nil {
		return nil, err
	}
	p, err := e.projectionWith(t)
	if err != nil {
		return nil, err
	}
	return p, t.unused()
}

func (e *Expressions) projectionWith(t *terms) (*projection, error) {
	if e.Projection == nil {
		return nil, nil
	}
	p, err := newParser("ProjectionExpression", *e.Projection, t)
	if err != nil {
		return nil, err
	}
	return p.projection()
}

// ReadUnits is the read capacity that AWS would count for so many bytes, of
// one item or of a page.
func ReadUnits(bytes int, consistent bool) float64 {
	units := float64(max(1, (bytes+4095)>>12))
	if consistent {
		return units
	}
	return units / 2
}

// A Find asks for a page of items: those of one hash attribute when there is a
// KeyCondition, else all.
type Find struct {
	Table string
	Expressions
	Start    Item // the key after which the page begins; nil: the first page
	Limit    int  // of items that are looked at; 0: none
	Backward bool // from the greatest range attribute to the smallest
	Count    bool // no items, only their number
	// Segment of Segments is the part of a table that one of several readers
	// at once reads; 0 Segments is one reader.
	Segment, Segments int
}

// A Page answers a [Find].
type Page struct {
	Items  []Item
	Count  int  // that the filter let through
	Looked int  // that were looked at
	Bytes  int  // of what was looked at
	Last   Item // the key after which the next page begins; nil: this is the last
}

// A finder reads one page.
type finder struct {
	*Find
	table      *Table
	span       Span
	filter     condition
	projection *projection
	start      Key
}

// Find returns a page of items.
func (s *Service) Find(ctx context.Context, scope belfry.Scope, f Find) (Page, error) {
	var page Page
	err := s.again(scope, []string{f.Table}, func() (err error) {
		page, err = s.page(ctx, scope, &f)
		return err
	})
	return page, err
}

func (s *Service) page(ctx context.Context, scope belfry.Scope, find *Find) (page Page, err error) {
	f := finder{Find: find}
	if err := f.prepare(ctx, s, scope); err != nil {
		return page, err
	}
	now := s.now()
	visit := func(r Row) bool {
		if f.Segments > 1 && !f.mine(r.Hash) {
			return true
		}
		item, err := decodeItem(r.Item)
		if err != nil {
			s.damaged(ctx, f.table, r.Key, err) // it must not keep the others from being read
			return true
		}
		// What has expired counts for the page's bytes, so that no page takes
		// for ever, and for nothing else.
		page.Bytes += item.size()
		if !f.table.expired(item, now) {
			page.Looked++
			if f.filter == nil || f.filter.holds(item) {
				page.Count++
				if !f.Count {
					page.Items = append(page.Items, f.projection.of(item))
				}
			}
		}
		if page.Bytes >= maxPage || f.Limit > 0 && page.Looked >= f.Limit {
			page.Last = f.table.keyOf(item)
			return false
		}
		return true
	}
	if f.KeyCondition != nil {
		err = s.store.QueryItems(ctx, f.table.version(), f.span, f.Backward, visit)
	} else {
		err = s.store.ScanItems(ctx, f.table.version(), f.start, visit)
	}
	return page, err
}

// mine says whether a key is in the reader's segment.
func (f *finder) mine(hash []byte) bool {
	h := fnv.New32a()
	h.Write(hash) // never fails
	return int(h.Sum32()%uint32(f.Segments)) == f.Segment
}

func (f *finder) prepare(ctx context.Context, s *Service, scope belfry.Scope) error {
	if f.Segments > 0 && f.Segment >= f.Segments {
		return invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", f.Segment, f.Segments)
	}
	may := []string{"FilterExpression"}
	if f.KeyCondition != nil {
		may = []string{"FilterExpression", "KeyConditionExpression"}
	}
	t, err := f.terms(may...)
	if err != nil {
		return err
	}
	if f.Filter != nil {
		if f.filter, err = parseCondition("FilterExpression", *f.Filter, t); err != nil {
			return err
		}
	}
	if f.projection, err = f.projectionWith(t); err != nil {
		return err
	}
	if f.table, err = s.table(ctx, scope, f.Table); err != nil {
		return err
	}
	if f.KeyCondition != nil {
		if f.span, err = f.table.keyCondition(*f.KeyCondition, t); err != nil {
			return err
		}
		for _, d := range paths(nil, f.filter) {
			if f.table.isKey(d.top()) {
				return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", d.top())
			}
		}
	}
	if err := t.unused(); err != nil {
		return err
	}
	return f.startAt()
}

// startAt lets the page begin after its start.
func (f *finder) startAt() error {
	if f.Start == nil {
		return nil
	}
	if err := normaliseItem(f.Start); err != nil {
		return err
	}
	key, err := f.table.locateKey(f.Start)
	if err != nil {
		return invalid("The provided starting key is invalid: %s", err)
	}
	f.start = key
	if f.KeyCondition == nil {
		if f.Segments > 1 && !f.mine(key.Hash) {
			return invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", f.Segments, f.Segment)
		}
		return nil
	}
	if !slices.Equal(key.Hash, f.span.Hash) {
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	if f.Backward {
		if f.span.High == nil || slices.Compare(key.Range, f.span.High) < 0 {
			f.span.High = key.Range
		}
		return nil
	}
	if slices.Compare(key.Range, f.span.Low) >= 0 {
		f.span.Low = after(key.Range)
	}
	return nil
}

// paths adds the paths that a condition looks at.
func paths(list []path, c condition) []path {
	add := func(operands ...operand) {
		for _, o := range operands {
			if o.path != nil {
				list = append(list, o.path)
			}
		}
	}
	switch c := c.(type) {
	case and:
		return paths(paths(list, c.a), c.b)
	case or:
		return paths(paths(list, c.a), c.b)
	case not:
		return paths(list, c.c)
	case compare:
		add(c.a, c.b)
	case between:
		add(c.v, c.low, c.high)
	case in:
		add(c.v)
		add(c.set...)
	case exists:
		return append(list, c.path)
	case hasType:
		return append(list, c.path)
	case beginsWith:
		add(c.v, c.prefix)
	case contains:
		add(c.v, c.part)
	}
	return list
}
