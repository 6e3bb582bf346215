package dynamodb

import (
	"github.com/belfry-run/belfry/api/awswire/dynamodbapi"
	"github.com/belfry-run/belfry/table"
)

// types are the types of values, by their numbers on the wire.
var types = [...]table.Type{
	dynamodbapi.TypeS: table.S, dynamodbapi.TypeN: table.N, dynamodbapi.TypeB: table.B,
	dynamodbapi.TypeBOOL: table.BOOL, dynamodbapi.TypeNULL: table.NULL,
	dynamodbapi.TypeM: table.M, dynamodbapi.TypeL: table.L,
	dynamodbapi.TypeSS: table.SS, dynamodbapi.TypeNS: table.NS, dynamodbapi.TypeBS: table.BS,
}

// read translates a value that a client has sent.
func read(v *dynamodbapi.AttributeValue) (table.Value, error) {
	switch v.Type {
	case dynamodbapi.NoType:
		return table.Value{}, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case dynamodbapi.ManyTypes:
		return table.Value{}, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	out := table.Value{Type: types[v.Type], Bool: v.Bool, Text: v.Text, Set: v.Set}
	switch v.Type {
	case dynamodbapi.TypeL:
		out.List = make([]table.Value, len(v.List))
		for i := range v.List {
			e, err := read(&v.List[i])
			if err != nil {
				return out, err
			}
			out.List[i] = e
		}
	case dynamodbapi.TypeM:
		m, err := readItem(v.Map)
		if err != nil {
			return out, err
		}
		out.Map = m
	}
	return out, nil
}

// readItem translates an item; nil stays nil.
func readItem(m map[string]dynamodbapi.AttributeValue) (table.Item, error) {
	if m == nil {
		return nil, nil
	}
	item := make(table.Item, len(m))
	for k, v := range m {
		e, err := read(&v)
		if err != nil {
			return nil, err
		}
		item[k] = e
	}
	return item, nil
}

func readItems(list []map[string]dynamodbapi.AttributeValue) ([]table.Item, error) {
	items := make([]table.Item, len(list))
	for i, m := range list {
		var err error
		if items[i], err = readItem(m); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// write is the inverse of read.
func write(v *table.Value) dynamodbapi.AttributeValue {
	out := dynamodbapi.AttributeValue{Bool: v.Bool, Text: v.Text, Set: v.Set}
	for wire, t := range types {
		if t == v.Type {
			out.Type = dynamodbapi.ValueType(wire)
		}
	}
	switch v.Type {
	case table.NULL:
		out.Bool = true
	case table.L:
		out.List = make([]dynamodbapi.AttributeValue, len(v.List))
		for i := range v.List {
			out.List[i] = write(&v.List[i])
		}
	case table.M:
		out.Map = writeItem(v.Map)
	}
	return out
}

// writeItem is the inverse of readItem.
func writeItem(item table.Item) map[string]dynamodbapi.AttributeValue {
	if item == nil {
		return nil
	}
	m := make(map[string]dynamodbapi.AttributeValue, len(item))
	for k, v := range item {
		m[k] = write(&v)
	}
	return m
}
