package table

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// maxItem is the size of the largest item, in bytes (semantics.md 5.4).
const maxItem = 400 << 10

// An Action is what a [Write] does.
type Action uint8

// The actions.
const (
	Put    Action = iota + 1 // the whole item
	Update                   // parts of an item, which is made when it is not there
	Delete
	Check // change nothing, and see that the condition holds
)

// A Write is one change of one item.
type Write struct {
	Action Action
	Table  string
	Item   Item // the item to put; else the key
	Expressions
	OldOnFailure bool // the error of a failed condition has the item
}

// A Written is what a write has done.
type Written struct {
	Old, New Item // nil: there is none
	changed  []path
	touched  bool // by an update expression
}

// Changed returns those parts of Old and New that an update has named.
func (w *Written) Changed() (before, after Item) {
	if !w.touched {
		return nil, nil
	}
	p := project(w.changed)
	return p.of(w.Old), p.of(w.New)
}

// Units is the write capacity that AWS would count.
func (w *Written) Units() float64 {
	return float64(max(1, (max(w.Old.size(), w.New.size())+1023)>>10))
}

// prepared is a write that has been checked as far as that is possible without
// the item that is there.
type prepared struct {
	*Write
	table     *Table
	ref       Ref
	condition condition // nil: none
	update    *update   // nil: none
	encoded   []byte    // the item to put
}

// normaliseItem checks an item, or a key, that comes from outside.
func normaliseItem(item Item) error {
	for name, v := range item {
		if name == "" {
			return parameters("Empty attribute name")
		}
		if len(name) > 64<<10-1 {
			return parameters("Attribute name is too large, must be less than 65536 bytes")
		}
		if err := v.normalise(); err != nil {
			return err
		}
		item[name] = v
	}
	return nil
}

func (s *Service) prepare(ctx context.Context, scope belfry.Scope, w *Write) (*prepared, error) {
	p := &prepared{Write: w}
	may := []string{"ConditionExpression"}
	if w.Action == Update {
		may = []string{"UpdateExpression", "ConditionExpression"}
	}
	t, err := w.terms(may...)
	if err != nil {
		return nil, err
	}
	if w.Condition != nil {
		if p.condition, err = parseCondition("ConditionExpression", *w.Condition, t); err != nil {
			return nil, err
		}
	}
	if w.Update != nil {
		if p.update, err = parseUpdate(*w.Update, t); err != nil {
			return nil, err
		}
	}
	if err := t.unused(); err != nil {
		return nil, err
	}
	if err := normaliseItem(w.Item); err != nil {
		return nil, err
	}
	if w.Action == Put && w.Item.size() > maxItem {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	if p.table, err = s.table(ctx, scope, w.Table); err != nil {
		return nil, err
	}
	locate := p.table.locateKey
	if w.Action == Put {
		locate = p.table.locate
		p.encoded = encodeItem(w.Item)
	}
	key, err := locate(w.Item)
	if err != nil {
		return nil, err
	}
	p.ref = p.table.ref(key)
	if p.update != nil {
		if err := p.table.checkUpdate(p.update); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// decide says what the write does to the item that is stored.
func (p *prepared) decide(stored []byte, now time.Time) (c Change, w Written, err error) {
	if w.Old, err = p.table.live(stored, now); err != nil {
		return c, w, err
	}
	if p.condition != nil && !p.condition.holds(w.Old) {
		e := &ConditionError{}
		if p.OldOnFailure {
			e.Item = w.Old
		}
		return c, w, e
	}
	switch p.Action {
	case Check:
		w.New = w.Old
		return Change{Keep: true}, w, nil
	case Delete:
		return Change{}, w, nil
	case Put:
		w.New = p.Item
		return Change{Item: p.encoded, Expires: p.table.expires(p.Item, now)}, w, nil
	}
	// The item again, because it is changed in place and Old is not.
	if w.New, err = p.table.live(stored, now); err != nil {
		return c, w, err
	}
	if w.New == nil {
		w.New = p.table.keyOf(p.Item)
	}
	if p.update != nil {
		w.touched, w.changed = true, p.update.paths()
		if err := p.update.apply(w.New, w.Old); err != nil {
			return c, w, err
		}
	}
	for _, v := range w.New {
		// An update can nest deeper than a request.
		if v.depth() > maxDepth {
			return c, w, invalid("Nesting Levels have exceeded supported limits")
		}
	}
	if w.New.size() > maxItem {
		return c, w, invalid("Item size to update has exceeded the maximum allowed size")
	}
	return Change{Item: encodeItem(w.New), Expires: p.table.expires(w.New, now)}, w, nil
}

// Write does one change. A condition that does not hold is a [ConditionError].
func (s *Service) Write(ctx context.Context, scope belfry.Scope, w Write) (Written, error) {
	var done Written
	err := s.again(scope, []string{w.Table}, func() error {
		p, err := s.prepare(ctx, scope, &w)
		if err != nil {
			return err
		}
		now := s.now()
		return s.store.WriteItems(ctx, []Ref{p.ref}, nil, func(current [][]byte) ([]Change, error) {
			c, d, err := p.decide(current[0], now)
			done = d
			return []Change{c}, err
		})
	})
	return done, err
}

// maxBatchWrite is the number of writes of one batch (semantics.md 5.4).
const maxBatchWrite = 25

// WriteBatch does puts and deletes without conditions, all at once.
func (s *Service) WriteBatch(ctx context.Context, scope belfry.Scope, writes []Write) ([]Written, error) {
	if len(writes) > maxBatchWrite {
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	var done []Written
	err := s.writeAll(ctx, scope, writes, nil, "Provided list of item keys contains duplicates", func(ps []*prepared, current [][]byte, now time.Time) ([]Change, error) {
		changes := make([]Change, len(ps))
		done = make([]Written, len(ps))
		var err error
		for i, p := range ps {
			if changes[i], done[i], err = p.decide(current[i], now); err != nil {
				return nil, err
			}
		}
		return changes, nil
	})
	return done, err
}

// Limits of a transaction (semantics.md 5).
const (
	maxTransaction     = 100
	maxTransactionSize = 4 << 20
	maxToken           = 36
	// tokenLife is how long a token is remembered.
	tokenLife = 10 * time.Minute
)

// Transact does all writes or none; when a condition does not hold, or a write
// cannot be done, it fails with a [CancelledError]. With a token, which may be
// empty, it happens once however often it is asked for.
func (s *Service) Transact(ctx context.Context, scope belfry.Scope, writes []Write, token string) ([]Written, error) {
	if len(writes) == 0 || len(writes) > maxTransaction {
		return nil, invalid("A transaction has 1 to %d actions", maxTransaction)
	}
	if len(token) > maxToken {
		return nil, invalid("A ClientRequestToken has 1 to %d characters", maxToken)
	}
	size := 0
	for i := range writes {
		size += writes[i].Item.size()
	}
	if size > maxTransactionSize {
		return nil, invalid("The items of a transaction must not be larger than %d bytes together", maxTransactionSize)
	}
	var t *Token
	if token != "" {
		now := s.now()
		t = &Token{Scope: scope, Text: token, Fingerprint: fingerprint(writes), Now: now, Expires: now.Add(tokenLife)}
	}
	var done []Written
	err := s.writeAll(ctx, scope, writes, t, "Transaction request cannot include multiple operations on one item", func(ps []*prepared, current [][]byte, now time.Time) ([]Change, error) {
		changes := make([]Change, len(ps))
		reasons := make([]Reason, len(ps))
		done = make([]Written, len(ps))
		failed := false
		for i, p := range ps {
			var err error
			if changes[i], done[i], err = p.decide(current[i], now); err == nil {
				reasons[i].Code = "None"
				continue
			}
			failed = true
			if reasons[i], err = reasonOf(err); err != nil {
				return nil, err
			}
		}
		if failed {
			return nil, &CancelledError{reasons}
		}
		return changes, nil
	})
	return done, err
}

func reasonOf(err error) (Reason, error) {
	switch e := err.(type) { //nolint:errorlint // decide's own errors, never wrapped
	case *ConditionError:
		return Reason{Code: "ConditionalCheckFailed", Message: e.Error(), Item: e.Item}, nil
	case *belfry.Error:
		return Reason{Code: "ValidationError", Message: e.Message}, nil
	}
	return Reason{}, err
}

// writeAll prepares the writes, none of them to the same item as another, and
// has decide decide on them.
func (s *Service) writeAll(ctx context.Context, scope belfry.Scope, writes []Write, token *Token, twice string,
	decide func([]*prepared, [][]byte, time.Time) ([]Change, error),
) error {
	names := make([]string, len(writes))
	for i := range writes {
		names[i] = writes[i].Table
	}
	slices.Sort(names)
	return s.again(scope, slices.Compact(names), func() error {
		ps := make([]*prepared, len(writes))
		refs := make([]Ref, len(writes))
		seen := map[string]bool{}
		for i := range writes {
			p, err := s.prepare(ctx, scope, &writes[i])
			if err != nil {
				return err
			}
			id := p.ref.id()
			if seen[id] {
				return invalid("%s", twice)
			}
			seen[id] = true
			ps[i], refs[i] = p, p.ref
		}
		now := s.now()
		return s.store.WriteItems(ctx, refs, token, func(current [][]byte) ([]Change, error) {
			return decide(ps, current, now)
		})
	})
}

// fingerprint returns bytes that other writes do not have.
func fingerprint(writes []Write) []byte {
	h := sha256.New()
	text := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	optional := func(p *string) {
		if p == nil {
			text("-")
			return
		}
		text("+" + *p)
	}
	for i := range writes {
		w := &writes[i]
		fmt.Fprintf(h, "%d %t", w.Action, w.OldOnFailure)
		text(w.Table)
		text(string(encodeItem(w.Item)))
		optional(w.Condition)
		optional(w.Update)
		for _, k := range slices.Sorted(maps.Keys(w.Names)) {
			text(k)
			text(w.Names[k])
		}
		text(string(encodeItem(w.Values)))
	}
	return h.Sum(nil)
}
