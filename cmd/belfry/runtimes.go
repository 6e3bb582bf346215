package main

import (
	"encoding/json"
	"fmt"
)

type runtimesCmd struct {
	JSON bool `help:"Print JSON."`
	server
}

// A runtimeItem is a runtime as the native API shows it.
type runtimeItem struct {
	Name        string `json:"name"`
	Interpreter string `json:"interpreter"`
	Version     string `json:"version"`
	Path        string `json:"path"`
	Note        string `json:"note"`
}

func (c *runtimesCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.get("/belfry/v1/runtimes", nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var all struct {
		Items []runtimeItem `json:"items"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	tb := newTable("RUNTIME", "RUNS ON", "VERSION", "PATH", "NOTE")
	for _, r := range all.Items {
		on := r.Interpreter
		if on == "" {
			on = "the function's own program"
		}
		tb.row(r.Name, on, r.Version, r.Path, r.Note)
	}
	return tb.print(out)
}
