package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/store/sqlite"
)

// A Finding is what one look at a data directory has found.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"` // what to do; empty when it is all right
}

// Examine looks at a data directory without a server: may this user use it, is
// another server on it, is there space, is its database in order, and its key.
// It changes nothing. secretKey is as in [Config]. With deep, every file is read, and
// deep is told what it looks at.
func Examine(ctx context.Context, dir, secretKey string, deep func(string)) []Finding {
	at, err := filepath.Abs(dir)
	if err != nil {
		at = dir
	}
	found := []Finding{examineDir(at)}
	if !found[0].OK {
		return found
	}
	space := diskCheck{at}.Look(ctx, time.Now())
	found = append(found, Finding{Check: "disk", OK: space.OK, Detail: space.Detail, Advice: space.Advice}, examineKey(at, secretKey))
	free, release := examineLock(at)
	if found = append(found, free); !free.OK {
		return found
	}
	defer release() // until then no server can start on the directory
	found = append(found, examineDatabase(ctx, at, space.OK))
	if deep == nil {
		return found
	}
	problems, err := sqlite.DeepDir(ctx, at, time.Now(), deep)
	if err != nil {
		return append(found, Finding{Check: "deep", Detail: fmt.Sprintf("Not every file could be looked at: %v.", err), Advice: owner})
	}
	return append(found, deepFindings(problems)...)
}

// examineLock finds out whether a server has the directory open; if none has, none
// can until release is called.
func examineLock(dir string) (f Finding, release func()) {
	f.Check = "lock"
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f.OK, f.Detail = true, "No server has used the directory yet."
		return f, func() {}
	}
	if err != nil {
		f.Detail, f.Advice = fmt.Sprintf("The lock cannot be opened: %v.", cause(err)), owner
		return f, nil
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		f.Detail = "A server has the directory open, and does not answer where it was asked for."
		f.Advice = "Say with --endpoint where it listens. If that is right, it is starting, stopping or hangs: see its log."
		return f, nil
	}
	f.OK, f.Detail = true, "No server has the directory open."
	return f, func() { lock.Close() }
}

const owner = "Run this, and the server, as the user that the directory belongs to, or change its owner."

// cause leaves out the path and the call of an error about a file.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func examineDir(dir string) Finding {
	f := Finding{Check: "directory"}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Detail, f.Advice = fmt.Sprintf("There is no data directory %s.", dir), "Give the server's with --data or BELFRY_DATA; belfry serve makes a new one."
	case err != nil:
		f.Detail, f.Advice = fmt.Sprintf("The data directory %s cannot be looked at: %v.", dir, cause(err)), owner
	case !info.IsDir():
		f.Detail, f.Advice = fmt.Sprintf("%s is a file.", dir), "Give the server's data directory with --data or BELFRY_DATA."
	case unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) != nil:
		f.Detail, f.Advice = fmt.Sprintf("This user may not read and write the data directory %s.", dir), owner
	case info.Mode().Perm()&0o077 != 0:
		f.Detail = fmt.Sprintf("Others may read or change the data directory %s: its mode is %04o.", dir, info.Mode().Perm())
		f.Advice = fmt.Sprintf("chmod 700 %s", dir)
	default:
		f.OK, f.Detail = true, fmt.Sprintf("The data directory is %s.", dir)
	}
	return f
}

func examineKey(dir, secretKey string) Finding {
	f := Finding{Check: "key"}
	switch there, err := auth.CheckVault(dir, secretKey); {
	case err != nil:
		f.Detail = fmt.Sprintf("The secret key cannot be used: %v.", err)
		f.Advice = "Without the right key no access key can be used: put the file back from a backup, or set BELFRY_SECRET_KEY to what it was."
	case !there:
		f.OK, f.Detail = true, "There is no secret key yet; the first start makes one."
	default:
		f.OK, f.Detail = true, "The secret key can be read, by nobody else."
	}
	return f
}

func examineDatabase(ctx context.Context, dir string, space bool) Finding {
	f := Finding{Check: "database"}
	x, err := sqlite.Examine(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.OK, f.Detail = true, "There is no database yet; the first start makes one."
	case err != nil && !space:
		f.Detail, f.Advice = fmt.Sprintf("The database cannot be opened while the disk has no space: %v.", err), "Make space on the disk that holds the data directory, and look again."
	case err != nil:
		f.Detail, f.Advice = fmt.Sprintf("The database cannot be used: %v.", err), owner
	case x.Damage != "":
		f.Detail, f.Advice = "The database is damaged: "+x.Damage, "Keep a copy of the directory and check the disk. Then bring a backup back with belfry restore BACKUP --data DIR, or go on with what can be read with belfry serve --accept-damage."
	case x.Version > x.Newest:
		f.Detail = fmt.Sprintf("The database was written by a newer Belfry: its form is %d, this one knows %d.", x.Version, x.Newest)
		f.Advice = "Use that version, or a backup from before it."
	case x.Version < x.Newest:
		f.OK, f.Detail = true, fmt.Sprintf("The database is in order; the next start brings it from form %d to %d.", x.Version, x.Newest)
	default:
		f.OK, f.Detail = true, fmt.Sprintf("The database is in order, of form %d.", x.Version)
	}
	return f
}
