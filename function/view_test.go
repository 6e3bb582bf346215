package function

import (
	"strings"
	"testing"

	"github.com/belfry-run/belfry/function/sandbox"
)

func TestAViewNeverShowsTheDataDirectory(t *testing.T) {
	home := t.TempDir()
	v := view{mounts: []sandbox.Mount{{Source: "/x", Target: isolatedTask}}}
	if err := v.show([]string{home}, home+"/data/functions"); err == nil || !strings.Contains(err.Error(), home+" has the data directory in it") {
		t.Errorf("shown: %v", err)
	}
	if err := v.show([]string{"/usr/lib/python3", home + "/nothing", "/", home, home + "/"}, home+"-data"); err != nil || len(v.mounts) != 2 {
		t.Errorf("%v, %v: want the one folder that nothing shows yet, once", err, v.mounts)
	}
}
