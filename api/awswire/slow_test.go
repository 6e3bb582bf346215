package awswire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
)

// pipes is a listener whose connections know fake time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// patient creates a schedule in half an hour, unless the client goes away.
type patient struct{ schedulerapi.Unimplemented }

func (patient) CreateSchedule(ctx context.Context, _ *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	select {
	case <-time.After(30 * time.Minute):
		return &schedulerapi.CreateScheduleOutput{ScheduleArn: new("arn")}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dial returns a connection to a server of the router in fake time.
func dial(t *testing.T) net.Conn {
	t.Helper()
	p := make(pipes, 1)
	server := &http.Server{Handler: awswire.NewRouter(awswire.Options{Auth: awswire.DevAuth{}}, schedulerapi.New(patient{}))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(p)
	}()
	client, conn := net.Pipe()
	p <- conn
	t.Cleanup(func() {
		client.Close()
		close(p)
		<-done
		server.Close()
	})
	return client
}

const createHead = "POST /schedules/s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

func TestABodyThatTricklesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		began := time.Now()
		fmt.Fprintf(c, createHead, 1000)
		var sending sync.WaitGroup
		sending.Go(func() {
			for range 1000 {
				if _, err := c.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second) // the client's pace, in fake time
			}
		})
		defer sending.Wait()
		defer c.Close()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		want(t, "status", res.StatusCode, http.StatusRequestTimeout)
		want(t, "code", res.Header.Get("X-Amzn-Errortype"), "RequestTimeoutException")
		want(t, "body", string(body), `{"Message":"The request body did not arrive in time."}`)
		want(t, "the connection is closed", res.Close, true)
		want(t, "patience", time.Since(began).Round(time.Second), 20*time.Second)
	})
}

func TestASlowBodyAtAFairRateIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		const size, step = 1 << 20, 32 << 10
		body := goodSchedule + strings.Repeat(" ", size-len(goodSchedule))
		fmt.Fprintf(c, createHead, size)
		var sending sync.WaitGroup
		sending.Go(func() {
			for ; body != ""; body = body[step:] {
				if _, err := io.WriteString(c, body[:step]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		defer sending.Wait()
		defer c.Close()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", res.StatusCode, http.StatusOK)
	})
}

const goodSchedule = `{"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},` +
	`"Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:q","RoleArn":"arn:aws:iam::000000000000:role/r"}}`

// TestTheAnswerMayTakeItsTime shows that the patience is for the body alone.
func TestTheAnswerMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		began := time.Now()
		fmt.Fprintf(c, createHead+"%s", len(goodSchedule), goodSchedule)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", res.StatusCode, http.StatusOK)
		want(t, "time", time.Since(began), 30*time.Minute)
	})
}
