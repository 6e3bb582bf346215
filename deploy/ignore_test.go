package deploy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestIgnoreIsGits holds every form of pattern against git itself.
func TestIgnoreIsGits(t *testing.T) {
	tree := []string{
		"a.txt", "b.log", "keep.log", "build/x", "build/keep", "sub/build/x", "sub/a.txt", "sub/b.log", "sub/keep.log",
		"sub/deep/c.tmp", "sub/deep/er/c.tmp", "doc/x.md", "doc/y/x.md", "#hash", "!bang", "sp ace", "trail ", "f1", "f2", "fx", "f-", "f]",
		"foo/bar/baz", "foo/baz", "foo/x/y/baz", "dist/index.js", "vendor/lib/a", "vendor/b", "back\\slash", "star*", "sub/star*", "ünder",
	}
	for _, c := range []struct{ name, patterns, sub string }{
		{"names at any depth", "*.log\nbuild\n", ""},
		{"comments, blank lines, escapes", "# all\n\n\\#hash\n\\!bang\ntrail\\ \nfx   \n", ""},
		{"folders alone", "build/\na.txt/\n", ""},
		{"anchors", "/a.txt\n/build\nsub/deep\n", ""},
		{"a slash in the middle anchors", "deep/c.tmp\ndoc/x.md\n", ""},
		{"negation", "*.log\n!keep.log\n", ""},
		{"what is in an ignored folder does not come back", "build/\n!build/keep\n", ""},
		{"what is in a folder whose files are ignored does", "build/*\n!build/keep\n", ""},
		{"any folders before", "**/c.tmp\n**/build\n", ""},
		{"any folders between", "foo/**/baz\n", ""},
		{"all that is inside", "vendor/**\ndoc/**\n!doc/x.md\n", ""},
		{"two stars within a name", "f**\n", ""},
		{"one character", "f?\n", ""},
		{"classes", "f[0-9]\n", ""},
		{"classes that exclude", "f[!0-9]\nfoo[^a]bar\n", ""},
		{"classes of names", "f[[:digit:]]\n", ""},
		{"brackets in classes", "f[]-]\n", ""},
		{"a class without an end", "f[1\n", ""},
		{"escaped stars", "star\\*\n", ""},
		{"escaped backslashes", "back\\\\slash\n", ""},
		{"a backslash at the end", "a.txt\\\n", ""},
		{"nested files win", "*.log\n", "!b.log\n/deep\n"},
		{"nested anchors", "", "/a.txt\ndeep/er\n"},
		{"the last pattern wins", "!a.txt\n*.txt\n!a.txt\n*.txt\n", ""},
		{"everything", "*\n", ""},
		{"everything but one", "/*\n!/sub\n", "*.log\n"},
		{"carriage returns", "a.txt\r\nbuild/\r\n", ""},
		{"other letters", "ü*\n?nder\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{".gitignore": c.patterns, "sub/.gitignore": c.sub}
			for _, name := range tree {
				files[name] = "x"
			}
			dir := write(t, files)
			got, err := list(dir)
			if err != nil {
				t.Fatal(err)
			}
			if want := gitList(t, dir); !slices.Equal(names(got), want) {
				t.Errorf("%q and %q leave %q, git leaves %q", c.patterns, c.sub, names(got), want)
			}
		})
	}
}

// gitList is what git would add, without the files of patterns.
func gitList(t *testing.T, dir string) []string {
	t.Helper()
	run := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR="+dir+"/.git", "GIT_WORK_TREE="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("init", "-q")
	var all []string
	for name := range strings.SplitSeq(run("ls-files", "-z", "--others", "--exclude-standard"), "\x00") {
		if name != "" && !strings.HasSuffix(name, ".gitignore") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func TestIgnoreFilesAboveAndBeside(t *testing.T) {
	root := write(t, map[string]string{
		".git/HEAD": "", ".gitignore": "*.pyc\nnode_modules/\n/jobs/a/secret\n", "jobs/.gitignore": "*.bak\n",
		"jobs/a/.gitignore": "local.py\n", "jobs/a/.belfryignore": "!node_modules/\nREADME.md\n", "jobs/a/belfry.json": "{}",
		"jobs/a/handler.py": "", "jobs/a/x.pyc": "", "jobs/a/x.bak": "", "jobs/a/secret": "", "jobs/a/local.py": "", "jobs/a/README.md": "",
		"jobs/a/node_modules/m/index.js": "", "jobs/a/__pycache__/handler.pyc": "", "jobs/a/.git/config": "",
	})
	got, err := list(root + "/jobs/a")
	if err != nil {
		t.Fatal(err)
	}
	// The folder has a .git of its own, so what stands above does not count.
	if want := []string{"handler.py", "node_modules/m/index.js", "secret", "x.bak", "x.pyc"}; !slices.Equal(names(got), want) {
		t.Errorf("the files are %q, want %q", names(got), want)
	}
	if got, err = list(root + "/jobs"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a/handler.py", "a/node_modules/m/index.js"}; !slices.Equal(names(got), want) {
		t.Errorf("the files are %q, want %q", names(got), want)
	}
}
