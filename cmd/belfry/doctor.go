package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/belfry-run/belfry/app"
)

type doctorCmd struct {
	Data string `env:"BELFRY_DATA" default:"belfry-data" placeholder:"DIR" help:"Data directory to look at when no server answers (${default})."`
	Deep bool   `help:"Check every file too, and what must be true of the ledger. Reads everything, which may take minutes."`
	JSON bool   `help:"Print JSON."`
	server
}

// errNotWell is the end of a doctor that has found something; it has said what.
var errNotWell = errors.New("something is wrong; the lines above say what to do")

func (c *doctorCmd) Run(out output) error {
	p := newProgress(os.Stderr)
	found, err := c.ask(p)
	if err != nil && errors.As(err, new(noServer)) {
		found = []app.Finding{{
			Check: "server", Detail: fmt.Sprintf("No server answers at %s.", c.Endpoint),
			Advice: "Start it with \"belfry serve\", or say where it is with --endpoint. What follows is about its data directory.",
		}}
		var deep func(string)
		if c.Deep {
			deep = p.step
		}
		found = append(found, app.Examine(context.Background(), c.Data, os.Getenv("BELFRY_SECRET_KEY"), deep)...)
		err = nil
	}
	p.end()
	if err != nil {
		return err
	}
	return printFindings(out, c.JSON, found)
}

// ask has the server look at itself.
func (c *doctorCmd) ask(p *progress) ([]app.Finding, error) {
	if !c.Deep {
		return list[app.Finding](&c.server, "/belfry/v1/doctor", url.Values{}, pageSize)
	}
	var answer struct {
		Items []app.Finding `json:"items"`
	}
	err := c.slow(http.MethodGet, "/belfry/v1/doctor?deep=1", nil, p.step, &answer)
	return answer.Items, err
}

// printFindings prints what was found; the error says whether something is wrong.
func printFindings(out output, asJSON bool, found []app.Finding) error {
	well := true
	for _, f := range found {
		well = well && f.OK
	}
	if err := findings(out, asJSON, well, found); err != nil {
		return err
	}
	if !well {
		return errNotWell
	}
	return nil
}

func findings(out output, asJSON, well bool, found []app.Finding) error {
	if asJSON {
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
