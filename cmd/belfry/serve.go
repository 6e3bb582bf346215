package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/belfry-run/belfry/app"
)

type serveCmd struct {
	Data       string        `env:"BELFRY_DATA" default:"belfry-data" placeholder:"DIR" help:"Directory that holds everything Belfry knows; made if it is not there (${default})."`
	Listen     string        `env:"BELFRY_LISTEN" default:"127.0.0.1:7420" placeholder:"ADDR" help:"Address to listen on (${default})."`
	Dev        bool          `env:"BELFRY_DEV" help:"Accept any credentials, on loopback only; implies --permissive."`
	Permissive bool          `env:"BELFRY_PERMISSIVE" help:"Do not enforce roles: schedules and functions may do anything in their account."`
	ClockSkew  time.Duration `env:"BELFRY_CLOCK_SKEW" default:"15m" placeholder:"D" help:"How far a client's clock may differ from the server's (${default})."`
	LogLevel   string        `env:"BELFRY_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: debug, info, warn or error (${default})."`
	LogFormat  string        `env:"BELFRY_LOG_FORMAT" enum:"text,json" default:"text" help:"text or json (${default})."`
}

func (c *serveCmd) Run() error {
	logger, err := c.logger()
	if err != nil {
		return err
	}
	if c.ClockSkew < time.Second || c.ClockSkew > 24*time.Hour {
		return wrongUse{fmt.Errorf("--clock-skew is %v, want 1s to 24h", c.ClockSkew)}
	}
	ctx, stop := stopOnSignal(context.Background(), logger)
	defer stop()
	return app.Run(ctx, app.Config{
		DataDir: c.Data,
		Listen:  c.Listen,
		Dev:     c.Dev,
		Version: version,
		Logger:  logger,

		Permissive: c.Permissive,
		ClockSkew:  c.ClockSkew,
		// Secrets have no flags: a command line is there for everybody to read.
		SecretKey:     os.Getenv("BELFRY_SECRET_KEY"),
		RootAccessKey: os.Getenv("BELFRY_ROOT_ACCESS_KEY"),
		RootSecretKey: os.Getenv("BELFRY_ROOT_SECRET_KEY"),
		Notices:       os.Stdout,
	})
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
