package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// A model is a trimmed botocore service model.
type model struct {
	Metadata struct {
		APIVersion     string `json:"apiVersion"`
		Protocol       string `json:"protocol"`
		JSONVersion    string `json:"jsonVersion"`
		TargetPrefix   string `json:"targetPrefix"`
		SigningName    string `json:"signingName"`
		EndpointPrefix string `json:"endpointPrefix"`
		XMLNamespace   string `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations ordered[*operation] `json:"operations"`
	Shapes     ordered[*shape]     `json:"shapes"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input  *ref  `json:"input"`
	Output *ref  `json:"output"`
	Errors []ref `json:"errors"`
}

type ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
	// ResultWrapper is the element around the answer of the query protocol.
	ResultWrapper string `json:"resultWrapper"`
}

type shape struct {
	Type      string        `json:"type"`
	Required  []string      `json:"required"`
	Members   ordered[*ref] `json:"members"`
	Member    *ref          `json:"member"`
	Key       *ref          `json:"key"`
	Value     *ref          `json:"value"`
	Payload   string        `json:"payload"`
	Enum      []string      `json:"enum"`
	Min       *json.Number  `json:"min"`
	Max       *json.Number  `json:"max"`
	Pattern   string        `json:"pattern"`
	Sensitive bool          `json:"sensitive"`
	Exception bool          `json:"exception"`
	Error     struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
	} `json:"error"`
}

func (s *shape) scalar() bool {
	switch s.Type {
	case "structure", "list", "map", "blob":
		return false
	}
	return true
}

func (s *shape) requires(member string) bool { return slices.Contains(s.Required, member) }

// ordered is a JSON object whose members keep their order.
type ordered[T any] struct {
	names []string
	by    map[string]T
}

// UnmarshalJSON reads an object.
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.by); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, t.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

func readModel(path string) (*model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &model{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
