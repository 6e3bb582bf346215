package function

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Formats of a function's log.
const (
	LogText = "Text"
	LogJSON = "JSON"
)

// systemLevels are those of platform events, from the one that lets most pass on.
var systemLevels = []string{"DEBUG", "INFO", "WARN"}

const defaultLevel = "INFO"

// checkLogging says whether Lambda would take the settings of the log, and
// completes them.
func (s *Settings) checkLogging() error {
	if s.LogFormat == "" {
		s.LogFormat = LogText
	}
	if s.LogFormat == LogText {
		if s.ApplicationLogLevel != "" || s.SystemLogLevel != "" {
			return invalid("LoggingConfig", "The log levels ApplicationLogLevel and SystemLogLevel need the log format JSON: set LogFormat to JSON, or leave the levels out.")
		}
		return nil
	}
	if s.ApplicationLogLevel == "" {
		s.ApplicationLogLevel = defaultLevel
	}
	if s.SystemLogLevel == "" {
		s.SystemLogLevel = defaultLevel
	}
	return nil
}

// A platformEvent is what the host has to say in a function's log: a text in the
// one format, an object in the other.
type platformEvent struct {
	level  string // of systemLevels
	kind   string // platform.start and such; empty: there is none in JSON
	record any
	text   string // with its line breaks
}

// line returns the event as it stands in the log of f; empty: it does not.
func (e *platformEvent) line(f *Function, now time.Time) string {
	if f.LogFormat != LogJSON {
		return e.text
	}
	if e.kind == "" || levelOf(systemLevels, e.level) < levelOf(systemLevels, f.SystemLogLevel) {
		return ""
	}
	b, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{now.UTC().Format("2006-01-02T15:04:05.000Z"), e.kind, e.record})
	if err != nil {
		return "" // plain data can be encoded
	}
	return string(b) + "\n"
}

func levelOf(levels []string, name string) int {
	for i, l := range levels {
		if l == name {
			return i
		}
	}
	return 0
}

func initStart(f *Function, banner string) *platformEvent {
	return &platformEvent{
		level: "INFO", kind: "platform.initStart",
		record: struct {
			Type     string `json:"initializationType"`
			Phase    string `json:"phase"`
			Runtime  string `json:"runtimeVersion"`
			ARN      string `json:"runtimeVersionArn"`
			Function string `json:"functionName"`
			Version  string `json:"functionVersion"`
		}{"on-demand", "init", banner, RuntimeVersionARN(f), f.Name, f.VersionName()},
		text: fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s\n", banner, RuntimeVersionARN(f)),
	}
}

func initReport(took time.Duration, status string) *platformEvent {
	type metrics struct {
		Duration float64 `json:"durationMs"`
	}
	return &platformEvent{
		level: "WARN", kind: "platform.initReport", // it is told of a failure alone
		record: struct {
			Type    string  `json:"initializationType"`
			Phase   string  `json:"phase"`
			Status  string  `json:"status"`
			Metrics metrics `json:"metrics"`
		}{"on-demand", "init", status, metrics{inMillis(took)}},
		text: fmt.Sprintf("INIT_REPORT Init Duration: %s ms\tPhase: init\tStatus: %s\n", millis(took), status),
	}
}

func startEvent(id string, f *Function) *platformEvent {
	return &platformEvent{
		level: "INFO", kind: "platform.start",
		record: struct {
			ID      string `json:"requestId"`
			Version string `json:"version"`
		}{id, f.VersionName()},
		text: fmt.Sprintf("START RequestId: %s Version: %s\n", id, f.VersionName()),
	}
}

// ends are the events that close an invocation: its end and its report.
func (v *outcome) ends(status, kind string) []*platformEvent {
	done := "success"
	switch {
	case status == "timeout":
		done = status
	case status != "" || v.FunctionError != "":
		done = "error"
	}
	level, doneLevel := "INFO", "DEBUG"
	if done != "success" {
		level, doneLevel = "WARN", "WARN"
	}
	type metrics struct {
		Duration float64 `json:"durationMs"`
		Billed   int64   `json:"billedDurationMs"`
		Memory   int     `json:"memorySizeMB"`
		Used     int     `json:"maxMemoryUsedMB"`
		Init     float64 `json:"initDurationMs,omitempty"`
	}
	type produced struct {
		Duration float64 `json:"durationMs"`
	}
	if kind == "" {
		_, kind, _ = strings.Cut(status, "Error Type: ")
	}
	billed := int64((v.Duration + time.Millisecond - 1) / time.Millisecond)
	text := fmt.Sprintf("REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		v.id, millis(v.Duration), billed, v.fn.Memory, v.PeakMemory)
	if v.Init > 0 {
		text += fmt.Sprintf("Init Duration: %s ms\t", millis(v.Init))
	}
	if status != "" {
		text += fmt.Sprintf("Status: %s\t", status)
	}
	if kind != "" && !strings.Contains(status, kind) {
		text += fmt.Sprintf("Error Type: %s\t", kind)
	}
	return []*platformEvent{
		{
			level: doneLevel, kind: "platform.runtimeDone",
			record: struct {
				ID      string   `json:"requestId"`
				Status  string   `json:"status"`
				Kind    string   `json:"errorType,omitempty"`
				Metrics produced `json:"metrics"`
			}{v.id, done, kind, produced{inMillis(v.Duration)}},
			text: fmt.Sprintf("END RequestId: %s\n", v.id),
		},
		{
			level: level, kind: "platform.report",
			record: struct {
				ID      string  `json:"requestId"`
				Metrics metrics `json:"metrics"`
				Status  string  `json:"status"`
				Kind    string  `json:"errorType,omitempty"`
			}{v.id, metrics{inMillis(v.Duration), billed, v.fn.Memory, v.PeakMemory, inMillis(v.Init)}, done, kind},
			text: text + "\t\n",
		},
	}
}

func millis(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// inMillis is d in milliseconds, cut to two decimals or so.
func inMillis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
