package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
)

// errNobody says that no collector answers at the control socket.
var errNobody = errors.New("no collector is running")

// remote sends the command to the collector that owns the store, and prints what
// it prints. errNobody: there is none.
func (p *program) remote(ctx context.Context, dir string, args []string) (code int, err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, controlSocket))
		if err != nil {
			err = errNobody
		}
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(order{Args: args, Terminal: isTerminal(p.stderr)})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control/command", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask the running collector: %s", resp.Status)
	}
	return p.replay(ctx, resp.Body)
}

// replay prints the frames as they come.
func (p *program) replay(ctx context.Context, body io.Reader) (int, error) {
	frames := json.NewDecoder(body)
	for {
		var f frame
		if err := frames.Decode(&f); err != nil {
			if ctx.Err() != nil {
				return 0, errors.New("interrupted")
			}
			return 0, errors.New("the running collector stopped before it was done")
		}
		if f.Exit != nil {
			return *f.Exit, nil
		}
		_, err1 := p.stdout.Write(f.Out)
		_, err2 := p.stderr.Write(f.Err)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
	}
}
