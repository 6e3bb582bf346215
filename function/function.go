package function

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
)

// Latest is the version that can be changed; the others are published copies of
// it, with numbers.
const Latest = "$LATEST"

// Limits and defaults of Lambda (semantics.md 3.3).
const (
	MaxZip          = 52_428_800  // bytes of an uploaded zip
	MaxUnzipped     = 262_144_000 // bytes of all files in it
	MaxEntries      = 50_000      // files and folders in it; ours, Lambda publishes none
	MaxPayload      = 6_291_456   // bytes of a synchronous request
	MaxResponse     = 6_291_556   // bytes of a response
	MaxEventPayload = 1 << 20     // bytes of an asynchronous request
	MaxContext      = 3583        // bytes of the client context in base64
	MaxEnvironment  = 4096        // bytes of the environment as JSON
	MaxTimeout      = 900 * time.Second
	DefaultTimeout  = 3 * time.Second
	MaxMemory       = 10240 // MB
	DefaultMemory   = 128   // MB
	MinMemory       = 128   // MB
	MaxStorage      = 10240 // MB
	DefaultStorage  = 512   // MB
)

// A Ref names a function.
type Ref struct {
	belfry.Scope
	Name string
}

// ARN returns the function's Amazon Resource Name, without a version.
func (r Ref) ARN() string {
	return "arn:aws:lambda:" + r.Region + ":" + r.Account + ":function:" + r.Name
}

// A Settings is what a client decides about a function, save its code.
type Settings struct {
	Runtime       string            `json:"runtime"`
	Handler       string            `json:"handler"`
	Role          string            `json:"role"`
	Description   string            `json:"description,omitempty"`
	Timeout       time.Duration     `json:"timeout"` // whole seconds
	Memory        int               `json:"memory"`  // MB
	Storage       int               `json:"storage"` // MB of /tmp; a limit where functions have files of their own
	Environment   map[string]string `json:"environment,omitempty"`
	DeadLetterARN string            `json:"dead_letter,omitempty"` // of a queue that gets the events that failed; others are kept and echoed
	KMSKeyARN     string            `json:"kms_key,omitempty"`     // kept and echoed, not used
	TracingMode   string            `json:"tracing,omitempty"`     // kept and echoed, not used
	LogGroup      string            `json:"log_group,omitempty"`

	LogFormat           string `json:"log_format,omitempty"` // LogText or LogJSON; empty, of functions made before there was a choice, is LogText
	ApplicationLogLevel string `json:"application_log_level,omitempty"`
	SystemLogLevel      string `json:"system_log_level,omitempty"` // the levels are set with LogJSON alone

	Architecture string     `json:"architecture"`
	Layers       []LayerUse `json:"layers,omitempty"` // later ones win over earlier; never changed in place
}

// A Function is the record of one version of a function.
type Function struct {
	Ref
	Settings
	Version    int       `json:"version,omitempty"` // the number of a published one; 0 is Latest
	CodeSHA256 string    `json:"code_sha256"`       // of the zip, base64
	CodeSize   int64     `json:"code_size"`         // of the zip, bytes
	Revision   string    `json:"revision"`          // new when code or settings change: instances of another one end
	Created    time.Time `json:"created"`
	Modified   time.Time `json:"modified"`

	// What follows changes without the instances noticing.

	Tags     map[string]string `json:"tags,omitempty"`
	Policy   Policy            `json:"policy,omitzero"`
	Reserved *int              `json:"reserved,omitempty"` // invocations at once; nil: no limit of its own
	Events   *EventConfig      `json:"events,omitempty"`   // nil: the defaults

	// What follows only the record of Latest has.

	Published int                    `json:"published,omitempty"` // the last version that was; the store sets it
	Aliases   map[string]*Alias      `json:"aliases,omitempty"`
	Attached  map[string]*Attachment `json:"attached,omitempty"` // by version or alias

	// Source is, of a published version, the fingerprint of what it was made of.
	Source string `json:"source,omitempty"`

	OncePer *belfry.OncePer `json:"once_per,omitempty"` // nil: every delivery is let through; never changed in place

	// Change names this state of the record: new at every change, so that of
	// two that were made from the same state one is refused. The store keeps
	// it beside the record.
	Change string `json:"-"`
}

// clone returns a copy that shares nothing that can change.
func (f *Function) clone() *Function {
	c := *f
	c.Environment = maps.Clone(f.Environment)
	c.Tags = maps.Clone(f.Tags)
	c.Policy.Statements = slices.Clone(f.Policy.Statements)
	if f.Reserved != nil {
		c.Reserved = new(*f.Reserved)
	}
	if f.Events != nil {
		c.Events = f.Events.clone()
	}
	c.Aliases = maps.Clone(f.Aliases) // an alias is never changed in place
	c.Attached = maps.Clone(f.Attached)
	for q, a := range c.Attached {
		c.Attached[q] = a.clone()
	}
	return &c
}

// VersionName returns the version as clients know it: its number, or Latest.
func (f *Function) VersionName() string {
	if f.Version == 0 {
		return Latest
	}
	return strconv.Itoa(f.Version)
}

// LogGroupName returns the name of the log group that the function writes to.
func (f *Function) LogGroupName() string {
	if f.LogGroup != "" {
		return f.LogGroup
	}
	return "/aws/lambda/" + f.Name
}

// LogFormatName returns the format of the function's log.
func (f *Function) LogFormatName() string {
	if f.LogFormat == "" {
		return LogText
	}
	return f.LogFormat
}

// codeKey returns the hash of the function's code as the name of its folder.
func (f *Function) codeKey() string { return codeKey(f.CodeSHA256) }

func codeKey(sha256b64 string) string {
	sum, err := base64.StdEncoding.DecodeString(sha256b64)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(sum)
}

// environmentJSON is the text that Lambda measures against its 4 KB.
func environmentJSON(env map[string]string) string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(env)) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSONString(&b, k)
		b.WriteByte(':')
		writeJSONString(&b, env[k])
	}
	b.WriteByte('}')
	return b.String()
}

func writeJSONString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // a string into a buffer cannot fail
	b.Truncate(b.Len() - 1) // Encode ends with a newline
}
