package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func text(s string) Value           { return Value{Type: S, Text: s} }
func num(s string) Value            { return Value{Type: N, Text: s} }
func list(v ...Value) Value         { return Value{Type: L, List: v} }
func dict(m map[string]Value) Value { return Value{Type: M, Map: m} }
func set(t Type, s ...string) Value { return Value{Type: t, Set: s} }

// sample is the item that the expressions below are about; a new one each time.
func sample() Item {
	return Item{
		"k": text("key"), "s": text("hello"), "n": num("10"), "big": num("12345678901234567890123456789012345678"),
		"b": {Type: B, Text: "\x01\x02"}, "yes": {Type: BOOL, Bool: true}, "nil": {Type: NULL, Bool: true},
		"l": list(text("a"), num("1"), dict(map[string]Value{"x": num("7")})), "m": dict(map[string]Value{"a": dict(map[string]Value{"b": num("1")}), "dotted.name": text("d")}),
		"ss": set(SS, "a", "b"), "ns": set(NS, "1", "2.5"), "bs": set(BS, "\x01"), "wide": text("e\U0001F512"),
	}
}

func sampleValues() map[string]Value {
	return map[string]Value{
		":hello": text("hello"), ":he": text("he"), ":z": text("z"), ":a": text("a"), ":S": text("S"), ":wrong": text("X"),
		":0": num("0"), ":1": num("1"), ":2": num("2"), ":3": num("3"), ":5": num("5"), ":10": num("10"), ":11": num("11"), ":2.5": num("2.5"),
		":big": num("12345678901234567890123456789012345679"), ":bin": {Type: B, Text: "\x01"}, ":yes": {Type: BOOL, Bool: true}, ":null": {Type: NULL, Bool: true},
		":ss": set(SS, "a", "b"), ":sa": set(SS, "a"), ":sc": set(SS, "c"), ":ns": set(NS, "2.5", "9"), ":bs": set(BS, "\x01"), ":l": list(num("9")),
		":m": dict(map[string]Value{"b": num("1")}),
	}
}

func sampleTerms() *terms {
	values := sampleValues()
	values[":half"] = num("2.5")
	delete(values, ":2.5")
	return &terms{
		names:  map[string]string{"#n": "n", "#gone": "gone", "#dotted": "dotted.name", "#size": "size"},
		values: values, named: map[string]bool{}, asked: map[string]bool{},
	}
}

func TestConditions(t *testing.T) {
	for src, want := range map[string]bool{
		"attribute_exists(n)":               true,
		"attribute_exists(gone)":            false,
		"attribute_not_exists(gone)":        true,
		"attribute_not_exists(n)":           false,
		"attribute_exists(m.a.b)":           true,
		"attribute_exists(m.a.c)":           false,
		"attribute_exists(l[2].x)":          true,
		"attribute_exists(l[3])":            false,
		"attribute_exists(l.x)":             false,
		"attribute_exists(m[0])":            false,
		"attribute_exists(m.#dotted)":       true,
		"attribute_type(s, :S)":             true,
		"attribute_type(n, :S)":             false,
		"attribute_type(gone, :S)":          false,
		"begins_with(s, :he)":               true,
		"begins_with(s, :z)":                false,
		"begins_with(b, :bin)":              true,
		"begins_with(n, :he)":               false,
		"begins_with(gone, :he)":            false,
		"contains(s, :he)":                  true,
		"contains(ss, :a)":                  true,
		"contains(ss, :z)":                  false,
		"contains(ns, :half)":               true,
		"contains(bs, :bin)":                true,
		"contains(l, :a)":                   true,
		"contains(l, :1)":                   true,
		"contains(l, :2)":                   false,
		"contains(n, :1)":                   false,
		"n = :10":                           true,
		"#n = :10":                          true,
		"n <> :10":                          false,
		"n <> :11":                          true,
		"n <> :a":                           true,
		"gone <> :a":                        true,
		"gone = :a":                         false,
		"n < :11":                           true,
		"n < :10":                           false,
		"n <= :10":                          true,
		"n > :5":                            true,
		"n >= :10":                          true,
		"n >= :11":                          false,
		"gone < :11":                        false,
		"gone >= :0":                        false,
		"s < :11":                           false,
		"s > :11":                           false,
		"s < :z":                            true,
		"b > :bin":                          true,
		":5 < n":                            true,
		"big < :big":                        true,
		"big = :big":                        false,
		"yes = :yes":                        true,
		"nil = :null":                       true,
		"ss = :ss":                          true,
		"m.a = :m":                          true,
		"n BETWEEN :5 AND :11":              true,
		"n between :10 and :10":             true,
		"n BETWEEN :11 AND :11":             false,
		"NOT n BETWEEN :5 AND :11":          false,
		"s BETWEEN :5 AND :11":              false,
		"n IN (:1, :10)":                    true,
		"n in (:1, :2)":                     false,
		"gone IN (:1)":                      false,
		"size(s) = :5":                      true,
		"size(wide) = :3":                   true,
		"size(ss) = :2":                     true,
		"size(l) = :3":                      true,
		"size(m) = :2":                      true,
		"size(b) = :2":                      true,
		"size(n) = :2":                      false,
		"size(gone) <> :2":                  true,
		"size(gone) < :2":                   false,
		"size (s) > size(ss)":               true,
		"attribute_exists(n) AND n = :10":   true,
		"attribute_exists(gone) OR n = :10": true,
		"attribute_exists(gone) AND n = :10 OR s = :hello": true,
		"s = :hello OR n = :10 AND n = :11":                true,
		"(s = :hello OR n = :10) AND n = :11":              false,
		"NOT attribute_exists(gone) AND n = :10":           true,
		"NOT (attribute_exists(gone) OR n = :10)":          false,
		"not NOT n = :10":                                  true,
		"((n=:10))":                                        true,
		"(attribute_not_exists(#gone) OR #n < :11)":        true,
	} {
		c, err := parseCondition("ConditionExpression", src, sampleTerms())
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if got := c.holds(sample()); got != want {
			t.Errorf("%s is %t, want %t", src, got, want)
		}
	}
}

// On an item that is not there, a condition sees no attribute.
func TestConditionsWithoutAnItem(t *testing.T) {
	for src, want := range map[string]bool{
		"attribute_not_exists(k)": true, "attribute_exists(k)": false, "n < :10": false, "n <> :10": true, "NOT n = :10": true,
		"attribute_not_exists(k) OR n < :10": true,
	} {
		c, err := parseCondition("ConditionExpression", src, sampleTerms())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.holds(nil); got != want {
			t.Errorf("%s is %t, want %t", src, got, want)
		}
	}
}

func TestConditionsThatAreRefused(t *testing.T) {
	many := strings.Repeat("n = :10 OR ", 150) + "n = :10" // 151 comparators, 150 ORs
	for src, want := range map[string]string{
		"":                           "The expression can not be empty;",
		strings.Repeat(" ", 4097):    "Expression size has exceeded the maximum allowed size; expression size: 4097",
		"n":                          `Syntax error; token: "<EOF>", near: "n"`,
		"n = ":                       `Syntax error; token: "<EOF>", near: "="`,
		"n = :10 n":                  `Syntax error; token: "n", near: ":10 n"`,
		"n = :10)":                   `Syntax error; token: ")", near: ":10 )"`,
		"(n = :10":                   `Syntax error; token: "<EOF>"`,
		"n == :10":                   `Syntax error; token: "=", near: "= = :10"`,
		"n ! :10":                    `Syntax error; token: "!", near: "! "`,
		"a. = :10":                   `Syntax error; token: "="`,
		"l[a] = :10":                 `Syntax error; token: "a"`,
		"l[-1] = :10":                `Syntax error; token: "-"`,
		"l[99999999999999999] = :10": "List index is not within the allowable range; index: [99999999999999999]",
		"n IN ()":                    `Syntax error; token: ")"`,
		"n BETWEEN :1":               `Syntax error; token: "<EOF>"`,
		": = :10":                    `Syntax error; token: ":"`,
		"n = :nope":                  "An expression attribute value used in expression is not defined; attribute value: :nope",
		"#nope = :10":                "An expression attribute name used in the document path is not defined; attribute name: #nope",
		"name = :10":                 "Attribute name is a reserved keyword; reserved keyword: name",
		"m.Name = :10":               "Attribute name is a reserved keyword; reserved keyword: Name",
		"foo(n)":                     "Invalid function name; function: foo",
		"Size(n) = :10":              "Invalid function name; function: Size",
		"size(n)":                    `Syntax error; token: "<EOF>"`,
		"list_append(l, :l)":         "The function is not allowed to be used this way in an expression; function: list_append",
		"n = attribute_exists(n)":    "The function is not allowed to be used this way in an expression; function: attribute_exists",
		"attribute_exists(:10)":      "Operator or function requires a document path; operator or function: attribute_exists",
		"attribute_exists(size(s))":  "Operator or function requires a document path; operator or function: attribute_exists",
		"attribute_exists(n, s)":     "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
		"begins_with(s)":             "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
		"begins_with(s, :10)":        "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
		"attribute_type(s, :10)":     "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
		"attribute_type(s, :wrong)":  "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
		"size(:10) = :10":            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
		"n < :yes":                   "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
		"n BETWEEN :ss AND :ss":      "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: SS",
		"n BETWEEN :11 AND :10":      "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:11}, upper bound operand: AttributeValue: {N:10}",
		"n BETWEEN :a AND :10":       "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:10}",
		"n = n":                      "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]",
		"n IN (:1" + strings.Repeat(", :1", 100) + ")": "Incorrect number of operands for operator or function; operator or function: IN, number of operands: 102",
		many: "The expression contains too many operators; operator count: 301",
		"a" + strings.Repeat(".a", 32) + " = :10": "The document path has too many nesting elements; nesting levels: 33",
	} {
		_, err := parseCondition("ConditionExpression", src, sampleTerms())
		if err == nil || !strings.HasPrefix(err.Error(), "Invalid ConditionExpression: "+want) {
			t.Errorf("%.60s: error is\n%v, want\n%s", src, err, want)
		}
	}
	for _, src := range []string{
		strings.TrimSuffix(many, " OR n = :10"), "n IN (:1" + strings.Repeat(", :1", 99) + ")",
		"a" + strings.Repeat(".a", 31) + " = :10", "n = :10" + strings.Repeat(" ", 4096-7),
		strings.Repeat("(", 2000) + "n = :10" + strings.Repeat(")", 2000),
	} {
		if _, err := parseCondition("ConditionExpression", src, sampleTerms()); err != nil {
			t.Errorf("%.60s: %v", src, err)
		}
	}
}

func TestUpdates(t *testing.T) {
	for src, want := range map[string]Item{ // nil values: the attribute is gone
		"SET n = :1":                                    {"n": num("1")},
		"set #gone = n + :1":                            {"gone": num("11")},
		"SET n = n - :11, s = :a":                       {"n": num("-1"), "s": text("a")},
		"SET n = :5 - n":                                {"n": num("-5")},
		"SET n = big, big = n":                          {"n": num("12345678901234567890123456789012345678"), "big": num("10")},
		"SET n = (n + :1)":                              {"n": num("11")},
		"SET n = if_not_exists(n, :1)":                  {"n": num("10")},
		"SET c = if_not_exists(c, :0) + :1":             {"c": num("1")},
		"SET c = if_not_exists(m.a.c, m.a.b)":           {"c": num("1")},
		"SET l = list_append(l, :l)":                    {"l": list(text("a"), num("1"), dict(map[string]Value{"x": num("7")}), num("9"))},
		"SET c = list_append(:l, :l)":                   {"c": list(num("9"), num("9"))},
		"SET c = list_append(if_not_exists(c, :l), :l)": {"c": list(num("9"), num("9"))},
		"SET l[1] = :2":                                 {"l": list(text("a"), num("2"), dict(map[string]Value{"x": num("7")}))},
		"SET l[9] = :2, l[7] = :1":                      {"l": list(text("a"), num("1"), dict(map[string]Value{"x": num("7")}), num("1"), num("2"))},
		"SET l[2].y = :2":                               {"l": list(text("a"), num("1"), dict(map[string]Value{"x": num("7"), "y": num("2")}))},
		"SET m.a.b = :2":                                {"m": dict(map[string]Value{"a": dict(map[string]Value{"b": num("2")}), "dotted.name": text("d")})},
		"SET m.#dotted = :2":                            {"m": dict(map[string]Value{"a": dict(map[string]Value{"b": num("1")}), "dotted.name": num("2")})},
		"REMOVE n, gone":                                {"n": {}},
		"REMOVE l[0], l[2]":                             {"l": list(num("1"))},
		"REMOVE l[0], l[2].x, l[8]":                     {"l": list(num("1"), dict(map[string]Value{}))},
		"REMOVE m.a.b":                                  {"m": dict(map[string]Value{"a": dict(map[string]Value{}), "dotted.name": text("d")})},
		"REMOVE m.a.gone":                               {},
		"SET l[0] = :1 REMOVE l[1]":                     {"l": list(num("1"), dict(map[string]Value{"x": num("7")}))},
		"ADD n :1":                                      {"n": num("11")},
		"ADD gone :1":                                   {"gone": num("1")},
		"ADD m.a.b :1, m.a.c :1":                        {"m": dict(map[string]Value{"a": dict(map[string]Value{"b": num("2"), "c": num("1")}), "dotted.name": text("d")})},
		"ADD ss :sc, ns :ns":                            {"ss": set(SS, "a", "b", "c"), "ns": set(NS, "1", "2.5", "9")},
		"ADD gone :sc":                                  {"gone": set(SS, "c")},
		"DELETE ss :sa, ns :ns":                         {"ss": set(SS, "b"), "ns": set(NS, "1")},
		"DELETE ss :ss, gone :ss, bs :bs":               {"ss": {}, "bs": {}},
		"REMOVE s ADD n :1 SET b=:a DELETE ss :sa":      {"s": {}, "n": num("11"), "b": text("a"), "ss": set(SS, "b")},
	} {
		u, err := parseUpdate(src, sampleTerms())
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		got := sample()
		if err := u.apply(got, sample()); err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		after := sample()
		for k, v := range want {
			if after[k] = v; v.Type == 0 {
				delete(after, k)
			}
		}
		if d := cmp.Diff(after, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", src, d)
		}
	}
}

func TestUpdatesThatAreRefused(t *testing.T) {
	for src, want := range map[string]string{
		"":                              "The expression can not be empty;",
		"n = :1":                        `Syntax error; token: "n"`,
		"SET":                           `Syntax error; token: "<EOF>"`,
		"SET n":                         `Syntax error; token: "<EOF>"`,
		"SET n = :1,":                   `Syntax error; token: "<EOF>"`,
		"SET n = :1 :1":                 `Syntax error; token: ":1"`,
		"SET n = n + n + n":             `Syntax error; token: "+"`,
		"ADD n n":                       `Syntax error; token: "n"`,
		"SET n = :1 SET s = :1":         `The "SET" section can only be used once in an update expression;`,
		"SET n = :1 REMOVE n":           "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]",
		"SET m.a = :1, m.a.b = :1":      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, a], path two: [m, a, b]",
		"SET m.a = :1, m[0] = :1":       "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, a], path two: [m, [0]]",
		"SET n = foo(n)":                "Invalid function name; function: foo",
		"SET n = size(n)":               "The function is not allowed in an update expression; function: size",
		"SET n = if_not_exists(:1, :1)": "Operator or function requires a document path; operator or function: if_not_exists",
		"SET n = n + :a":                "Incorrect operand type for operator or function; operator or function: +, operand type: S",
		"SET n = list_append(l, :1)":    "Incorrect operand type for operator or function; operator or function: list_append, operand type: N",
		"ADD n :a":                      "Incorrect operand type for operator or function; operator: ADD, operand type: S",
		"DELETE n :1":                   "Incorrect operand type for operator or function; operator: DELETE, operand type: N",
	} {
		_, err := parseUpdate(src, sampleTerms())
		if err == nil || !strings.HasPrefix(err.Error(), "Invalid UpdateExpression: "+want) {
			t.Errorf("%s: error is\n%v, want\n%s", src, err, want)
		}
	}
	for src, want := range map[string]error{
		"SET n = gone": errNoAttribute, "SET n = s + :1": errOperandType, "SET n = gone + :1": errNoAttribute, "SET n = list_append(s, :l)": errOperandType,
		"SET x.y = :1": errBadPath, "SET s.y = :1": errBadPath, "SET m[0] = :1": errBadPath, "SET l[7].x = :1": errBadPath, "REMOVE x.y": errBadPath,
		"ADD s :1": errOperandType, "ADD ss :ns": errOperandType, "DELETE ss :ns": errOperandType,
	} {
		u, err := parseUpdate(src, sampleTerms())
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if err := u.apply(sample(), sample()); err != want { //nolint:errorlint // the very value
			t.Errorf("%s: error is %v, want %v", src, err, want)
		}
	}
}

func TestProjections(t *testing.T) {
	for src, want := range map[string]Item{
		"n":              {"n": num("10")},
		"n, gone, s":     {"n": num("10"), "s": text("hello")},
		"m.a.b":          {"m": dict(map[string]Value{"a": dict(map[string]Value{"b": num("1")})})},
		"m.#dotted":      {"m": dict(map[string]Value{"dotted.name": text("d")})},
		"l[2].x, l[0]":   {"l": list(text("a"), dict(map[string]Value{"x": num("7")}))},
		"l[9], m.z, n.z": {},
	} {
		p, err := newParser("ProjectionExpression", src, sampleTerms())
		if err != nil {
			t.Fatal(err)
		}
		proj, err := p.projection()
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if d := cmp.Diff(want, proj.of(sample())); d != "" {
			t.Errorf("%s (-want +got)\n%s", src, d)
		}
	}
	for src, want := range map[string]string{
		"n,": `Syntax error; token: "<EOF>"`, "n s": `Syntax error; token: "s"`, ":a": `Syntax error; token: ":a"`, "m, m.a": "Two document paths overlap",
	} {
		p, err := newParser("ProjectionExpression", src, sampleTerms())
		if err == nil {
			_, err = p.projection()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "Invalid ProjectionExpression: "+want) {
			t.Errorf("%s: error is %v, want %s", src, err, want)
		}
	}
}

func TestKeyConditions(t *testing.T) {
	tbl := &Table{Settings: Settings{Hash: KeyAttribute{"k", S}, Range: KeyAttribute{"r", S}}}
	span := func(low, high string) string { return fmt.Sprintf("%q %q", low, high) }
	for src, want := range map[string]string{
		"k = :a":                         span("", ""),
		"k = :a AND r = :he":             span("he", "he\x00"),
		"r = :he AND k = :a":             span("he", "he\x00"),
		"(k = :a) AND (r < :he)":         span("", "he"),
		"k = :a AND r <= :he":            span("", "he\x00"),
		"k = :a AND r > :he":             span("he\x00", ""),
		"k = :a AND r >= :he":            span("he", ""),
		"k = :a AND r BETWEEN :a AND :z": span("a", "z\x00"),
		"k = :a AND begins_with(r, :he)": span("he", "hf"),
	} {
		s, err := tbl.keyCondition(src, sampleTerms())
		if err != nil || string(s.Hash) != "a" || span(string(s.Low), string(s.High)) != want {
			t.Errorf("%s is %q %q %q, %v, want %s", src, s.Hash, s.Low, s.High, err, want)
		}
	}
	for src, want := range map[string]string{
		"r = :a":                         "Query condition missed key schema element: k",
		"k = :a AND s = :a":              "Query condition missed key schema element: r",
		"k < :a":                         "Query key condition not supported",
		"k = :a AND size(r) = :1":        "Query key condition not supported",
		"k = :a AND r = s":               "Query key condition not supported",
		"k = :a AND r = :1":              "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"k = :a AND k = :a":              "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
		"k = :a OR r = :a":               "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR",
		"NOT k = :a":                     "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: NOT",
		"k = :a AND r <> :a":             "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: <>",
		"k = :a AND attribute_exists(r)": "Invalid KeyConditionExpression: The function is not supported",
	} {
		if _, err := tbl.keyCondition(src, sampleTerms()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", src, err, want)
		}
	}
}

func TestNamesAndValues(t *testing.T) {
	for _, c := range []struct {
		e    Expressions
		want string
	}{
		{Expressions{Names: map[string]string{"#a": "a"}}, "ExpressionAttributeNames can only be specified when using expressions"},
		{Expressions{Values: map[string]Value{":a": num("1")}}, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"},
		{Expressions{Condition: new("a = :a"), Names: map[string]string{}}, "ExpressionAttributeNames must not be empty"},
		{Expressions{Condition: new("a = :a"), Values: map[string]Value{}}, "ExpressionAttributeValues must not be empty"},
		{Expressions{Condition: new("a = :a"), Names: map[string]string{"a": "a"}}, `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`},
		{Expressions{Condition: new("a = :a"), Values: map[string]Value{":a b": num("1")}}, `ExpressionAttributeValues contains invalid key: Syntax error; key: ":a b"`},
		{Expressions{Condition: new("a = :a"), Values: map[string]Value{":a": num("x")}}, "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :a"},
	} {
		if _, err := c.e.terms("ConditionExpression"); err == nil || err.Error() != c.want {
			t.Errorf("error is %v, want %s", err, c.want)
		}
	}
	terms, err := (&Expressions{Condition: new("a = :a"), Names: map[string]string{"#a": "a", "#b": "b"}, Values: map[string]Value{":a": num("1"), ":b": num("1")}}).terms("ConditionExpression")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseCondition("ConditionExpression", "#a = :b AND #b = :b", terms); err != nil {
		t.Fatal(err)
	}
	if err := terms.unused(); err == nil || err.Error() != "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}" {
		t.Errorf("error is %v", err)
	}
}
