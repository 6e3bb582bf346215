package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the database to the newest form. The files in migrations are
// applied in the order of their names, each in a transaction of its own;
// user_version is the number of those applied. A file that has been released
// never changes.
func migrate(c *sqlite.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	done := 0
	err = sqlitex.ExecuteTransient(c, "PRAGMA user_version", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error { done = st.ColumnInt(0); return nil },
	})
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	if done > len(files) {
		return fmt.Errorf("the data directory was written by a newer Belfry (version %d, this one knows %d): use that version, or a backup from before it", done, len(files))
	}
	for i, name := range files[done:] {
		script, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		text := string(script) + "\nPRAGMA user_version=" + strconv.Itoa(done+i+1) + ";"
		if err := sqlitex.ExecuteScript(c, text, nil); err != nil {
			return fmt.Errorf("apply %s: %w", name, err)
		}
	}
	return nil
}
