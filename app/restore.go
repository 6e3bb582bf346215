package app

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/store/sqlite"
)

// anotherBackup is what to do about a backup that is not in order.
const anotherBackup = "Do not rely on this copy: make another one, or take an earlier one."

// CheckBackup proves a backup: every file is as it was written, every database is in
// order, the ledger keeps its rules, the code of every function is there, and the
// secret key can be used. It changes nothing. secretKey is as in [Config]; tell is
// told what it looks at.
func CheckBackup(ctx context.Context, dir, secretKey string, tell func(string)) ([]Finding, error) {
	m, wrong := readManifest(dir)
	if wrong.Check != "" {
		return []Finding{wrong}, nil
	}
	tell("sums of files")
	files, err := checkFiles(ctx, dir, m)
	if err != nil {
		return nil, err
	}
	found := []Finding{files, {Check: "backup", OK: true, Detail: fmt.Sprintf("It was made at %s by Belfry %s.", m.Made.Format(time.RFC3339), m.Version)}}
	for _, name := range m.Lacks {
		found = append(found, Finding{Check: "backup", OK: true, Detail: fmt.Sprintf("%s is not in it: it could not be read when the backup was made.", name)})
	}
	problems, err := sqlite.DeepDir(ctx, dir, m.Made.Add(time.Hour), tell)
	if err != nil {
		return nil, err
	}
	found = append(found, deepFindings(problems)...)
	if !allOK(found) {
		return found, nil
	}
	t, err := sqlite.TallyDir(dir)
	if err != nil {
		return nil, err
	}
	return append(found, checkTally(t, m), checkCode(dir, t), checkBackupKey(dir, secretKey)), nil
}

func allOK(found []Finding) bool {
	return !slices.ContainsFunc(found, func(f Finding) bool { return !f.OK })
}

func readManifest(dir string) (m manifest, wrong Finding) {
	f := Finding{Check: "backup", Advice: anotherBackup}
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Detail = fmt.Sprintf("%s is no backup, or not a whole one: it has no %s.", dir, manifestName)
		f.Advice = "Give a folder that belfry backup has made. To look at a data directory, or a copy of one, use belfry doctor --deep --data DIR."
		return m, f
	case err != nil:
		f.Detail = fmt.Sprintf("%s cannot be read: %v.", manifestName, cause(err))
		return m, f
	}
	if err := json.Unmarshal(b, &m); err != nil {
		f.Detail = fmt.Sprintf("%s is damaged: %v.", manifestName, err)
		return m, f
	}
	return m, Finding{}
}

// checkFiles compares what is there with what was written.
func checkFiles(ctx context.Context, dir string, m manifest) (Finding, error) {
	there, err := sums(ctx, dir)
	if err != nil {
		return Finding{}, err
	}
	f := Finding{Check: "files", Advice: anotherBackup}
	now := map[string]fileSum{}
	for _, s := range there {
		now[s.Name] = s
	}
	for _, want := range m.Files {
		got, ok := now[want.Name]
		switch {
		case !ok:
			f.Detail = fmt.Sprintf("%s is missing.", want.Name)
			return f, nil
		case got != want:
			f.Detail = fmt.Sprintf("%s has changed since the backup was made: it has %d bytes and the SHA-256 %s, and had %d and %s.", want.Name, got.Bytes, got.SHA256, want.Bytes, want.SHA256)
			return f, nil
		}
	}
	return Finding{Check: "files", OK: true, Detail: fmt.Sprintf("All %d files are as they were written.", len(m.Files))}, nil
}

func checkTally(t sqlite.Tally, m manifest) Finding {
	t.Code, m.Tally.Code = nil, nil
	f := Finding{Check: "holds", OK: true, Detail: fmt.Sprintf("%d schedules, %d rules, %d functions and versions, %d queues with %d messages, %d tables, %d checks, %d runs and %d days of history.",
		t.Schedules, t.Rules, t.Functions, t.Queues, t.Messages, t.Tables, t.Checks, t.Runs, t.Days)}
	if fmt.Sprint(t) != fmt.Sprint(m.Tally) {
		f.OK, f.Advice = false, anotherBackup
		f.Detail += fmt.Sprintf(" It had %+v when it was made.", m.Tally)
	}
	return f
}

func checkCode(dir string, t sqlite.Tally) Finding {
	for _, sum := range t.Code {
		b, err := base64.StdEncoding.DecodeString(sum)
		if err == nil {
			_, err = os.Stat(filepath.Join(dir, codeDir, hex.EncodeToString(b), "task"))
		}
		if err != nil {
			return Finding{Check: "code", Detail: fmt.Sprintf("The code with the SHA-256 %s, which a function runs, is not there.", sum), Advice: anotherBackup}
		}
	}
	return Finding{Check: "code", OK: true, Detail: fmt.Sprintf("The code of all functions and layers is there: %d.", len(t.Code))}
}

func checkBackupKey(dir, secretKey string) Finding {
	f := examineKey(dir, secretKey)
	if there, err := auth.CheckVault(dir, secretKey); err == nil && !there {
		f.OK, f.Detail = true, "The secret key is not in it: set BELFRY_SECRET_KEY to what the server had, at the start."
	}
	return f
}

// Restore puts a backup into the data directory to, which must be empty or not be
// there, once it has proved it. Findings that are not all right say why it was not
// done.
func Restore(ctx context.Context, dir, to, secretKey string, tell func(string)) ([]Finding, error) {
	found, err := CheckBackup(ctx, dir, secretKey, tell)
	if err != nil || !allOK(found) {
		return found, err
	}
	if err := newDir(to); err != nil {
		return found, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found, err
	}
	for _, e := range entries {
		if e.Name() == manifestName {
			continue
		}
		tell("copy " + e.Name())
		if err := copyAll(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return found, errors.Join(fmt.Errorf("put %s in place: %w", e.Name(), err), clearDir(to))
		}
	}
	return append(found, Finding{Check: "restore", OK: true, Detail: fmt.Sprintf("The data directory %s has what the backup has.", to), Advice: "Start it with belfry serve --data " + to + "."}), nil
}

// deepFindings is what a deep look has found, as doctor shows it.
func deepFindings(problems []sqlite.Problem) []Finding {
	if len(problems) == 0 {
		return []Finding{{Check: "deep", OK: true, Detail: "Every file is in order, and so is the ledger."}}
	}
	found := make([]Finding, 0, len(problems))
	for _, p := range problems {
		found = append(found, Finding{Check: "deep", Detail: p.Object + ": " + p.Detail, Advice: p.Advice})
	}
	return found
}

// deep is a deep look at the running server's store.
func (s *Server) deep(ctx context.Context, tell func(string)) ([]native.Finding, error) {
	problems, err := s.store.Deep(ctx, time.Now(), tell)
	return nativeFindings(deepFindings(problems)), err
}

func (s *Server) nativeBackup(ctx context.Context, dir string, tell func(string)) ([]native.Finding, error) {
	found, err := s.backup(ctx, dir, tell)
	return nativeFindings(found), err
}

func nativeFindings(found []Finding) []native.Finding {
	all := make([]native.Finding, 0, len(found))
	for _, f := range found {
		all = append(all, native.Finding(f))
	}
	return all
}
