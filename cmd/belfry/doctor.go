package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/belfry-run/belfry/app"
)

type doctorCmd struct {
	Data string `env:"BELFRY_DATA" default:"belfry-data" placeholder:"DIR" help:"Data directory to look at when no server answers (${default})."`
	JSON bool   `help:"Print JSON."`
	server
}

// errNotWell is the end of a doctor that has found something; it has said what.
var errNotWell = errors.New("something is wrong; the lines above say what to do")

func (c *doctorCmd) Run(out output) error {
	found, err := list[app.Finding](&c.server, "/belfry/v1/doctor", url.Values{}, pageSize)
	if err != nil && errors.As(err, new(noServer)) {
		found = []app.Finding{{
			Check: "server", Detail: fmt.Sprintf("No server answers at %s.", c.Endpoint),
			Advice: "Start it with \"belfry serve\", or say where it is with --endpoint. What follows is about its data directory.",
		}}
		found = append(found, app.Examine(context.Background(), c.Data, os.Getenv("BELFRY_SECRET_KEY"))...)
		err = nil
	}
	if err != nil {
		return err
	}
	well := true
	for _, f := range found {
		well = well && f.OK
	}
	if err := c.print(out, well, found); err != nil {
		return err
	}
	if !well {
		return errNotWell
	}
	return nil
}

func (c *doctorCmd) print(out output, well bool, found []app.Finding) error {
	if c.JSON {
		return printJSON(out, map[string]any{"ok": well, "items": found})
	}
	for _, f := range found {
		mark := "ok   "
		if !f.OK {
			mark = "WRONG"
		}
		if _, err := fmt.Fprintf(out, "%s  %-10s %s\n", mark, f.Check, f.Detail); err != nil {
			return err
		}
		if f.Advice != "" {
			if _, err := fmt.Fprintf(out, "       %-10s %s\n", "", f.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}
