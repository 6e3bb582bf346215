package function

import (
	_ "embed"
	"path/filepath"
	"slices"
)

//go:embed bootstrap.py
var pythonBootstrap []byte

var pythonLanguage = language{
	runtimes: "python", title: "Python",
	any:   []string{"python3"},
	exact: func(version string) []string { return []string{"python" + version} },
	probe: func(dir string) ([]string, error) {
		source, err := writeOwn(dir, "bootstrap.py", pythonBootstrap)
		return []string{"-c", pythonProbe, source, filepath.Join(dir, "bootstrap")}, err
	},
	finish: finishPython,
}

// pythonProbe asks an interpreter about itself and has it compile the bootstrap.
const pythonProbe = `
import json, py_compile, site, sys
py_compile.compile(sys.argv[1], sys.argv[2] + "." + sys.implementation.cache_tag + ".pyc", dfile="/var/runtime/bootstrap.py", doraise=True)
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "packages": site.getsitepackages(),
    "folders": [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
    "tag": sys.implementation.cache_tag,
}))
`

// finishPython: -I and -S keep the interpreter from looking around at its start,
// which costs more than all the rest; the bootstrap adds what -S leaves out.
func finishPython(i *interpreter) error {
	program := "bootstrap." + i.Tag + ".pyc"
	i.argv = func(runtime string, _ int) []string {
		return slices.Concat([]string{i.Executable, "-I", "-S", "-X", "utf8", filepath.Join(runtime, program)}, i.Packages)
	}
	i.environment = func(string, *view) map[string]string { return map[string]string{} }
	return nil
}
