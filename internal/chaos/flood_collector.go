package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"azcollector/internal/sim"
)

// A besieged collector serves by itself, in a world of its own, to whoever calls.
type besieged struct {
	*mortal
	world   *sim.World
	webhook string
	roots   *x509.CertPool
}

// besieged starts one; slowly hears of each record that ingest takes.
func (f *flood) besieged(ctx context.Context, o *options, name string, slowly func(sim.Message), more ...string) (b *besieged, err error) {
	dir, err := o.room(filepath.Join("flood", name))
	if err != nil {
		return nil, err
	}
	b = &besieged{roots: x509.NewCertPool()}
	if b.world, err = sim.New(sim.Options{
		Seed: o.Seed, Calm: true, Tenant: crashTenant, AuthID: crashAuthID, Dir: dir, PageSize: 500,
		HostID: "0b5e7c66-6c1e-4b0e-8f0d-3a1f5a2c9d10", SourceID: "9a1c5d12-0f3b-4a77-b1de-6f2a8c3e4b21",
		Push:      sim.PushOptions{Off: true, To: "https://127.0.0.1:9/nobody"}, // we are the pusher; lists need no subscription
		OnMessage: slowly, Logf: func(string, ...any) {},
	}); err != nil {
		return nil, fmt.Errorf("start a world: %w", err)
	}
	if err := b.start(ctx, o.Collector, dir, more); err != nil {
		b.world.Close()
		return nil, err
	}
	return b, nil
}

func (b *besieged) start(ctx context.Context, program, dir string, more []string) error {
	cert, key, err := b.world.IssueCertificate("collector")
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(b.world.CAFile())
	if err != nil {
		return fmt.Errorf("read the root: %w", err)
	}
	b.roots.AppendCertsFromPEM(pem)
	address, err := mortalAddress()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	defer log.Close() // the process has its own
	b.webhook = "https://" + address + "/api/o365/webhook"
	b.mortal = &mortal{cmd: exec.Command(program, "serve"), address: address, log: log.Name(), ended: make(chan struct{})}
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = dir, log, log
	b.cmd.Env = []string{
		"LISTEN=" + address, "TLS_CERT=" + cert, "TLS_KEY=" + key, "STATE_DIR=" + filepath.Join(dir, "state"),
		"PUBLIC_URL=none", "AzureWebJobs.master.Disabled=true", `O365_CONTENT_STREAMS=["` + crashType + `"]`,
	}
	for name, value := range b.world.Settings() {
		b.cmd.Env = append(b.cmd.Env, name+"="+value)
	}
	b.cmd.Env = append(b.cmd.Env, more...)
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("start the collector: %w", err)
	}
	go func() { // kill and stop wait for it
		defer close(b.ended)
		_ = b.cmd.Wait() // how it ended was our doing, or is in its log
	}()
	if err := b.await(ctx, "it answers", func() bool { return b.post(ctx, nil, nil) == "401 Unauthorized" }); err != nil {
		b.kill()
		return err
	}
	return nil
}

func (b *besieged) close() {
	b.stop()
	b.world.Close()
}

// post sends a notification on a connection of its own, from one of loopback's addresses
// (nil: any), and returns the answer's status, or why there was none.
func (b *besieged) post(ctx context.Context, from net.IP, notification []byte) string {
	dialer := &net.Dialer{Timeout: floodPatience}
	if from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: from}
	}
	client := &http.Client{Timeout: floodPatience, Transport: &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: b.roots},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.webhook, bytes.NewReader(notification))
	if err != nil {
		return err.Error()
	}
	if notification != nil {
		req.Header.Set("Content-Type", "application/json; utf-8")
		req.Header.Set("Webhook-AuthID", crashAuthID)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	return resp.Status
}

// good is the status that counts.
const good = "200 OK"

// offer lists contents of so many records and returns the notification of them.
func (b *besieged) offer(first, contents, records int) []byte {
	at := time.Now().UTC().Format("2006-01-02T15:04:05")
	var entries []string
	for i := range contents {
		o := sim.Offer{ContentType: crashType, Unpushed: true}
		for j := range records {
			o.Records = append(o.Records, fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":"%s","RecordType":25}`, (first+i)*records+j, at))
		}
		entries = append(entries, entryOf(b.world, crashType, b.world.Offer(o).Listed[0]))
	}
	return []byte("[" + strings.Join(entries, ",") + "]")
}

// await looks, twenty times a second at the most, until something has happened.
func (b *besieged) await(ctx context.Context, what string, happened func() bool) error {
	ctx, done := context.WithTimeout(ctx, floodPatience)
	defer done()
	for {
		began := time.Now()
		if happened() {
			return nil
		}
		select {
		case <-time.After(max(50*time.Millisecond, 4*time.Since(began))): // a large book takes long to sum up
		case <-b.ended:
			return b.explain(fmt.Errorf("wait until %s: it ended", what))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait until %s: %w", what, ctx.Err()))
		}
	}
}

// account is what became of everything, and what it took.
func (b *besieged) account(f *figures) {
	r := b.world.Book.Report()
	f.Runs, f.Contents, f.Records, f.Lost, f.Duplicates = 1, r.Announced, r.Published, r.Lost, r.Duplicates
	f.Peak = peakOf(b.cmd.Process.Pid)
	if r.Lost+r.Duplicates+r.Unknown > 0 {
		f.Red = append(f.Red, fmt.Sprintf("%d records lost, %d twice, %d unknown", r.Lost, r.Duplicates, r.Unknown))
	}
	if f.Peak == 0 || f.Peak > floodMemory {
		f.Red = append(f.Red, fmt.Sprintf("peak memory is %d MB, over %d", f.Peak>>20, floodMemory>>20))
	}
	for _, text := range b.world.Complaints() {
		f.Red = append(f.Red, "the simulator complains: "+text)
	}
	if b.panicked() {
		f.Red = append(f.Red, "the collector panicked")
	}
}
