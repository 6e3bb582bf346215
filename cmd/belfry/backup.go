package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/belfry-run/belfry/app"
)

type backupCmd struct {
	Directory string `arg:"" placeholder:"DIR" help:"Folder on the server's machine; it must be empty, or not be there."`
	JSON      bool   `help:"Print JSON."`
	server
}

func (c *backupCmd) Run(out output) error {
	dir, err := filepath.Abs(c.Directory)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"directory": dir})
	if err != nil {
		return err
	}
	var answer struct {
		Items []app.Finding `json:"items"`
	}
	p := newProgress(os.Stderr)
	err = c.slow(http.MethodPost, "/belfry/v1/backup", body, p.step, &answer)
	p.end()
	if errors.As(err, new(noServer)) {
		return fmt.Errorf("%w. A backup is made by the server itself; with no server on it, a data directory can be copied as it is", err)
	}
	if err != nil {
		return err
	}
	return printFindings(out, c.JSON, answer.Items)
}

type restoreCmd struct {
	Directory string `arg:"" placeholder:"DIR" help:"Folder that belfry backup has made."`
	Check     bool   `help:"Prove the backup, and change nothing."`
	Data      string `placeholder:"DIR" help:"New data directory to bring it back into; it must be empty, or not be there."`
	JSON      bool   `help:"Print JSON."`
}

func (c *restoreCmd) Run(out output) error {
	if c.Check == (c.Data != "") {
		return wrongUse{errors.New("give --check to prove the backup, or --data DIR to bring it back there")}
	}
	p := newProgress(os.Stderr)
	key := os.Getenv("BELFRY_SECRET_KEY")
	var found []app.Finding
	var err error
	if c.Check {
		found, err = app.CheckBackup(context.Background(), c.Directory, key, p.step)
	} else {
		found, err = app.Restore(context.Background(), c.Directory, c.Data, key, p.step)
	}
	p.end()
	if err != nil {
		return err
	}
	return printFindings(out, c.JSON, found)
}
