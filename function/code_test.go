package function

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
)

// entry is one entry of a zip as a hostile one may have it.
type entry struct {
	name    string
	mode    fs.FileMode // 0 is 0o644
	content string
}

func makeZip(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		if strings.HasSuffix(e.name, "/") {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func testCodes(t testing.TB) *codes {
	return &codes{
		dir: t.TempDir(), log: slog.New(slog.DiscardHandler), held: map[string]int{},
		limits: zipLimits{zip: MaxZip, unzipped: MaxUnzipped, entries: MaxEntries},
	}
}

func dirNames(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestUnzipRefuses(t *testing.T) {
	long := strings.Repeat("x", 256)
	many := make([]entry, 100_000)
	for i := range many {
		many[i].name = fmt.Sprintf("%d/", i)
	}
	encrypted := makeZip(t, entry{name: "a", content: "secret"})
	for _, at := range []int{6, bytes.Index(encrypted, []byte("PK\x01\x02")) + 8} {
		encrypted[at] |= 1 // of the flags
	}
	wrongSum := makeZip(t, entry{name: "a", content: "content"})
	wrongSum[bytes.Index(wrongSum, []byte("PK\x01\x02"))+16]++
	for _, c := range []struct {
		name    string
		zip     []byte
		message string
	}{
		{"nothing", nil, "Could not unzip uploaded file."},
		{"text", []byte("hello"), "Could not unzip uploaded file."},
		{"half a zip", makeZip(t, entry{name: "a", content: strings.Repeat("abc", 99)})[:60], "Could not unzip uploaded file."},
		{"a wrong checksum", wrongSum, "Could not unzip uploaded file."},
		{"an encrypted entry", encrypted, "Could not unzip uploaded file."},
		{"no entries", makeZip(t), "Uploaded file must be a non-empty zip"},
		{"a path upwards", makeZip(t, entry{name: "../evil.py"}), `"../evil.py" is not allowed`},
		{"a path upwards within", makeZip(t, entry{name: "a/../../evil.py"}), "is not allowed"},
		{"an absolute path", makeZip(t, entry{name: "/etc/passwd"}), "is not allowed"},
		{"a path of Windows", makeZip(t, entry{name: `..\evil.py`}), "is not allowed"},
		{"a dot", makeZip(t, entry{name: "./a"}), "is not allowed"},
		{"an empty part", makeZip(t, entry{name: "a//b"}), "is not allowed"},
		{"an empty name", makeZip(t, entry{name: "/"}), "is not allowed"},
		{"a NUL", makeZip(t, entry{name: "a\x00b"}), "is not allowed"},
		{"bad UTF-8", makeZip(t, entry{name: "a\xff"}), "is not allowed"},
		{"a long part", makeZip(t, entry{name: long}), "is not allowed"},
		{"a long path", makeZip(t, entry{name: strings.Repeat("abc/", 256) + "x"}), "is not allowed"},
		{"a symbolic link", makeZip(t, entry{name: "link", mode: fs.ModeSymlink | 0o777, content: "/etc/passwd"}), `"link" is a symbolic link`},
		{"a device", makeZip(t, entry{name: "dev", mode: fs.ModeDevice | 0o666}), `"dev" is not a file or a folder`},
		{"a pipe", makeZip(t, entry{name: "pipe", mode: fs.ModeNamedPipe | 0o666}), `"pipe" is not a file or a folder`},
		{"names that differ in case", makeZip(t, entry{name: "App.py"}, entry{name: "app.py"}), `"App.py" and "app.py" differ only in case`},
		{"folders that differ in case", makeZip(t, entry{name: "Pkg/a.py"}, entry{name: "pkg/b.py"}), `"Pkg" and "pkg" differ only in case`},
		{"a name twice", makeZip(t, entry{name: "a"}, entry{name: "a"}), `"a" more than once`},
		{"a file that is a folder", makeZip(t, entry{name: "a"}, entry{name: "a/b"}), `"a" more than once`},
		{"a folder that is a file", makeZip(t, entry{name: "a/b"}, entry{name: "a"}), `"a" more than once`},
		{"100,000 entries", makeZip(t, many...), "The zip has 100000 entries; at most 50000 are allowed."},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := testCodes(t)
			_, err := store.add(c.zip)
			var e *belfry.Error
			if !errors.As(err, &e) || e.Code != "InvalidParameterValueException" || !strings.Contains(e.Message, c.message) {
				t.Errorf("error %v, want %s", err, c.message)
			}
			if left := dirNames(t, store.dir); left != "" || len(store.held) != 0 {
				t.Errorf("left behind: %s %v", left, store.held)
			}
		})
	}
}

func TestUnzipLimits(t *testing.T) {
	random := make([]byte, 1000)
	chacha := rand.NewChaCha8([32]byte{})
	chacha.Read(random) // never fails
	small := makeZip(t, entry{name: "a", content: string(random)})
	bomb := entry{name: "b", content: strings.Repeat("\x00", 100_000)}
	for _, c := range []struct {
		name   string
		limits zipLimits
		zip    []byte
		code   string
		text   string
	}{
		{"a zip at the limit", zipLimits{int64(len(small)), 1 << 20, 9}, small, "", ""},
		{"a zip over it", zipLimits{int64(len(small)) - 1, 1 << 20, 9}, small, "RequestEntityTooLargeException", fmt.Sprintf("Zipped size must be smaller than %d bytes", len(small)-1)},
		{"content at the limit", zipLimits{1 << 20, 1000, 9}, small, "", ""},
		{"content over it", zipLimits{1 << 20, 999, 9}, small, "InvalidParameterValueException", "Unzipped size must be smaller than 999 bytes"},
		{"a bomb of several files", zipLimits{1 << 20, 199_999, 9}, makeZip(t, bomb, entry{name: "c", content: bomb.content}), "InvalidParameterValueException", "Unzipped size must be smaller than 199999 bytes"},
		{"entries at the limit", zipLimits{1 << 20, 1 << 20, 2}, makeZip(t, entry{name: "a"}, entry{name: "b"}), "", ""},
		{"entries over it", zipLimits{1 << 20, 1 << 20, 2}, makeZip(t, entry{name: "a"}, entry{name: "b"}, entry{name: "c"}), "InvalidParameterValueException", "The zip has 3 entries; at most 2 are allowed."},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := testCodes(t)
			store.limits = c.limits
			_, err := store.add(c.zip)
			var e *belfry.Error
			switch {
			case c.code == "" && err != nil:
				t.Error(err)
			case c.code != "" && (!errors.As(err, &e) || e.Code != c.code || e.Message != c.text):
				t.Errorf("error %v, want %s", err, c.text)
			}
		})
	}
}

// TestUnzipCountsBytes shows that a zip which lies about its sizes does not get
// around the limit.
func TestUnzipCountsBytes(t *testing.T) {
	data := makeZip(t, entry{name: "a", content: strings.Repeat("\x00", 100_000)})
	central := bytes.Index(data, []byte("PK\x01\x02"))
	copy(data[central+24:], []byte{10, 0, 0, 0}) // 10 bytes, it says
	store := testCodes(t)
	store.limits.unzipped = 50_000
	if _, err := store.add(data); err == nil {
		t.Error("accepted")
	}
}

func TestUnzippedFiles(t *testing.T) {
	store := testCodes(t)
	data := makeZip(t,
		entry{name: "folder/", mode: fs.ModeDir | 0o700},
		entry{name: "folder/plain", mode: 0o600, content: "ü"},
		entry{name: "deep/er/run", mode: fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777, content: "#!"},
		entry{name: "unreadable", mode: 0o001 << 6, content: "x"},
	)
	sum, err := store.add(data)
	if err != nil {
		t.Fatal(err)
	}
	key := (&Function{CodeSHA256: sum}).codeKey()
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o755, "folder": fs.ModeDir | 0o755, "folder/plain": 0o644,
		"deep": fs.ModeDir | 0o755, "deep/er/run": 0o755, "unreadable": 0o755,
	} {
		info, err := os.Stat(filepath.Join(store.taskDir(key), name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	f, err := store.open(key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read from
	var kept bytes.Buffer
	if _, err := kept.ReadFrom(f); err != nil || !bytes.Equal(kept.Bytes(), data) {
		t.Errorf("the kept zip is not the one given: %v", err)
	}
}

func TestCodeGoesWhenNothingHoldsIt(t *testing.T) {
	store := testCodes(t)
	a, b := makeZip(t, entry{name: "a"}), makeZip(t, entry{name: "b"})
	var keys []string
	for _, data := range [][]byte{a, a, b} {
		sum, err := store.add(data)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, (&Function{CodeSHA256: sum}).codeKey())
	}
	store.release(keys[0])
	if names := dirNames(t, store.dir); !strings.Contains(names, keys[0]) {
		t.Errorf("held once more, but gone: %s", names)
	}
	store.release(keys[1])
	if names := dirNames(t, store.dir); names != keys[2] {
		t.Errorf("there is %s, want %s", names, keys[2])
	}
	next := testCodes(t) // after a restart that died in the middle
	next.dir = store.dir
	for _, d := range []string{"tmp-123", strings.Repeat("0", 64)} {
		if err := os.MkdirAll(filepath.Join(next.dir, d, "task"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	next.hold(keys[2])
	if err := next.sweep(); err != nil {
		t.Fatal(err)
	}
	if names := dirNames(t, next.dir); names != keys[2] {
		t.Errorf("after the sweep there is %s, want %s", names, keys[2])
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add(makeZip(f, entry{name: "a/b", content: "x"}))
	f.Add(makeZip(f, entry{name: "../a"}, entry{name: "l", mode: fs.ModeSymlink | 0o777, content: "/"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		root := t.TempDir()
		task := filepath.Join(root, "task")
		if err := os.Mkdir(task, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unzip(data, task, zipLimits{zip: 1 << 20, unzipped: 1 << 20, entries: 100}) // whether it is taken is not the question
		if names := dirNames(t, root); names != "task" {
			t.Errorf("something was written outside: %s", names)
		}
		err := filepath.WalkDir(task, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !d.Type().IsRegular() {
				t.Errorf("%s is %v", path, d.Type())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
