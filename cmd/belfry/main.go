// Command belfry runs scheduled functions on your own machines, and shows what
// became of every occurrence.
//
// Every verb that prints for people prints JSON with --json. Exit codes: 0 done,
// 1 failed, 2 wrong use; wrap and lock have the exit code of the command that they
// run, and lock 75 when another holds it. A verb beside serve and next talks HTTP
// to a server; doctor does so if one answers.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/belfry-run/belfry/function/sandbox"
)

// version is set by the linker (see the Makefile).
var version = "dev"

// Exit codes that scripts may rely on.
const (
	exitFailed   = 1
	exitWrongUse = 2
	exitHeld     = 75 // of lock: somebody else holds it (EX_TEMPFAIL of sysexits.h)
)

type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Deploy   deployCmd   `cmd:"" help:"Bring a folder with a function's code, and its schedules, onto a server."`
	Runs     runsCmd     `cmd:"" help:"List the runs of a schedule, newest first."`
	Why      whyCmd      `cmd:"" help:"Say in a sentence what became of one occurrence, or why there is none."`
	Logs     logsCmd     `cmd:"" help:"Print what a function has printed, and follow it."`
	Doctor   doctorCmd   `cmd:"" help:"Say what is wrong with a server, or with its data directory when no server answers, and what to do."`
	Backup   backupCmd   `cmd:"" help:"Make a copy of all that a running server keeps, and prove it."`
	Restore  restoreCmd  `cmd:"" help:"Prove a backup, or bring it back into a new data directory. Needs no server."`
	Channels channelsCmd `cmd:"" help:"Create, list, test and delete alert channels."`
	Alerts   alertsCmd   `cmd:"" help:"List and acknowledge alerts."`
	Probe    probeCmd    `cmd:"" help:"Make, list, run and delete probes: is it up, how long is its certificate good."`
	Lock     lockCmd     `cmd:"" help:"Run a command under a lock, so that it runs once at a time on all machines."`
	Wrap     wrapCmd     `cmd:"" help:"Run a command and tell a check when it starts and how it ends."`
	Runtimes runtimesCmd `cmd:"" help:"List the runtimes that the server runs functions of, and on what."`
	Keys     keysCmd     `cmd:"" help:"Create, list and revoke access keys."`
	Project  projectCmd  `cmd:"" help:"Show, renew and remove the keys that let jobs ping and programs manage checks."`
	Next     nextCmd     `cmd:"" help:"Print when an expression is next due. Needs no server."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// output is where a verb prints for its user.
type output struct{ io.Writer }

// wrongUse marks an error that the command line, not the world, is to blame for.
type wrongUse struct{ error }

func (e wrongUse) Unwrap() error { return e.error }

// exitStatus ends the process with that code; what there is to say has been said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func main() {
	sandbox.Main() // first: this may be a trial of a sandbox
	os.Exit(run(os.Args[1:], forPeople(os.Stdout), forPeople(os.Stderr)))
}

func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("belfry"),
		kong.Description("Scheduled functions on your own machines, every occurrence accounted for."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(output{stdout}),
	)
	if err != nil {
		panic(err) // the struct tags above are wrong
	}
	verb, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "belfry: %v\nRun \"belfry --help\" for usage.\n", err)
		return exitWrongUse
	}
	if err := verb.Run(); err != nil {
		if status, ok := errors.AsType[exitStatus](err); ok {
			return int(status)
		}
		fmt.Fprintf(stderr, "belfry: %v\n", err)
		if errors.As(err, new(wrongUse)) {
			return exitWrongUse
		}
		return exitFailed
	}
	return 0
}
