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

func TestMergedFoldersHaveTheLaterOfTwoFiles(t *testing.T) {
	store := testCodes(t)
	var keys []string
	for _, data := range [][]byte{
		makeZip(t, entry{name: "a/same", content: "1"}, entry{name: "a/first", content: "1", mode: 0o755}, entry{name: "file", content: "1"}, entry{name: "folder/x"}),
		makeZip(t, entry{name: "a/same", content: "22"}, entry{name: "file/y", content: "2"}, entry{name: "folder", content: "2"}),
	} {
		sum, err := store.add(data)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, codeKey(sum))
	}
	for range 2 { // the second time it is there
		if err := store.merge("merged", keys); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	err := filepath.WalkDir(store.taskDir("merged"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		info, _ := d.Info() // it is there
		got += fmt.Sprintf("%s %s %v\n", strings.TrimPrefix(path, store.taskDir("merged")+"/"), content, info.Mode())
		return err
	})
	if want := "a/first 1 -rwxr-xr-x\na/same 22 -rw-r--r--\nfile/y 2 -rw-r--r--\nfolder 2 -rw-r--r--\n"; err != nil || got != want {
		t.Errorf("%v, got:\n%swant:\n%s", err, got, want)
	}
	if content, err := os.ReadFile(store.taskDir(keys[0]) + "/file"); err != nil || string(content) != "1" {
		t.Errorf("the parts have changed: %s, %v", content, err)
	}
	if err := store.merge("broken", []string{keys[0], "absent"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part that is not there: %v", err)
	}
	if names := strings.Fields(dirNames(t, store.dir)); len(names) != 3 {
		t.Errorf("there is %v", names)
	}
}

// TestCopiedFiles are those of file systems without links.
func TestCopiedFiles(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	if err := errors.Join(os.WriteFile(from, []byte("x"), 0o600), os.Chmod(from, 0o755)); err != nil { //nolint:gosec // the mode is what is looked at
		t.Fatal(err)
	}
	if err := copyFile(to, from); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	content, _ := os.ReadFile(to) // nothing: it is compared
	if err != nil || info.Mode() != 0o755 || string(content) != "x" {
		t.Errorf("%v, %v: %q", err, info, content)
	}
	if err := copyFile(to, from); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
}

// TestSizeOfCodeWithLayers, on both sides of the limit.
func TestSizeOfCodeWithLayers(t *testing.T) {
	h := &Host{codes: testCodes(t)}
	h.codes.limits.unzipped = 100
	f := &Function{}
	for _, size := range []int{30, 20} {
		sum, err := h.codes.add(makeZip(t, entry{name: "x", content: strings.Repeat("x", size)}))
		if err != nil {
			t.Fatal(err)
		}
		f.Layers = append(f.Layers, LayerUse{ARN: fmt.Sprint("arn:", size), CodeSHA256: sum})
	}
	if err := h.checkTotal(f, 50); err != nil {
		t.Errorf("100 bytes of 100: %v", err)
	}
	err := h.checkTotal(f, 51)
	const want = "Function code combined with layers exceeds the maximum allowed size of 100 bytes. The actual size is 101 bytes."
	if e, ok := errors.AsType[*belfry.Error](err); !ok || e.Kind != belfry.Invalid || e.Field != "Layers" || e.Message != want {
		t.Errorf("101 bytes of 100: %v", err)
	}
	_, size, err := h.codes.check(makeZip(t, entry{name: "x", content: strings.Repeat("x", 51)}))
	if size != 51 || err != nil {
		t.Errorf("a zip that is only looked at has %d bytes, %v", size, err)
	}
	code := strings.Repeat("x", 51)
	if f.CodeSHA256, err = h.codes.add(makeZip(t, entry{name: "y", content: code})); err != nil {
		t.Fatal(err)
	}
	held := len(h.codes.held)
	if err := h.takeLayers(f); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a function with 101 bytes of 100: %v", err)
	}
	if h.codes.release(f.folders()[0]); len(h.codes.held) != held-1 {
		t.Errorf("held after the refusal: %v", h.codes.held)
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
