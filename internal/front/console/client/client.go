// Package client gives commands to a console: over the socket of a running server,
// or to a console in the same process. It is the commands' half of the door.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"siegel/internal/front/console"
	"siegel/internal/kit/text"
)

// Client gives commands to a console. Use it from one goroutine.
type Client struct {
	http *http.Client
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	lang text.Lang
	stop func() error
}

// Dial returns a client of the console behind a socket. It fails where nobody
// listens there.
func Dial(ctx context.Context, socket string, l text.Lang) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	c := &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, dial: dial, lang: l, stop: func() error { return nil }}
	return c, c.Call(ctx, "ping", struct{}{}, nil, nil)
}

// Local returns a client of a console in this process.
func Local(h http.Handler, l text.Lang) *Client {
	pipe := newPipeListener()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: readHeader}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(pipe) }()
	return &Client{
		http: &http.Client{Transport: &http.Transport{DialContext: pipe.dial}}, dial: pipe.dial, lang: l,
		stop: func() error {
			err := srv.Close()
			<-done //nolint:errcheck // it says that the server was closed
			return err
		},
	}
}

// Close ends the client.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.stop()
}

// errBroken says that an answer ended early.
var errBroken = errors.New("the answer broke off; nothing of it counts")

// broken returns why an answer ended early: the server, or who asked and asks no more.
func broken(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errBroken
}

// Call gives a command and decodes its result into result, which may be nil. A
// fault comes back as an [*Error] in the client's language.
func (c *Client) Call(ctx context.Context, command string, body, result any, progress func(console.Progress)) error {
	r, err := c.post(ctx, command, body)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }() // read to its end, or given up
	return readLines(ctx, r.Body, result, progress)
}

func (c *Client) post(ctx context.Context, command string, body any) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://console/v1/"+command, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Language", string(c.lang))
	r, err := c.http.Do(req)
	if errors.Is(err, io.EOF) && ctx.Err() == nil {
		return nil, errBroken // before anything of it came
	}
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the server does not know the command %s: it may be older", command), r.Body.Close())
	}
	return r, nil
}

func readLines(ctx context.Context, r io.Reader, result any, progress func(console.Progress)) error {
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if err != nil {
			return broken(ctx)
		}
		var l console.Line
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		switch {
		case l.Error != nil && l.Result != nil && result != nil: // the rest, beside what is damaged
			return errors.Join(json.Unmarshal(l.Result, result), l.Error)
		case l.Error != nil:
			return l.Error
		case l.Progress != nil:
			if progress != nil {
				progress(*l.Progress)
			}
		case result == nil:
			return nil
		default:
			return json.Unmarshal(l.Result, result)
		}
	}
}

// Octets gives a command whose answer is octets, decodes its result and copies
// the octets to w. It fails where the answer broke off, after some octets have
// been written.
func (c *Client) Octets(ctx context.Context, command string, body, result any, w io.Writer) error {
	r, err := c.post(ctx, command, body)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }() // read to its end, or given up
	head := r.Header.Get(console.ResultHeader)
	if head == "" {
		return readLines(ctx, r.Body, nil, nil)
	}
	if err := json.Unmarshal([]byte(head), result); err != nil {
		return err
	}
	if _, err := io.Copy(w, r.Body); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return broken(ctx)
		}
		return err
	}
	return nil
}
