package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ignoreNames are the files of patterns that a folder may have; the later one
// wins, so that .belfryignore can take in what git leaves out, such as
// node_modules.
var ignoreNames = []string{".gitignore", ".belfryignore"}

// ours are the files that steer a deployment and are no part of the code.
var ours = map[string]bool{ManifestName: true, ".belfryignore": true, ".gitignore": true}

// An ignorer says what is left out of the zip, as gitignore(5) has it. The user's
// own excludes file and .git/info/exclude are not read, so that everybody who
// deploys a folder deploys the same.
type ignorer struct {
	sets []ruleSet // the innermost folder last
}

// A ruleSet is the patterns of one folder, the strongest last.
type ruleSet struct {
	dir   string // absolute
	rules []rule
}

type rule struct {
	re     *regexp.Regexp // of the path below the set's folder, with slashes
	negate bool
	folder bool // matches folders alone
}

// newIgnorer reads the patterns that hold for dir: those of its work tree, from
// the root of that to the folder above dir. dir is absolute.
func newIgnorer(dir string) (*ignorer, error) {
	builtin, _ := parseRule("__pycache__/")
	ig := &ignorer{sets: []ruleSet{{dir: dir, rules: []rule{builtin}}}}
	var above []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			break
		}
		if at == filepath.Dir(at) {
			above = nil // not in a work tree
			break
		}
		above = append(above, filepath.Dir(at))
	}
	for _, dir := range slices.Backward(above) {
		if err := ig.enter(dir); err != nil {
			return nil, err
		}
	}
	return ig, nil
}

// enter takes up the patterns of a folder; leave drops them again.
func (ig *ignorer) enter(dir string) error {
	set := ruleSet{dir: dir}
	for _, name := range ignoreNames {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read what is to be left out: %w", err)
		}
		for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
			if r, ok := parseRule(line); ok {
				set.rules = append(set.rules, r)
			}
		}
	}
	ig.sets = append(ig.sets, set)
	return nil
}

func (ig *ignorer) leave() { ig.sets = ig.sets[:len(ig.sets)-1] }

// ignored reports whether a file or folder, whose parent is not ignored, is.
func (ig *ignorer) ignored(path string, folder bool) bool {
	for _, set := range slices.Backward(ig.sets) {
		below, err := filepath.Rel(set.dir, path)
		if err != nil {
			continue // never: both are absolute
		}
		below = filepath.ToSlash(below)
		for _, r := range slices.Backward(set.rules) {
			if (folder || !r.folder) && r.re.MatchString(below) {
				return !r.negate
			}
		}
	}
	return false
}

// parseRule reads a line of a pattern file; false when it says nothing.
func parseRule(line string) (r rule, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	for strings.HasSuffix(line, " ") && !escaped(line) {
		line = line[:len(line)-1]
	}
	if strings.HasPrefix(line, "#") {
		return r, false
	}
	line, r.negate = strings.CutPrefix(line, "!")
	line, r.folder = strings.CutSuffix(line, "/")
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return r, false
	}
	text, ok := globToRegexp(line)
	if !ok {
		return r, false
	}
	if !anchored {
		text = "(?:.*/)?" + text
	}
	re, err := regexp.Compile("(?s)^" + text + "$")
	r.re = re
	return r, err == nil // a pattern that is none matches nothing
}

// escaped reports whether the last character stands behind an odd number of
// backslashes.
func escaped(s string) bool {
	s = s[:len(s)-1]
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

// globToRegexp translates a pattern; false when it is broken.
func globToRegexp(glob string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(glob); {
		rest := glob[i:]
		atPart := i == 0 || glob[i-1] == '/'
		switch {
		case atPart && strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 3
		case atPart && rest == "**":
			b.WriteString(".+")
			i += 2
		case rest[0] == '*':
			b.WriteString("[^/]*")
			i++
		case rest[0] == '?':
			b.WriteString("[^/]")
			i++
		case rest[0] == '[':
			class, n := classToRegexp(rest)
			if n == 0 {
				return "", false
			}
			b.WriteString(class)
			i += n
		case rest[0] == '\\':
			if len(rest) == 1 {
				return "", false
			}
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
			i += 2
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	return b.String(), true
}

// classToRegexp translates the bracket expression that s begins with, and says
// how long it is: 0 when it does not end.
func classToRegexp(s string) (string, int) {
	var b strings.Builder
	b.WriteByte('[')
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		b.WriteString("^/") // a class never stands for a slash
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == ']' && !first:
			b.WriteByte(']')
			return b.String(), i + 1
		case strings.HasPrefix(s[i:], "[:"):
			end := strings.Index(s[i:], ":]")
			if end < 0 {
				return "", 0
			}
			b.WriteString(s[i : i+end+2])
			i += end + 2
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(regexp.QuoteMeta(s[i+1 : i+2]))
			i += 2
		case s[i] == '-':
			b.WriteByte('-')
			i++
		case s[i] == '[' || s[i] == ']' || s[i] == '^' || s[i] == '&':
			b.WriteByte('\\')
			b.WriteByte(s[i])
			i++
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return "", 0
}
