package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ManifestName is the file in a function's folder that says how it is deployed.
const ManifestName = "belfry.json"

// A Manifest is what belfry.json and flags say of a function. What is not set is
// guessed from the files or left as it is on the server.
type Manifest struct {
	Name         string `json:"name"` // default: that of the folder
	Runtime      string `json:"runtime"`
	Handler      string `json:"handler"`
	Description  string `json:"description"`
	Role         string `json:"role"`         // name or ARN; default of a new function: belfry
	Architecture string `json:"architecture"` // x86_64 or arm64
	Timeout      int    `json:"timeout"`      // seconds
	Memory       int    `json:"memory"`       // MB
	Storage      int    `json:"storage"`      // MB of /tmp
	// Environment is all variables. The value null is taken from the environment
	// of who deploys.
	Environment map[string]*string `json:"environment"`
	Layers      []string           `json:"layers"`      // ARNs of versions
	DeadLetter  string             `json:"dead_letter"` // of asynchronous invocations; see [Schedule.DeadLetter]
	OncePer     json.RawMessage    `json:"once_per"`    // as the native API has it; null takes it away
	Schedules   []Schedule         `json:"schedules"`
}

// A Schedule runs the function. It is, on the server, what stands here; only its
// state and its once_per are left as they are when they are not named.
type Schedule struct {
	Name        string          `json:"name"`  // default: the function's, if there is one schedule
	Group       string          `json:"group"` // made if it is not there; default: default
	Description string          `json:"description"`
	Expression  string          `json:"expression"`
	Timezone    string          `json:"timezone"` // default: UTC
	Start       time.Time       `json:"start"`
	End         time.Time       `json:"end"`
	Window      int             `json:"window"`  // minutes of a flexible time window; 0: none
	Enabled     *bool           `json:"enabled"` // default of a new schedule: true
	Input       json.RawMessage `json:"input"`   // any JSON
	Retry       *Retry          `json:"retry"`
	// DeadLetter is the queue that gets what could not be delivered: its ARN, or
	// its name, and then it is made if it is not there.
	DeadLetter string          `json:"dead_letter"`
	Role       string          `json:"role"` // name or ARN; default: belfry
	OncePer    json.RawMessage `json:"once_per"`
}

// A Retry bounds the further attempts at a run.
type Retry struct {
	Attempts *int `json:"attempts"` // 0 to 185; default: 185
	MaxAge   *int `json:"max_age"`  // seconds, 60 to 86400; default: 86400
}

// Limits of AWS Scheduler, where they are needed before the server is asked.
const (
	maxAttempts = 185
	minAge      = 60
	maxAge      = 86_400
	maxWindow   = 1440
)

// ReadManifest reads the belfry.json of a folder; an empty one if there is none.
func ReadManifest(dir string) (*Manifest, error) {
	m := &Manifest{}
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return m, nil // a folder that is none is for Prepare to see
	}
	if err != nil {
		return nil, err
	}
	if err := parse(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	return m, nil
}

func parse(text []byte, m *Manifest) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(m)
	if err == nil {
		if _, err := d.Token(); err != io.EOF {
			return fmt.Errorf("line %d: something follows the end of the object", lineOf(text, d.InputOffset()))
		}
		return nil
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("line %d is not JSON: %w", lineOf(text, e.Offset), e)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the file ends in the middle of the object")
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("line %d: %s is a %s, want %s", lineOf(text, e.Offset), e.Field, e.Value, wanted(e.Type.Kind().String()))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return fmt.Errorf("%s is not a time such as 2026-12-24T18:00:00Z", e.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: ") + "; docs/deploy.md lists the fields")
}

func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}

func wanted(kind string) string {
	switch kind {
	case "int":
		return "a whole number"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	}
	return "an object"
}
