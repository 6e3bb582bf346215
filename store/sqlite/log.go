package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logSize is how large the write-ahead log gets before the writer copies it into
// the database and begins at its start again (the file format's 32 bytes, and
// 24 a page).
const logSize = 32 + checkpointPages*(4096+24)

// fillLog makes the log as large as it will get, with zeros behind what is in it.
// A commit that makes a file longer waits for the file system's own journal
// too; one that writes over what is there waits a fifth less. SQLite reads a log
// up to the first frame whose checksum is wrong, so the zeros mean nothing to it;
// nobody may write to the log meanwhile.
func fillLog(database string) (err error) {
	f, err := os.OpenFile(database+"-wal", os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first write makes it
	}
	if err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("the write-ahead log: %w", err)
	}
	zeros := make([]byte, 1<<20)
	for at := info.Size(); at < logSize; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), logSize-at)], at); err != nil {
			return fmt.Errorf("fill the write-ahead log: %w", err)
		}
	}
	return f.Sync()
}
