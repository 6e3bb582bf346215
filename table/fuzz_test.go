package table

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
)

// wantRefusal fails the test on an error that is not a client's fault.
func wantRefusal(t *testing.T, err error) {
	t.Helper()
	if err != nil && belfry.KindOf(err) != belfry.Invalid {
		t.Fatalf("error is %v, want a refusal", err)
	}
}

func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		"attribute_not_exists(k) OR n < :10", "(#n BETWEEN :1 AND :2) AND NOT s IN (:a, :z)", "size(m.a.b) >= size(l[0])", "contains(l[2].x, :1)", "begins_with(s,:he)",
		"attribute_type(s, :S)", "n = = :1", "((((", "NOT NOT", "a[0][1].b", "#", "n<>:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		c, err := parseCondition("ConditionExpression", src, sampleTerms())
		wantRefusal(t, err)
		if err != nil {
			return
		}
		if (not{c}).holds(sample()) == c.holds(sample()) {
			t.Fatalf("%q and its negation are both true or both false", src)
		}
		c.holds(nil)
		tbl := &Table{Settings: Settings{Hash: KeyAttribute{"k", S}, Range: KeyAttribute{"n", N}}}
		_, err = tbl.keyCondition(src, sampleTerms())
		wantRefusal(t, err)
	})
}

func FuzzUpdate(f *testing.F) {
	for _, s := range []string{
		"SET n = n + :1, m.a.b = if_not_exists(x, :0) REMOVE l[0], l[2].x ADD ns :ns DELETE ss :sa", "SET l[9] = list_append(l, :l)", "set a = (b - :1)", "REMOVE", "ADD n :1 ADD n :1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		u, err := parseUpdate(src, sampleTerms())
		wantRefusal(t, err)
		if err != nil {
			return
		}
		got, old := sample(), sample()
		err = u.apply(got, old)
		wantRefusal(t, err)
		if d := cmp.Diff(sample(), old); d != "" {
			t.Fatalf("%q changed the old item\n%s", src, d)
		}
		if err != nil {
			return
		}
		back, err := decodeItem(encodeItem(got))
		if err != nil || !cmp.Equal(back, got) {
			t.Fatalf("%q: %v\n%s", src, err, cmp.Diff(got, back))
		}
		project(u.paths()).of(got)
	})
}

func FuzzProjection(f *testing.F) {
	f.Add("n, m.a.b, l[2].x")
	f.Add("#dotted, l[0][1]")
	f.Fuzz(func(t *testing.T, src string) {
		p, err := newParser("ProjectionExpression", src, sampleTerms())
		wantRefusal(t, err)
		if err != nil {
			return
		}
		proj, err := p.projection()
		wantRefusal(t, err)
		if err == nil {
			proj.of(sample())
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add("-1.50e-3", "7")
	f.Add("1e125", "-.5")
	f.Fuzz(func(t *testing.T, a, b string) {
		m, err := parseNumber(a)
		wantRefusal(t, err)
		n, err2 := parseNumber(b)
		if err != nil || err2 != nil {
			return
		}
		if again, err := parseNumber(m.String()); err != nil || again != m {
			t.Fatalf("%q is %s, which is read as %s, %v", a, m, again, err)
		}
		if m.cmp(n) != -n.cmp(m) {
			t.Fatalf("%q and %q have no order", a, b)
		}
		_, err = m.add(n)
		wantRefusal(t, err)
		m.floor()
	})
}

func FuzzDecodeItem(f *testing.F) {
	f.Add(encodeItem(sample()))
	f.Add([]byte{codecVersion, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		item, err := decodeItem(b)
		if err != nil {
			return
		}
		again, err := decodeItem(encodeItem(item))
		if err != nil || !cmp.Equal(item, again) {
			t.Fatalf("%v\n%s", err, cmp.Diff(item, again))
		}
	})
}
