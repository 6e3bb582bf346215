package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const pythonHandlerText = "import os\n\ndef handler(event, context):\n    return 1\n"

func TestWhatRunsAFolderIsSeen(t *testing.T) {
	for _, c := range []struct {
		name, runtime, handler string
		files                  map[string]string
	}{
		{"python", "python3.13", "handler.handler", map[string]string{"handler.py": pythonHandlerText, "a.py": pythonHandlerText}},
		{"python as of Lambda's console", "python3.13", "lambda_function.lambda_handler", map[string]string{"lambda_function.py": "async def lambda_handler(e, c):\n  pass"}},
		{"python under another name", "python3.13", "report.handler", map[string]string{"report.py": pythonHandlerText, "util.py": "x = 1"}},
		{"module", "nodejs22.x", "index.handler", map[string]string{"index.mjs": "export const handler = async () => 1"}},
		{"module function", "nodejs22.x", "index.handler", map[string]string{"index.js": "export async function handler() {}", "package.json": `{"type": "module"}`}},
		{"common", "nodejs22.x", "app.handler", map[string]string{"app.js": "exports.handler = () => 1"}},
		{"main of package.json", "nodejs22.x", "src/job.handler", map[string]string{"package.json": `{"main": "./src/job.js"}`, "src/job.js": "module.exports.handler = f", "index.js": "exports.handler = 1"}},
		{"list of exports", "nodejs22.x", "index.handler", map[string]string{"index.mjs": "function handler() {}\nexport { a, handler }"}},
		{"python with a script", "python3.13", "handler.handler", map[string]string{"handler.py": pythonHandlerText, "build.js": "console.log(1)"}},
		{"program", "provided.al2023", "bootstrap", map[string]string{"bootstrap!": "#!/bin/sh"}},
		{"said in the file", "python3.9", "a.b", map[string]string{"x.txt": "", "belfry.json": `{"runtime": "python3.9", "handler": "a.b"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := prepare(t, write(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			if p.runtime("") != c.runtime || p.Handler != c.handler || p.Name != "job" || len(p.Warnings) > 0 {
				t.Errorf("runtime %s, handler %s, name %s, warnings %q", p.runtime(""), p.Handler, p.Name, p.Warnings)
			}
		})
	}
}

func TestFunctionsKeepTheirRuntime(t *testing.T) {
	p, err := prepare(t, write(t, map[string]string{"handler.py": pythonHandlerText}))
	if err != nil {
		t.Fatal(err)
	}
	for have, want := range map[string]string{"python3.9": "python3.9", "nodejs20.x": "python3.13"} {
		if got := p.runtime(have); got != want {
			t.Errorf("a function of %s gets %s, want %s", have, got, want)
		}
	}
}

func TestFoldersThatCannotBeDeployed(t *testing.T) {
	manifest := func(text string) map[string]string {
		return map[string]string{"handler.py": pythonHandlerText, "belfry.json": text}
	}
	schedule := func(text string) map[string]string {
		return manifest(`{"schedules": [{"name": "s", "expression": "rate(1 hour)", ` + text + `}]}`)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{".gitignore": ""}, "has no files"},
		{"nothing known", map[string]string{"a.txt": ""}, "--runtime"},
		{"two languages", map[string]string{"handler.py": pythonHandlerText, "index.js": "exports.handler = 1"}, "in Python and in JavaScript"},
		{"no handler", map[string]string{"a.py": "x = 1"}, "--handler"},
		{"no program", manifest(`{"runtime": "provided.al2023"}`), "neither a program called bootstrap nor a main.go"},
		{"no JSON", manifest("{\n  \"timeout\": 3,\n}"), "belfry.json: line 3 is not JSON"},
		{"half of it", manifest(`{"timeout": 3`), "ends in the middle"},
		{"two objects", manifest("{}\n{}"), "line 2: something follows"},
		{"a field that is none", manifest(`{"timeuot": 3}`), `unknown field "timeuot"; docs/deploy.md lists`},
		{"a type", manifest("{\n\"timeout\": \"3\"}"), "line 2: timeout is a string, want a whole number"},
		{"a time", schedule(`"start": "tomorrow"`), "is not a time such as"},
		{"name", manifest(`{"name": "a b"}`), `name "a b": a function's name is`},
		{"timeout", manifest(`{"timeout": 901}`), "timeout is 901, want 1 to 900"},
		{"negative timeout", manifest(`{"timeout": -1}`), "timeout is -1, want 1 to 900"},
		{"memory", manifest(`{"memory": 127}`), "memory is 127, want 128 to 10240"},
		{"storage", manifest(`{"storage": 511}`), "storage is 511, want 512 to 10240"},
		{"architecture", manifest(`{"architecture": "mips"}`), "want x86_64 or arm64"},
		{"role", manifest(`{"role": "a b"}`), `role: "a b"`},
		{"dead letter", manifest(`{"dead_letter": "a.fifo"}`), `dead_letter: "a.fifo"`},
		{"once per", manifest(`{"once_per": {"key": "$.x"}}`), "once_per: want"},
		{"missing variable", manifest(`{"environment": {"TOKEN": null}}`), "environment.TOKEN is null"},
		{"no expression", manifest(`{"schedules": [{}]}`), "schedules[0].expression: is missing"},
		{"no name", manifest(`{"schedules": [{"expression": "rate(1 hour)"}, {"expression": "rate(1 hour)"}]}`), "schedules[0].name: is missing"},
		{"the same name", manifest(`{"schedules": [{"name": "a", "expression": "rate(1 hour)"}, {"name": "a", "expression": "rate(1 hour)"}]}`), "schedules[1].name: a is there already"},
		{"expression", manifest(`{"schedules": [{"expression": "cron(0 8 * * * *)"}]}`), "schedules[0].expression: "},
		{"timezone", schedule(`"timezone": "Europe/Atlantis"`), "schedules[0].timezone: "},
		{"window", schedule(`"window": 1441`), "window: is 1441"},
		{"attempts", schedule(`"retry": {"attempts": 186}`), "retry.attempts: is 186, want 0 to 185"},
		{"age", schedule(`"retry": {"max_age": 59}`), "retry.max_age: is 59, want 60 to 86400"},
		{"end", schedule(`"start": "2026-01-02T00:00:00Z", "end": "2026-01-02T00:00:00Z"`), "end: is not after start"},
		{"group", schedule(`"group": "a/b"`), "group: "},
		{"broken program", map[string]string{"main.go": "package main\n\nfunc main() { nonsense }", "go.mod": "module job\n"}, "undefined: nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := prepare(t, write(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestLimitsThatAreReached(t *testing.T) {
	const text = `{"timeout": 900, "memory": 10240, "storage": 10240, "schedules": [{"expression": "rate(1 minute)", "window": 1440, "retry": {"attempts": 185, "max_age": 60}}]}`
	p, err := prepare(t, write(t, map[string]string{"handler.py": pythonHandlerText, "belfry.json": text}))
	if err != nil || p.Schedules[0].Name != "job" || p.Schedules[0].Group != "default" || p.Schedules[0].Timezone != "UTC" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestGoProgramIsBuiltTheSameTwice(t *testing.T) {
	files := map[string]string{"main.go": "package main\n\nfunc main() { println(1) }", "go.mod": "module job\n", "data.txt": "not of the program"}
	first, err := prepare(t, write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Code.Files) != 1 || first.Code.Files[0].Name != "bootstrap" || !first.Code.Files[0].Executable {
		t.Errorf("the zip has %+v", first.Code.Files)
	}
	second, err := prepare(t, write(t, files))
	if err != nil || !bytes.Equal(first.Code.Zip, second.Code.Zip) {
		t.Errorf("built in another folder, the zip is another: %v", err)
	}
}

func TestWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := prepare(t, write(t, map[string]string{"main.go": "package main"})); err == nil || !strings.Contains(err.Error(), "go is not on the PATH") {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"chmod +x bootstrap": {"bootstrap": "#!/bin/sh"},
		"no node_modules":    {"index.mjs": "export const handler = 1", "package.json": `{"dependencies": {"left-pad": "1"}}`},
	} {
		if p, err := prepare(t, write(t, files)); err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], want) {
			t.Errorf("%+v, %v, want %q", p, err, want)
		}
	}
}

func TestAFileIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handler.py")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), path, &Manifest{}, noEnvironment, false); err == nil || !strings.Contains(err.Error(), "is a file; name the folder") {
		t.Error(err)
	}
}
