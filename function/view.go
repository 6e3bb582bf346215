package function

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry/function/sandbox"
)

// Where an isolated instance finds its files, as on Lambda.
const (
	isolatedTask    = "/var/task"
	isolatedRuntime = "/var/runtime"
	isolatedOpt     = "/opt"
)

// Ports of an isolated instance's own 127.0.0.1.
const (
	runtimePort  = 9001
	endpointPort = 9002
	proxyPort    = 9003
)

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// A view is how an instance sees files and network.
type view struct {
	task, runtime string // folders of the code and of the bootstraps
	opt           string // folder of the layers; empty: none
	mounts        []sandbox.Mount
	private       bool   // its network is its own
	endpoint      string // URL of AWS's APIs; empty: AWS
	proxy         string // URL of the way out; empty: none, or none needed
	services      []service
}

// viewOf is the view of an instance whose code is in the folder task, and its
// layers in opt; empty: it has none.
func (h *Host) viewOf(task, opt string, e Egress) view {
	v := view{task: task, opt: opt, runtime: h.interpreters.dir, endpoint: h.cfg.EndpointURL}
	if h.isolation.Level < sandbox.Rootless {
		return v
	}
	v.task, v.runtime, v.opt = isolatedTask, isolatedRuntime, isolatedOpt
	v.mounts = []sandbox.Mount{{Source: task, Target: isolatedTask}, {Source: h.interpreters.dir, Target: isolatedRuntime}}
	if opt != "" {
		v.mounts = append(v.mounts, sandbox.Mount{Source: opt, Target: isolatedOpt})
	}
	if e == EgressHost {
		return v
	}
	v.private = true
	if v.endpoint != "" {
		v.endpoint = "http://" + local(endpointPort)
		v.services = append(v.services, service{endpointPort, h.egress.endpoint})
	}
	if e == EgressProxy {
		v.proxy = "http://" + local(proxyPort)
		v.services = append(v.services, service{proxyPort, h.egress.proxy})
	}
	return v
}

// listen opens what a runtime calls its Runtime API on, and returns the address.
func (v *view) listen(api *runtimeAPI) (string, error) {
	if v.private {
		v.services = append(v.services, service{runtimePort, func(l net.Listener) func() { api.serve(l); return func() {} }})
		return local(runtimePort), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	api.serve(l)
	return l.Addr().String(), nil
}

// Folders that every sandbox shows anyway, see package sandbox.
var shown = []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store"}

// show adds folders of the host to the view, at the paths that they have there.
// None may hold the folder secret.
func (v *view) show(dirs []string, secret string) error {
	if len(v.mounts) == 0 {
		return nil // it sees them all
	}
	have := slices.Clone(shown)
	for _, dir := range slices.Sorted(slices.Values(dirs)) {
		dir = filepath.Clean(dir)
		within := func(other string) bool { return dir == other || strings.HasPrefix(dir, other+"/") }
		if _, err := os.Stat(dir); err != nil || !filepath.IsAbs(dir) || dir == "/" || slices.ContainsFunc(have, within) {
			continue
		}
		if strings.HasPrefix(secret+"/", dir+"/") {
			return fmt.Errorf("%s has the data directory in it, which functions must not see: move one of them", dir)
		}
		have = append(have, dir)
		v.mounts = append(v.mounts, sandbox.Mount{Source: dir, Target: dir})
	}
	return nil
}
