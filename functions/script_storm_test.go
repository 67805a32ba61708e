package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"azcollector/internal/sim"
)

// killEvery is how long a collector of a storm lives at the least and at the most.
const (
	killFirst = 4 * time.Second
	killLast  = 9 * time.Second
)

// storm N runs two collectors on one storage account until N contents more have
// arrived, and kills one of them with SIGKILL every few seconds.
func cmdStorm(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	ctx, stop := context.WithCancel(context.Background())
	var crew sync.WaitGroup
	defer crew.Wait()
	defer stop()
	kills := make(chan struct{}, 1)
	for i := range 2 {
		crew.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := stormy(ctx, ts, fmt.Sprintf("%d-%d", i, n), kills); err != nil {
					ts.Logf("collector %d: %v", i, err)
				}
			}
		})
	}
	n := number(ts, args[0])
	began, killed := time.Now(), 0
	for i := range n {
		s.Offer(sim.Offer{ContentType: "Audit.General", Unpushed: true, Records: stormRecords(i)})
	}
	next := time.After(killFirst)
	for deadline := time.After(4 * patience); s.Book.Report().Lost > 0; {
		select {
		case <-next:
			if killed == stormKills(n) {
				continue // the last of them have to get somewhere
			}
			killed++
			kills <- struct{}{}
			next = time.After(killFirst + rand.N(killLast-killFirst))
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			r := s.Book.Report()
			ts.Fatalf("%d of %d records have not arrived after %d kills", r.Lost, r.Published, killed)
		}
	}
	r := s.Book.Report()
	ts.Logf("%d contents in %v, with %d kills: %+v", n, time.Since(began).Round(time.Second), killed, r)
	if n >= stormWhole && 100*r.Duplicates > r.Published {
		ts.Fatalf("%d of %d records arrived twice, more than one in a hundred", r.Duplicates, r.Published)
	}
}

// stormKills is how often somebody is killed in a storm of n contents.
func stormKills(n int) int { return 2 + n/150 }

// stormWhole is from how many contents on the share of duplicates says something:
// a kill repeats one content or two.
const stormWhole = 2000

// stormRecords are five, and no two contents have one in common.
func stormRecords(content int) (records [][]byte) {
	at := time.Now().UTC().Format("2006-01-02T15:04:05")
	for i := range 5 {
		records = append(records, fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":"%s","RecordType":25}`, 5*content+i, at))
	}
	return records
}

// stormy runs one collector until it is killed, or asked to end in order.
func stormy(ctx context.Context, ts *testscript.TestScript, name string, kills <-chan struct{}) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	binary, err := exec.LookPath("azcollector")
	if err != nil {
		binary = filepath.Join(filepath.Dir(os.Args[0]), "azcollector")
	}
	cmd := exec.Command(binary, "serve")
	for _, variable := range stormEnvironment {
		cmd.Env = append(cmd.Env, variable+"="+ts.Getenv(variable))
	}
	var log bytes.Buffer
	cmd.Env = append(cmd.Env, "LISTEN="+address)
	cmd.Stderr = &log
	cmd.Dir = ts.Getenv("WORK")
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-kills:
		_ = cmd.Process.Kill()
		<-ended
		return nil
	case <-ctx.Done():
		_ = cmd.Process.Signal(os.Interrupt)
		return <-ended
	case err := <-ended:
		return fmt.Errorf("%s ended by itself: %v: %s", name, err, log.String())
	}
}

// stormEnvironment is what a script's collector gets of the script's variables.
var stormEnvironment = []string{
	"PATH", "HOME", "WORK", "SSL_CERT_FILE", "APP_TENANT_ID", "APP_CLIENT_ID", "APP_CLIENT_SECRET", "AZURE_AUTHORITY_HOST",
	"O365_MANAGEMENT_URL", "O365_WEBHOOK_AUTH_ID", "APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY", "APP_AL_API_ENDPOINT",
	"COLLECTOR_HOST_ID", "COLLECTOR_SOURCE_ID", "TLS_CERT", "TLS_KEY", "PUBLIC_URL", "PULL_SCHEDULE", "AzureWebJobsStorage",
	"O365_CONTENT_STREAMS", "AzureWebJobs.master.Disabled",
}
