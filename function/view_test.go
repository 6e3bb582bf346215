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

func TestAnInterpreterThatLayersWouldHide(t *testing.T) {
	for dir, hidden := range map[string]bool{"/opt/conda": true, "/opt": true, "/usr": false, "/optional/python": false, "/home/x/opt": false} {
		i := &interpreter{Folders: []string{"/usr", dir}, language: &pythonLanguage}
		if err := i.besideLayers(); (err != nil) != hidden || hidden && !strings.Contains(err.Error(), "its interpreter is in "+dir+", and they are at /opt") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
