package table_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/table"
)

// A model is a table as simple as it can be: the range numbers under each hash.
type model map[string]map[int]int

// ids returns "hash/range" of what want lets through, in order.
func (m model) ids(want func(hash string, rng, v int) bool) []string {
	type key struct {
		hash string
		rng  int
	}
	var keys []key
	for h, under := range m {
		for r, v := range under {
			if want(h, r, v) {
				keys = append(keys, key{h, r})
			}
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.rng, b.rng)) })
	ids := []string{}
	for _, k := range keys {
		ids = append(ids, fmt.Sprint(k.hash, "/", k.rng))
	}
	return ids
}

// read returns the ids of all pages of f.
func (b *bench) read(f table.Find) []string {
	b.Helper()
	ids := []string{}
	for {
		page, err := b.Find(b.ctx, scope, f)
		b.ok(err)
		if f.Limit > 0 && page.Looked > f.Limit || page.Count != len(page.Items) {
			b.Fatalf("the page has looked at %d items, has %d and counts %d; the limit is %d", page.Looked, len(page.Items), page.Count, f.Limit)
		}
		for _, i := range page.Items {
			ids = append(ids, i["k"].Text+"/"+i["r"].Text)
		}
		if page.Last == nil {
			return ids
		}
		f.Start = page.Last
	}
}

// Random writes to a table and to a map, and every kind of read of both.
func TestFindAgreesWithAModel(t *testing.T) {
	b := newBench(t)
	b.events("tbl")
	r := rand.New(rand.NewPCG(3, 4))
	hashes := []string{"a", "ab", "b\x00", "é"}
	m := model{}
	for _, h := range hashes {
		m[h] = map[int]int{}
	}
	for range 400 {
		h, rng, v := hashes[r.IntN(len(hashes))], r.IntN(60)-30, r.IntN(5)
		_, there := m[h][rng]
		key := item("k", h, "r", strconv.Itoa(rng))
		if r.IntN(3) == 0 {
			_, err := b.Write(b.ctx, scope, table.Write{Action: table.Delete, Table: "tbl", Item: key, Expressions: table.Expressions{Condition: new("attribute_exists(k)")}})
			if there != (err == nil) {
				t.Fatalf("deleting %v, there: %t: %v", key, there, err)
			}
			delete(m[h], rng)
			continue
		}
		key["v"] = num(strconv.Itoa(v))
		b.put("tbl", key)
		m[h][rng] = v
	}
	all := func(string, int, int) bool { return true }
	same := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", what, got, want)
		}
	}
	for limit := range 8 {
		same(fmt.Sprint("scan, limit ", limit), b.read(table.Find{Table: "tbl", Limit: limit}), m.ids(all))
		var parts []string
		for s := range 3 {
			parts = append(parts, b.read(table.Find{Table: "tbl", Limit: limit, Segment: s, Segments: 3})...)
		}
		slices.Sort(parts)
		want := m.ids(all)
		slices.Sort(want)
		same("segments", parts, want)
	}
	for range 300 {
		h, x, y := hashes[r.IntN(len(hashes))], r.IntN(70)-35, r.IntN(5)
		conditions := map[string]func(rng int) bool{
			"":                           func(int) bool { return true },
			" AND r = :x":                func(n int) bool { return n == x },
			" AND r < :x":                func(n int) bool { return n < x },
			" AND r <= :x":               func(n int) bool { return n <= x },
			" AND r > :x":                func(n int) bool { return n > x },
			" AND r >= :x":               func(n int) bool { return n >= x },
			" AND r BETWEEN :x AND :max": func(n int) bool { return n >= x && n <= 100 },
		}
		for c, holds := range conditions {
			values := item(":h", h)
			if c != "" {
				values[":x"] = num(strconv.Itoa(x))
			}
			if strings.Contains(c, ":max") {
				values[":max"] = num("100")
			}
			f := table.Find{Table: "tbl", Limit: r.IntN(6), Backward: r.IntN(2) == 0, Expressions: table.Expressions{KeyCondition: new("k = :h" + c), Values: values}}
			filter := func(v int) bool { return true }
			if r.IntN(2) == 0 {
				f.Filter = new("v > :y")
				values[":y"] = num(strconv.Itoa(y))
				filter = func(v int) bool { return v > y }
			}
			want := m.ids(func(hash string, n, v int) bool { return hash == h && holds(n) && filter(v) })
			if f.Backward {
				slices.Reverse(want)
			}
			same(fmt.Sprintf("k = %q%s, x %d, %+v", h, c, x, f), b.read(f), want)
		}
	}
}

// A page ends at 1 MB, even if the filter lets nothing through.
func TestPagesHaveALimit(t *testing.T) {
	b := newBench(t)
	b.events("tbl")
	for i := range 10 {
		b.put("tbl", item("k", "a", "r", strconv.Itoa(i), "v", strings.Repeat("x", 200<<10)))
	}
	for _, filter := range []*string{nil, new("attribute_exists(w)")} {
		page, err := b.Find(b.ctx, scope, table.Find{Table: "tbl", Expressions: table.Expressions{Filter: filter}})
		b.ok(err)
		if page.Looked != 6 || page.Last == nil {
			t.Fatalf("the first page has looked at %d items, and %v follows", page.Looked, page.Last)
		}
	}
	page, err := b.Find(b.ctx, scope, table.Find{Table: "tbl", Count: true})
	b.ok(err)
	if page.Count != 6 || page.Items != nil {
		t.Fatalf("counted %d, with %d items", page.Count, len(page.Items))
	}
}

func TestFindRefusals(t *testing.T) {
	b := newBench(t)
	b.events("tbl")
	query := func(src string, start table.Item) table.Find {
		return table.Find{Table: "tbl", Start: start, Expressions: table.Expressions{KeyCondition: &src, Values: item(":a", "a", ":1", "1")}}
	}
	filtered := query("k = :a AND r > :1", nil)
	filtered.Filter = new("r > :1")
	for want, f := range map[string]table.Find{
		"Filter Expression can only contain non-primary key attributes: Primary key attribute: r":                 filtered,
		"The provided starting key is invalid":                                                                    query("k = :a AND r > :1", item("k", "a")),
		"The provided starting key is outside query boundaries based on provided conditions":                      query("k = :a AND r > :1", item("k", "b", "r", "1")),
		"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not":    {Table: "tbl", Segment: 2, Segments: 2},
		"ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null":        {Table: "tbl", Expressions: table.Expressions{Values: item(":a", "a")}},
		"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an em": {Table: "tbl", Expressions: table.Expressions{KeyCondition: new("k = :e"), Values: item(":e", "")}},
	} {
		_, err := b.Find(b.ctx, scope, f)
		b.refused(err, belfry.Invalid, want)
	}
}
