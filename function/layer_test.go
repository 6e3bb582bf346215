package function_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

func layerRef(name string) function.LayerRef { return function.LayerRef{Scope: scope, Name: name} }

// layer publishes a version, and returns its ARN.
func (b *bench) layer(name string, content files) string {
	b.t.Helper()
	l, err := b.PublishLayer(b.t.Context(), function.LayerPublication{LayerRef: layerRef(name), Zip: zipped(b.t, content)})
	if err != nil {
		b.t.Fatal(err)
	}
	return l.VersionARN()
}

func (b *bench) setLayers(name string, arns ...string) {
	b.t.Helper()
	b.update(name, func(s *function.Settings) { s.Layers = function.UseLayers(arns) })
}

// fromLayers answers with what it finds of the two layers of firstLayer and
// secondLayer.
const fromLayers = `
import os, subprocess, traceback
import both, versioned, named
try:
    import first
except ImportError:
    first = None

def handler(event, context):
    try:
        both.fail()
    except ValueError:
        trace = traceback.format_exc()
    lib = os.environ["LD_LIBRARY_PATH"].split(":")[-1]
    if event == "write":
        open(os.path.join(lib, "new"), "w")
    if event == "raise":
        both.fail()
    return [both.VALUE, first and first.VALUE, versioned.VALUE, named.VALUE,
            subprocess.check_output("tool", text=True), sorted(os.listdir(lib)), "both.py" in trace]
`

func firstLayer(version string) files {
	return files{
		"python/both.py": "VALUE = 'first'\ndef fail(): raise ValueError('as asked')\n", "python/first.py": "VALUE = 1",
		"python/lib/python" + version + "/site-packages/versioned.py": "VALUE = 2",
		"python/lib/python3.9/site-packages/named.py":                 "VALUE = 3",
		"bin/tool": "#!/bin/sh\necho first", "lib/liba.so": "",
		"nodejs/node_modules/dep/index.js": "module.exports = 'first'",
	}
}

var secondLayer = files{
	"python/both.py": "VALUE = 'second'\ndef fail(): raise ValueError('as asked')\n", "lib/libb.so": "",
	"nodejs/node20/node_modules/newer/index.js": "exports.where = () => { throw new Error('as asked') }",
}

// pythonVersion is the one that functions run on, such as 3.11.
func (b *bench) pythonVersion() string {
	b.t.Helper()
	b.deploy(python("version", "import sys\ndef handler(e, c): return '%d.%d' % sys.version_info[:2]"))
	return strings.Trim(b.result("version", ""), `"`)
}

// TestLayers: what functions of each kind find of their layers, at each level.
func TestLayers(t *testing.T) {
	atEachLevel(t, func(t *testing.T, b *bench) {
		one, two := b.layer("one", firstLayer(b.pythonVersion())), b.layer("two", secondLayer)
		f := python("py", fromLayers)
		f.Runtime = "python3.9" // which no interpreter here has to be
		f.Layers = function.UseLayers([]string{one, two})
		b.deploy(f)
		want := func(what, value string) {
			t.Helper()
			if got := b.result("py", ""); got != `["`+value+`", 1, 2, 3, "first\n", ["liba.so", "libb.so"], true]` {
				t.Errorf("%s: %s", what, got)
			}
		}
		want("the second layer wins", "second")
		b.setLayers("py", two, one)
		want("the first one does when it comes last", "first")
		if r := b.invoke("py", `"raise"`); !strings.Contains(string(r.Payload), `\"/opt/python/both.py\", line 2, in fail`) {
			t.Errorf("the trace is %s", r.Payload)
		}
		if r := b.invoke("py", `"write"`); b.Isolation().Level > sandbox.None && !strings.Contains(string(r.Payload), "OSError") && !strings.Contains(string(r.Payload), "PermissionError") {
			t.Errorf("what wrote among its layers got %s", r.Payload)
		}

		n := node(t, "js", `
			const dep = require("dep"), newer = require("newer");
			exports.handler = async (e) => { if (e.fail) newer.where(); return dep; }`)
		n.Layers = function.UseLayers([]string{one, two})
		b.deploy(n)
		if got := b.result("js", ""); got != `"first"` {
			t.Errorf("node found %s", got)
		}
		if r := b.invoke("js", `{"fail": true}`); !strings.Contains(string(r.Payload), "/opt/nodejs/node20/node_modules/newer/index.js:1") {
			t.Errorf("the trace of node is %s", r.Payload)
		}

		own := provided("own", zipped(t, files{"other": ""}))
		own.Layers = function.UseLayers([]string{b.layer("runtime", files{"bootstrap": "#!/bin/sh\necho $0\nexit 7\n"})})
		b.deploy(own)
		r := b.invoke("own", "")
		if _, message := r.Failure(); !strings.HasSuffix(message, "exit status 7") {
			t.Errorf("the bootstrap of a layer: %s\n%s", message, r.Log)
		}
	})
}

// TestLayersOfABlank: a process of the pool gets the layers of its function.
func TestLayersOfABlank(t *testing.T) {
	t.Parallel()
	python := func(name string) function.Creation { return python(name, importsLayer) }
	node := func(name string) function.Creation {
		return node(t, name, `const dep = require("dep"); exports.handler = async () => dep`)
	}
	for _, c := range []struct {
		kind   func(name string) function.Creation
		blanks int
	}{{python, 2}, {node, 1}} {
		b := newBenchAt(t, best())
		for i, value := range []string{"1", "2"} {
			f := c.kind("f" + value)
			f.Layers = function.UseLayers([]string{b.layer("l"+value, files{
				"python/dep.py": "VALUE = " + value, "nodejs/node_modules/dep/index.js": "module.exports = " + value,
			})})
			b.deploy(f)
			if got := b.result(f.Name, ""); got != value {
				t.Errorf("%s of %s found %s", f.Name, f.Runtime, got)
			}
			if s := b.Stats(); s.Pooled != uint64(i) {
				t.Errorf("stats %+v, want %d starts from the pool", s, i)
			}
			b.stocked(c.blanks)
		}
	}
}

const importsLayer = "import dep\ndef handler(e, c): return dep.VALUE"

// TestADeletedLayerStays for those that have it, and for nobody else.
func TestADeletedLayerStays(t *testing.T) {
	b := newBench(t)
	arn := b.layer("l", files{"python/dep.py": "VALUE = 1"})
	f := python("f", importsLayer)
	f.Layers = function.UseLayers([]string{arn, b.layer("other", files{"x": ""})})
	b.deploy(f)
	b.publish("f")
	b.setLayers("f", b.layer("l", files{"python/dep.py": "VALUE = 2"})) // the next version of the layer
	for _, name := range []string{"l", "other"} {
		for range 2 { // once is enough, and more is no error
			if err := b.DeleteLayer(t.Context(), layerRef(name), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(what string) {
		t.Helper()
		if got := string(b.invokeVersion("f", "1").Payload); got != "1" {
			t.Errorf("%s version 1 answers %s", what, got)
		}
		if got := b.result("f", ""); got != "2" {
			t.Errorf("%s $LATEST answers %s", what, got)
		}
	}
	check("after the deletion")
	b.stop()
	b.start()
	check("after a restart")
	b.update("f", func(s *function.Settings) { s.Description = "changed" })
	check("after a change of something else")
	v, err := b.Get(t.Context(), ref("f"), "1")
	if err != nil || len(v.Layers) != 2 || v.Layers[0].ARN != arn {
		t.Errorf("version 1 has %+v, %v", v, err)
	}
	again := python("again", importsLayer)
	again.Zip, again.Layers = zipped(t, files{"app.py": importsLayer}), function.UseLayers([]string{arn})
	_, err = b.Create(t.Context(), again)
	refused(t, err, belfry.Invalid, "InvalidParameterValueException", "Layer version "+arn+" does not exist.")
	_, err = b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error { s.Layers = again.Layers; return nil })
	refused(t, err, belfry.Invalid, "InvalidParameterValueException", "Layer version "+arn+" does not exist.")
}

func (b *bench) folders() int {
	b.t.Helper()
	all, err := os.ReadDir(b.cfg.Dir + "/code")
	if err != nil {
		b.t.Fatal(err)
	}
	return len(all)
}

// TestFoldersOfLayersGo when nothing needs them.
func TestFoldersOfLayersGo(t *testing.T) {
	b := newBench(t)
	want := func(what string, n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s: %d folders, there are %d", what, n, b.folders()), func() bool { return b.folders() == n })
	}
	one, two := b.layer("one", files{"python/dep.py": "VALUE = 1"}), b.layer("two", files{"python/dep.py": "VALUE = 2"})
	b.layer("same", files{"python/dep.py": "VALUE = 2"}) // in the folder of two
	f := python("f", importsLayer)
	f.Layers = function.UseLayers([]string{one, two})
	b.deploy(f)
	want("the function, two layers, both together", 4)
	b.setLayers("f", one)
	want("without both together", 3)
	b.result("f", "")
	refusedUpdate := func(s *function.Settings) error {
		s.Layers, s.Description = function.UseLayers([]string{one, two}), strings.Repeat("x", 257)
		return nil
	}
	if _, err := b.UpdateSettings(t.Context(), ref("f"), "", refusedUpdate); err == nil {
		t.Error("a description of 257 characters was taken")
	}
	want("after a refused update", 3)
	for _, name := range []string{"one", "two", "same"} {
		if err := b.DeleteLayer(t.Context(), layerRef(name), 1); err != nil {
			t.Fatal(err)
		}
	}
	want("what the function has", 2)
	if err := b.Delete(t.Context(), ref("f"), ""); err != nil {
		t.Fatal(err)
	}
	want("nothing", 0)
	usage, err := b.Usage(t.Context(), scope)
	if err != nil || usage.CodeSize != 0 {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

func TestLayersThatCannotBeHad(t *testing.T) {
	b := newBench(t)
	f := python("f", "")
	f.Zip = zipped(t, files{"app.py": importsLayer})
	var arns []string
	for i := range 6 {
		arns = append(arns, b.layer(fmt.Sprint("l", i), files{"python/dep.py": "VALUE = 1"}))
	}
	second := b.layer("l0", files{"x": ""})
	create := func(arns ...string) error {
		f.Layers = function.UseLayers(arns)
		_, err := b.Create(t.Context(), f)
		return err
	}
	elsewhere := "arn:aws:lambda:us-east-1:123456789012:layer:l0:1"
	foreign := "arn:aws:lambda:eu-west-1:000000000001:layer:l0:1"
	for _, c := range []struct {
		layers  []string
		kind    belfry.Kind
		code    string
		message string
	}{
		{arns, belfry.Invalid, "InvalidParameterValueException", "Cannot reference more than 5 layers."},
		{[]string{arns[0], second}, belfry.Invalid, "InvalidParameterValueException", "Two different versions of the same layer are not allowed to be referenced in the same function. " + arns[0] + " and " + second + " are versions of the same layer."},
		{[]string{arns[0], arns[0]}, belfry.Invalid, "InvalidParameterValueException", "Two different versions of the same layer"},
		{[]string{layerRef("l0").ARN() + ":3"}, belfry.Invalid, "InvalidParameterValueException", "Layer version " + layerRef("l0").ARN() + ":3 does not exist."},
		{[]string{layerRef("l0").ARN() + ":0"}, belfry.Invalid, "InvalidParameterValueException", "Layer version " + layerRef("l0").ARN() + ":0 does not exist."},
		{[]string{elsewhere}, belfry.Invalid, "InvalidParameterValueException", "Layers are expected to be in region eu-west-1."},
		{[]string{foreign}, belfry.Denied, "", "because no resource-based policy allows the lambda:GetLayerVersion action. Layers are those of this server: publish the zip here"},
		{[]string{"l0"}, belfry.Invalid, "ValidationException", "Value 'l0' at 'layers'"},
		{[]string{layerRef("l0").ARN()}, belfry.Invalid, "ValidationException", "Member must satisfy regular expression pattern"},
	} {
		refused(t, create(c.layers...), c.kind, c.code, c.message)
	}
	if err := create(arns[:5]...); err != nil {
		t.Errorf("five layers: %v", err)
	}
	if got := b.result("f", ""); got != "1" {
		t.Errorf("with five layers it answers %s", got)
	}
}

// TestLayersOfOtherAccounts are to be had when their policy says so.
func TestLayersOfOtherAccounts(t *testing.T) {
	b := newBench(t)
	theirs := function.LayerRef{Scope: belfry.Scope{Account: "000000000001", Region: scope.Region}, Name: "l"}
	for range 4 {
		if _, err := b.PublishLayer(t.Context(), function.LayerPublication{LayerRef: theirs, Zip: zipped(t, files{"x": ""})}); err != nil {
			t.Fatal(err)
		}
	}
	for version, p := range map[int]function.Permission{
		1: {StatementID: "s", Action: "lambda:GetLayerVersion", Principal: "*"},
		2: {StatementID: "s", Action: "lambda:GetLayerVersion", Principal: scope.Account},
		3: {StatementID: "s", Action: "lambda:GetLayerVersion", Principal: "000000000002"},
		4: {StatementID: "s", Action: "lambda:GetLayerVersion", Principal: "*", OrganizationID: "o-0123456789"},
	} {
		if _, _, err := b.AddLayerPermission(t.Context(), theirs, version, p); err != nil {
			t.Fatal(err)
		}
		f := python(fmt.Sprint("f", version), "")
		f.Zip, f.Layers = zipped(t, files{"app.py": importsLayer}), function.UseLayers([]string{fmt.Sprint(theirs.ARN(), ":", version)})
		_, err := b.Create(t.Context(), f)
		if allowed := version <= 2; allowed != (err == nil) {
			t.Errorf("%+v: %v", p, err)
		}
		if _, err := b.Layer(t.Context(), theirs.Account, theirs, version); err != nil {
			t.Errorf("its own account: %v", err)
		}
	}
}
