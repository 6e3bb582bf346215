package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belfry-run/belfry/app"
	"github.com/belfry-run/belfry/egress"
)

type serveCmd struct {
	Data         string        `env:"BELFRY_DATA" default:"belfry-data" placeholder:"DIR" help:"Directory that holds everything Belfry knows; made if it is not there (${default})."`
	Listen       string        `env:"BELFRY_LISTEN" default:"127.0.0.1:7420" placeholder:"ADDR" help:"Address to listen on (${default})."`
	Dev          bool          `env:"BELFRY_DEV" help:"Accept any credentials, on loopback only; implies --permissive."`
	AcceptDamage bool          `help:"Start with what can be read of a data directory that has lost something, after a copy of it as it is was put aside. What is missing is lost."`
	Permissive   bool          `env:"BELFRY_PERMISSIVE" help:"Do not enforce roles: schedules and functions may do anything in their account."`
	ClockSkew    time.Duration `env:"BELFRY_CLOCK_SKEW" default:"15m" placeholder:"D" help:"How far a client's clock may differ from the server's (${default})."`
	TLSCert      string        `name:"tls-cert" env:"BELFRY_TLS_CERT" placeholder:"FILE" help:"Certificate to serve TLS with, PEM, with its chain; read again when it changes."`
	TLSKey       string        `name:"tls-key" env:"BELFRY_TLS_KEY" placeholder:"FILE" help:"Key of the certificate, PEM."`
	EgressAllow  []string      `env:"BELFRY_EGRESS_ALLOW" placeholder:"NET" help:"Private networks, such as 10.0.0.0/8, that probes, alerts and functions behind the proxy may reach; the public internet they may in any case. With --dev all."`
	SMTPListen   string        `name:"smtp-listen" env:"BELFRY_SMTP_LISTEN" placeholder:"ADDR" help:"Address to receive mail on that pings checks, such as 127.0.0.1:2525 (nowhere)."`
	PublicURL    string        `name:"public-url" env:"BELFRY_PUBLIC_URL" placeholder:"URL" help:"Where people reach the server, for links in messages, such as https://belfry.example.org (its own address)."`
	LogLevel     string        `env:"BELFRY_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: debug, info, warn or error (${default})."`
	LogFormat    string        `env:"BELFRY_LOG_FORMAT" enum:"text,json" default:"text" help:"text or json (${default})."`

	Isolation        string `env:"BELFRY_ISOLATION" enum:",auto,full,rootless,uid,none" default:"" placeholder:"LEVEL" group:"Functions:" help:"Highest isolation to use: full, rootless, uid, none, or auto for the best that works (auto; with --dev none)."`
	RequireIsolation string `env:"BELFRY_REQUIRE_ISOLATION" enum:"full,rootless,uid,none" default:"none" placeholder:"LEVEL" group:"Functions:" help:"Do not start with less isolation than this (${default})."`
	Egress           string `env:"BELFRY_EGRESS" enum:",none,proxy,host" default:"" placeholder:"MODE" group:"Functions:" help:"What isolated functions reach of the network: none, proxy for public addresses, or host (proxy; with --dev host)."`
	EgressMax        string `env:"BELFRY_EGRESS_MAX" enum:",none,proxy,host" default:"" placeholder:"MODE" group:"Functions:" help:"The most that a function can choose for itself (that of --egress)."`
	Processes        int    `name:"function-processes" env:"BELFRY_FUNCTION_PROCESSES" default:"64" placeholder:"N" group:"Functions:" help:"Processes and threads of an isolated instance (${default})."`
	Pool             string `env:"BELFRY_POOL" default:"python=2,nodejs=1" placeholder:"SIZES" group:"Functions:" help:"Processes that are kept ready for isolated functions: a number for all languages, or numbers by language; 0 is none (${default})."`

	LogRetention int   `env:"BELFRY_LOG_RETENTION" default:"14" placeholder:"DAYS" group:"Logs of functions:" help:"Days that a log is kept whose group has no retention policy; 0 is for ever (${default})."`
	MaxLog       int   `name:"max-log" env:"BELFRY_MAX_LOG" default:"1048576" placeholder:"BYTES" group:"Logs of functions:" help:"What is kept of the log of one invocation (${default})."`
	MaxLogGroup  int64 `env:"BELFRY_MAX_LOG_GROUP" default:"268435456" placeholder:"BYTES" group:"Logs of functions:" help:"What is kept of one log group; the oldest goes first (${default})."`
	MaxLogTotal  int64 `env:"BELFRY_MAX_LOG_TOTAL" default:"1073741824" placeholder:"BYTES" group:"Logs of functions:" help:"What is kept of all logs; the oldest goes first (${default})."`

	MaxSchedules      int64   `env:"BELFRY_MAX_SCHEDULES" default:"10000000" placeholder:"N" group:"Quotas of an account:" help:"Schedules in a region (${default})."`
	MaxScheduleGroups int64   `env:"BELFRY_MAX_SCHEDULE_GROUPS" default:"500" placeholder:"N" group:"Quotas of an account:" help:"Schedule groups in a region (${default})."`
	CreateRate        float64 `env:"BELFRY_CREATE_SCHEDULE_RATE" name:"create-schedule-rate" placeholder:"N" group:"Quotas of an account:" help:"CreateSchedule requests a second; 0 is no limit (0)."`
	ScheduleRate      float64 `env:"BELFRY_SCHEDULE_RATE" placeholder:"N" group:"Quotas of an account:" help:"UpdateSchedule, GetSchedule and DeleteSchedule requests a second; 0 is no limit (0)."`
	OtherRate         float64 `env:"BELFRY_SCHEDULE_OTHER_RATE" name:"schedule-other-rate" placeholder:"N" group:"Quotas of an account:" help:"Requests a second to list schedules, and for groups and tags; 0 is no limit (0)."`

	LambdaDelivery string `env:"BELFRY_LAMBDA_DELIVERY" default:"belfry" placeholder:"WHEN" help:"When a scheduled run of a function ends: belfry, when the function has answered; aws, when its event is accepted; or the accounts, separated by commas, for which it is aws (${default})."`

	MaxChecks     int64 `env:"BELFRY_MAX_CHECKS" default:"100000" placeholder:"N" group:"Quotas of an account:" help:"Checks (${default})."`
	PingBodyLimit int   `env:"BELFRY_PING_BODY_LIMIT" default:"10000" placeholder:"BYTES" group:"Quotas of an account:" help:"What is kept of a ping's body (${default})."`
	PingLog       int   `env:"BELFRY_PING_LOG" default:"100" placeholder:"N" group:"Quotas of an account:" help:"Pings that are kept of a check (${default})."`
}

// The most that a server can be told to keep: of a ping's body, in bytes, and of
// a check, in pings.
const (
	maxPingBody = 1 << 20
	maxPingLog  = 1000
)

// Validate refuses quotas that make no sense; kong calls it.
func (c *serveCmd) Validate() error {
	for account := range strings.SplitSeq(c.LambdaDelivery, ",") {
		if c.LambdaDelivery != "belfry" && c.LambdaDelivery != "aws" && !isAccount(account) {
			return fmt.Errorf("--lambda-delivery is %q; give belfry, aws, or accounts of 12 digits separated by commas", c.LambdaDelivery)
		}
	}
	switch {
	case c.MaxSchedules < 1:
		return errors.New("--max-schedules must be at least 1")
	case c.MaxScheduleGroups < 1:
		return errors.New("--max-schedule-groups must be at least 1")
	case c.MaxChecks < 1:
		return errors.New("--max-checks must be at least 1")
	case c.PingBodyLimit < 1 || c.PingBodyLimit > maxPingBody:
		return fmt.Errorf("--ping-body-limit must be 1 to %d bytes", maxPingBody)
	case c.PingLog < 1 || c.PingLog > maxPingLog:
		return fmt.Errorf("--ping-log must be 1 to %d", maxPingLog)
	case c.Processes < 1 || c.Processes > 32_768:
		return errors.New("--function-processes must be 1 to 32768")
	case c.LogRetention < 0 || c.LogRetention > 3653:
		return errors.New("--log-retention must be 0, for ever, to 3653 days")
	case c.MaxLog < 4<<10 || c.MaxLog > 64<<20:
		return errors.New("--max-log must be 4096 to 67108864 bytes")
	case c.MaxLogGroup < 1<<20 || c.MaxLogTotal < c.MaxLogGroup:
		return errors.New("--max-log-group must be at least 1048576 bytes, and --max-log-total no less than it")
	case c.CreateRate < 0 || c.ScheduleRate < 0 || c.OtherRate < 0:
		return errors.New("a rate must not be negative; 0 is no limit")
	}
	return nil
}

func (c *serveCmd) Run() error {
	logger, err := c.logger()
	if err != nil {
		return err
	}
	if c.ClockSkew < time.Second || c.ClockSkew > 24*time.Hour {
		return wrongUse{fmt.Errorf("--clock-skew is %v, want 1s to 24h", c.ClockSkew)}
	}
	allowed, err := egress.ParseNetworks(c.EgressAllow)
	if err != nil {
		return wrongUse{fmt.Errorf("--egress-allow: %w", err)}
	}
	ctx, stop := stopOnSignal(context.Background(), logger)
	defer stop()
	return app.Run(ctx, app.Config{
		DataDir: c.Data,
		Listen:  c.Listen,
		Dev:     c.Dev,
		Version: version,

		AcceptDamage: c.AcceptDamage,

		Logger:  logger,
		TLSCert: c.TLSCert,
		TLSKey:  c.TLSKey,
		Reload:  c.reload(),
		Quotas: app.Quotas{
			Schedules: c.MaxSchedules, Groups: c.MaxScheduleGroups,
			CreateRate: c.CreateRate, ScheduleRate: c.ScheduleRate, OtherRate: c.OtherRate,
		},
		Checks: app.Checks{Max: c.MaxChecks, BodyLimit: c.PingBodyLimit, PingLog: c.PingLog},

		EgressAllow: allowed,
		Functions: app.Functions{
			Isolation: c.Isolation, RequireIsolation: c.RequireIsolation, Egress: c.Egress, EgressMax: c.EgressMax,
			Processes: c.Processes, Pool: c.Pool,
		},

		SMTPListen: c.SMTPListen,
		Logs: app.Logs{
			Retention: retention(c.LogRetention), MaxInvocation: c.MaxLog, MaxGroup: c.MaxLogGroup, MaxTotal: c.MaxLogTotal,
		},

		PublicURL:  c.PublicURL,
		Permissive: c.Permissive,
		ClockSkew:  c.ClockSkew,

		LambdaDelivery: c.LambdaDelivery,
		// Secrets have no flags: a command line is there for everybody to read.
		SecretKey:     os.Getenv("BELFRY_SECRET_KEY"),
		RootAccessKey: os.Getenv("BELFRY_ROOT_ACCESS_KEY"),
		RootSecretKey: os.Getenv("BELFRY_ROOT_SECRET_KEY"),
		HeartbeatURL:  os.Getenv("BELFRY_HEARTBEAT_URL"), // whoever knows it can send heartbeats
		Notices:       os.Stdout,
	})
}

// retention is days as package app has them, with 0 for the default.
func retention(days int) int {
	if days == 0 {
		return -1
	}
	return days
}

// reload gives SIGHUP while there is a certificate that it reloads; without one
// the signal does what it always does.
func (c *serveCmd) reload() <-chan os.Signal {
	if c.TLSCert == "" {
		return nil
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}

// stopOnSignal returns a context that the first SIGINT or SIGTERM cancels. The
// second ends the process there and then: everything that was acknowledged is
// on disk already. stop must be called.
func stopOnSignal(parent context.Context, logger *slog.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		s, ok := <-signals
		if !ok {
			return
		}
		logger.InfoContext(ctx, "stopping; a second signal stops at once", "signal", s.String())
		cancel()
		if _, ok := <-signals; ok {
			os.Exit(exitFailed)
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		waiting.Wait()
		cancel()
	}
}

// logger returns a logger on standard error; standard output stays free.
func (c *serveCmd) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, wrongUse{fmt.Errorf("log level: %w", err)}
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
}

// isAccount reports whether s has the form of an account: 12 digits.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
