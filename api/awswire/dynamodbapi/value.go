package dynamodbapi

import (
	"github.com/belfry-run/belfry/api/awswire/internal/jsonwire"
)

// A ValueType is the type of an AttributeValue.
type ValueType uint8

// The types of values, by their names on the wire.
const (
	NoType ValueType = iota // the client named no type
	TypeS
	TypeN
	TypeB
	TypeBOOL
	TypeNULL
	TypeM
	TypeL
	TypeSS
	TypeNS
	TypeBS
	ManyTypes // the client named more than one
)

var typeNames = [...]string{TypeS: "S", TypeN: "N", TypeB: "B", TypeBOOL: "BOOL", TypeNULL: "NULL", TypeM: "M", TypeL: "L", TypeSS: "SS", TypeNS: "NS", TypeBS: "BS"}

// An AttributeValue is AWS's AttributeValue. A request may have very many of
// them, so it is small: what a value of one type has stands in one field.
type AttributeValue struct {
	Type ValueType
	Bool bool                      // BOOL and NULL
	Text string                    // S and N; the bytes of B
	Set  []string                  // SS and NS; the bytes of BS
	List []AttributeValue          // L
	Map  map[string]AttributeValue // M
}

func decodeAttributeValue(d *jsonwire.Decoder, v *AttributeValue) bool {
	if !d.Object() {
		return false
	}
	for d.Member() {
		t := NoType
		switch string(d.Key()) {
		case "S":
			t = v.text(d, TypeS)
		case "N":
			t = v.text(d, TypeN)
		case "B":
			if b := d.Blob(); b != nil {
				t, v.Text = TypeB, string(b)
			}
		case "BOOL":
			t = v.boolean(d, TypeBOOL)
		case "NULL":
			t = v.boolean(d, TypeNULL)
		case "M":
			if v.Map = decodeValues(d); v.Map != nil {
				t = TypeM
			}
		case "L":
			if v.List = decodeList(d); v.List != nil {
				t = TypeL
			}
		case "SS":
			t = v.texts(d, TypeSS)
		case "NS":
			t = v.texts(d, TypeNS)
		case "BS":
			t = v.blobs(d)
		default:
			d.Skip()
		}
		switch {
		case t == NoType:
		case v.Type == NoType || v.Type == t:
			v.Type = t
		default:
			v.Type = ManyTypes
		}
	}
	return true
}

func (v *AttributeValue) text(d *jsonwire.Decoder, t ValueType) ValueType {
	s, ok := d.Text()
	if !ok {
		return NoType
	}
	v.Text = s
	return t
}

func (v *AttributeValue) boolean(d *jsonwire.Decoder, t ValueType) ValueType {
	b := d.Bool()
	if b == nil {
		return NoType
	}
	v.Bool = *b
	return t
}

func (v *AttributeValue) texts(d *jsonwire.Decoder, t ValueType) ValueType {
	if !d.Array() {
		return NoType
	}
	v.Set = []string{}
	for d.Element() {
		if s, ok := d.Text(); ok {
			v.Set = append(v.Set, s)
		}
	}
	return t
}

func (v *AttributeValue) blobs(d *jsonwire.Decoder) ValueType {
	if !d.Array() {
		return NoType
	}
	v.Set = []string{}
	for d.Element() {
		if b := d.Blob(); b != nil {
			v.Set = append(v.Set, string(b))
		}
	}
	return TypeBS
}

func decodeValues(d *jsonwire.Decoder) map[string]AttributeValue {
	if !d.Object() {
		return nil
	}
	v := map[string]AttributeValue{}
	for d.Member() {
		k := string(d.Key())
		var e AttributeValue
		if decodeAttributeValue(d, &e) {
			v[k] = e
		}
	}
	return v
}

func decodeList(d *jsonwire.Decoder) []AttributeValue {
	if !d.Array() {
		return nil
	}
	v := []AttributeValue{}
	for d.Element() {
		var e AttributeValue
		if decodeAttributeValue(d, &e) {
			v = append(v, e)
		}
	}
	return v
}

func appendAttributeValue(b []byte, v *AttributeValue) []byte {
	b = append(b, '{')
	if int(v.Type) < len(typeNames) && v.Type != NoType {
		b = jsonwire.Name(b, typeNames[v.Type])
	}
	switch v.Type {
	case TypeS, TypeN:
		b = jsonwire.String(b, v.Text)
	case TypeB:
		b = jsonwire.Blob(b, []byte(v.Text))
	case TypeBOOL, TypeNULL:
		b = jsonwire.Bool(b, v.Bool)
	case TypeM:
		b = appendAttributeMap(b, v.Map)
	case TypeL:
		b = append(b, '[')
		for i := range v.List {
			b = appendAttributeValue(jsonwire.Sep(b), &v.List[i])
		}
		b = append(b, ']')
	case TypeSS, TypeNS, TypeBS:
		b = append(b, '[')
		for _, s := range v.Set {
			b = jsonwire.Sep(b)
			if v.Type == TypeBS {
				b = jsonwire.Blob(b, []byte(s))
			} else {
				b = jsonwire.String(b, s)
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// AppendItem appends an item as JSON, for the bodies of errors.
func AppendItem(b []byte, item map[string]AttributeValue) []byte { return appendAttributeMap(b, item) }

// A CancellationReason says what one action of a cancelled transaction came to.
type CancellationReason struct {
	Code, Message string                    // Message may be empty
	Item          map[string]AttributeValue // nil is absent
}

// AppendCancellationReasons appends the reasons of a cancelled transaction as
// JSON, for the body of the error.
func AppendCancellationReasons(b []byte, reasons []CancellationReason) []byte {
	b = append(b, '[')
	for i := range reasons {
		r := &reasons[i]
		b = append(jsonwire.Sep(b), '{')
		b = jsonwire.String(jsonwire.Name(b, "Code"), r.Code)
		if r.Message != "" {
			b = jsonwire.String(jsonwire.Name(b, "Message"), r.Message)
		}
		if r.Item != nil {
			b = appendAttributeMap(jsonwire.Name(b, "Item"), r.Item)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}
