package main

import (
	"fmt"
	"os"

	"github.com/belfry-run/belfry/deploy"
)

// largeUpload is from how many bytes on an upload is worth a line.
const largeUpload = 1 << 20

// A progress shows what goes on: on a terminal a line that changes, elsewhere
// whole lines alone.
type progress struct {
	to       *os.File
	terminal bool
	open     bool  // the last line may change
	shown    int64 // of an upload, in percent
}

func newProgress(to *os.File) *progress {
	return &progress{to: to, terminal: isTerminal(to)}
}

func (p *progress) line(text string) {
	p.end()
	fmt.Fprintln(forPeople(p.to), text)
}

// sending shows how much of an upload is on its way.
func (p *progress) sending(sent, total int64) {
	if total < largeUpload {
		return
	}
	percent := 100 * sent / total
	switch {
	case p.terminal && (percent != p.shown || !p.open):
		fmt.Fprintf(p.to, "\rsent %s of %s, %d %%", deploy.Bytes(sent), deploy.Bytes(total), percent)
		p.open = true
	case !p.terminal && sent == total:
		p.line("sent " + deploy.Bytes(total))
	}
	p.shown = percent
}

// end ends a line that was still changing.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.to)
		p.open = false
	}
}

// step shows what is being done.
func (p *progress) step(text string) {
	if !p.terminal {
		p.line(text)
		return
	}
	fmt.Fprintf(p.to, "\r\x1b[K%s", visible(text))
	p.open = true
}
