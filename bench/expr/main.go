// Command expr compares Belfry's schedule expressions with the cron libraries
// that Go has: right answers on the recorded occurrences, and speed. Then it
// looks for the expression that costs Belfry the most.
//
// Run it with "go run ." in this folder; it takes about a minute and wants an
// idle machine.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

const vectors = "../../expr/testdata/cron_next.jsonl"

func main() {
	rows, err := readRows(vectors)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print("Nanoseconds for one Next, walking along the occurrences (in brackets: times Belfry's)\n\n")
	compareSpeed()
	fmt.Print("\nThe dearest Next that a search finds in Belfry\n\n")
	worst()
	// After the timings, because a rival that hangs keeps a core busy.
	fmt.Printf("\nRight answers on %d expressions, up to 8 occurrences each\n\n", len(rows))
	compareAnswers(rows, false)
	hard := hardRows()
	fmt.Printf("\nRight answers on %d cases in which libraries are known to differ\n\n", len(hard))
	compareAnswers(hard, true)
}

// A row is an expression and its occurrences after an instant: eight, or all
// there are.
type row struct {
	Expression string      `json:"expression"`
	Timezone   string      `json:"timezone"`
	After      time.Time   `json:"after"`
	Next       []time.Time `json:"next"`
	Some       bool        `json:"-"` // Next are only the first ones, unless empty
}

func readRows(name string) ([]row, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the recorded occurrences: %w", err)
	}
	defer f.Close()
	var rows []row
	s := bufio.NewScanner(f)
	for s.Scan() {
		var r row
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		rows = append(rows, r)
	}
	return rows, s.Err()
}
