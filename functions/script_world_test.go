package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"azcollector/internal/sim"
)

// patience is how long a script waits for what must happen. It is no
// expectation of speed: a test fails by it only if something never happens.
const patience = 4 * time.Minute

// A stage is the world of one script and how to reach the collector in it.
type stage struct {
	*sim.World
	webhook string
	client  *http.Client
	arrival chan struct{} // gets a token when a message arrives
	offered int           // contents published by this script
	made    int           // records that publishmany made
	senders senders
}

// worldCommands are the scripts' commands beside testscript's own.
var worldCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"up":         cmdUp,
	"publish":    cmdPublish,
	"noise":      cmdNoise,
	"fault":      cmdFault,
	"forget":     cmdForget,
	"recall":     cmdRecall,
	"arrived":    cmdArrived,
	"drained":    cmdDrained,
	"settled":    cmdSettled,
	"report":     cmdReport,
	"calls":      cmdCalls,
	"posts":      cmdPosts,
	"clean":      cmdClean,
	"registered": cmdRegistered,
	"notify":     cmdNotify,
	"pause":      cmdPause,
	"someposts":  cmdSomePosts,
}

// setUpWorld starts a calm world for a script and puts into its environment the
// settings that make the collector work there.
func setUpWorld(env *testscript.Env) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	seed, _ := strconv.ParseUint(os.Getenv("SIM_SEED"), 10, 64) // 0: drawn and logged
	s := &stage{webhook: "https://" + address + hostWebhookPath, arrival: make(chan struct{}, 1)}
	dir := filepath.Join(env.WorkDir, ".world")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	o := sim.Options{
		Calm: true, Seed: seed, Dir: dir, SourceID: "source-of-the-test", HostID: "host-of-the-test",
		Push: sim.PushOptions{To: s.webhook, Timeout: 30 * time.Second},
		Logf: func(format string, args ...any) { env.T().Log(fmt.Sprintf(format, args...)) },
		OnMessage: func(m sim.Message) {
			s.senders.note(m)
			select {
			case s.arrival <- struct{}{}:
			default:
			}
		},
	}
	if err := worldOptions(env.WorkDir, &o); err != nil {
		return err
	}
	if s.World, err = sim.New(o); err != nil {
		return err
	}
	env.Defer(s.Close)
	env.Values["stage"] = s
	return s.settle(env, address)
}

// nextPort lies below the ports that the kernel gives out (32768 and up on
// Linux), so that no simulator takes the collector's before it listens.
var nextPort atomic.Int64

func freeAddress() (string, error) {
	nextPort.CompareAndSwap(0, 20_000+int64(os.Getpid()%100)*100)
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(nextPort.Add(1), 10))
		if probe, err := net.Listen("tcp", address); err == nil {
			return address, probe.Close()
		}
	}
	return "", errors.New("found no free port")
}

func (s *stage) settle(env *testscript.Env, address string) error {
	cert, key, err := s.IssueCertificate("collector")
	if err != nil {
		return err
	}
	for name, value := range s.Settings() {
		env.Setenv(name, value)
	}
	for name, value := range map[string]string{
		// A storm of kills takes minutes, so the check has a small one: see scripts/soak.
		"STORM": cmp.Or(os.Getenv("STORM"), "60"),
		// So has a week's proof of five types: this many contents of each.
		"WEEK": cmp.Or(os.Getenv("WEEK"), "140"),
		// And a content of very many records fewer of them.
		"MANY": cmp.Or(os.Getenv("MANY"), "40000"),
		// Scripts that are about the webhook alone would count what pull finds as well.
		"AzureWebJobs.pull.Disabled": "true", "AzureWebJobs.master.Disabled": "true",
		"LISTEN": address, "TLS_CERT": cert, "TLS_KEY": key, "STATE_DIR": filepath.Join(env.WorkDir, "state"),
		"CANARY": s.URL(sim.Canary), "AUTH": s.Settings()["O365_WEBHOOK_AUTH_ID"],
		"FEED":  s.URL(sim.Management) + "/api/v1.0/" + s.Settings()["APP_TENANT_ID"] + "/activity/feed",
		"TODAY": time.Now().UTC().Format("2006-01-02"),
	} {
		env.Setenv(name, value)
	}
	late, value, _ := strings.Cut(notLate, "=")
	env.Setenv(late, value)
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return nil
}

func onStage(ts *testscript.TestScript) *stage { return ts.Value("stage").(*stage) }

// options reads name=value arguments.
func options(ts *testscript.TestScript, args []string) map[string]string {
	values := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%q is not of the form name=value", arg)
		}
		values[name] = value
	}
	return values
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// up waits until the collector answers.
func cmdUp(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		resp, err := s.client.Get(strings.TrimSuffix(s.webhook, hostWebhookPath) + healthPath)
		if err == nil {
			ts.Check(resp.Body.Close())
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the collector is not up: %v", err)
		}
	}
}

// publish TYPE N publishes one content of N records; $LISTED and $PUSHED are its
// ids. With "unpushed" or "unlisted" it is only
// listed, or only pushed; with "small" the records are short.
func cmdPublish(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	o := sim.Offer{ContentType: args[0]}
	if slices.Contains(args, "small") {
		o.Records = smallRecords(number(ts, args[1]))
	} else {
		seed := s.Seed() + uint64(s.offered)
		o.Records = sim.NewGenerator(seed, s.Settings()["APP_TENANT_ID"]).Records(args[0], number(ts, args[1]), time.Now())
	}
	for _, word := range args[2:] {
		switch word {
		case "small":
		case "unpushed":
			o.Unpushed = true
		case "unlisted":
			o.Unlisted = true
		default:
			ts.Fatalf("publish does not know %q", word)
		}
	}
	s.offer(ts, o)
}

// smallRecords are quickly made, where only their number matters.
func smallRecords(n int) [][]byte {
	at := time.Now().UTC().Format("2006-01-02T15:04:05")
	records := make([][]byte, n)
	for i := range records {
		records[i] = fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":"%s","RecordType":25}`, i, at)
	}
	return records
}

func (s *stage) offer(ts *testscript.TestScript, o sim.Offer) {
	p := s.Offer(o)
	ts.Setenv("PUSHED", p.Pushed)
	s.offered++
	if len(p.Listed) > 0 {
		ts.Setenv("LISTED", p.Listed[0])
		ts.Setenv("LISTED"+strconv.Itoa(s.offered), p.Listed[0])
	}
}

// noise SIZE... publishes one content with a record of base64 noise of each size
// in bytes. Those behind "refused" are not expected to arrive.
func cmdNoise(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	o := sim.Offer{ContentType: "Audit.General"}
	var all [][]byte
	refused := false
	for i, arg := range args {
		if arg == "refused" {
			refused = true
			continue
		}
		raw := make([]byte, number(ts, arg)*3/4)
		_, _ = rand.Read(raw)
		record := fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012d","RecordType":25,"CreationTime":"%s","Noise":"%s"}`,
			i, time.Now().UTC().Format("2006-01-02T15:04:05"), base64.StdEncoding.EncodeToString(raw))
		all = append(all, record)
		if !refused {
			o.Records = append(o.Records, record)
		}
	}
	o.Body = fmt.Appendf(nil, "[%s]", bytes.Join(all, []byte(",")))
	s.offer(ts, o)
}

// fault op=blob kind=status status=503 for=5s … makes the world misbehave;
// without arguments it behaves again.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	if len(args) == 0 {
		s.Dial.Clear()
		return
	}
	rule := sim.Rule{}
	for name, value := range options(ts, args) {
		switch name {
		case "op":
			rule.Op = value
		case "kind":
			rule.Kind = sim.Kind(value)
		case "status":
			rule.Status = number(ts, value)
		case "retry-after":
			rule.RetryAfter = value
		case "count":
			rule.Count = number(ts, value)
		case "skip":
			rule.Skip = number(ts, value)
		case "match":
			rule.Match = value
		case "for", "delay":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			if name == "for" {
				rule.For = d
			} else {
				rule.Delay = d
			}
		default:
			ts.Fatalf("fault does not know %q", name)
		}
	}
	s.Dial.Set(rule)
}

func cmdForget(ts *testscript.TestScript, neg bool, args []string) { onStage(ts).Forget(args...) }
func cmdRecall(ts *testscript.TestScript, neg bool, args []string) { onStage(ts).Recall(args...) }

// arrived waits until every record that was published has arrived.
func cmdArrived(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	deadline := time.After(patience)
	for {
		began := time.Now()
		r := s.Book.Report()
		if r.Lost == 0 {
			return
		}
		time.Sleep(5 * time.Since(began)) // a large book takes long to sum up, and is closed meanwhile
		select {
		case <-s.arrival:
		case <-deadline:
			ts.Fatalf("%d of %d records have not arrived: %.300s", r.Lost, r.Published, s.Book.Missing(2))
		}
	}
}

// drained waits until every notification is answered with 200.
func cmdDrained(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(onStage(ts).Drain(ctx))
}

// someposts N waits until ingest has seen N posts, whatever it answered.
func cmdSomePosts(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	for deadline := time.Now().Add(patience); len(s.AlertLogic.Posts()) < number(ts, args[0]); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("ingest saw only %d posts", len(s.AlertLogic.Posts()))
		}
	}
}

// pause lets time pass in a world that is down for some time.
func cmdPause(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

// report, calls and posts compare numbers: "Lost=0", "Duplicates<=500".
func cmdReport(ts *testscript.TestScript, neg bool, args []string) {
	compare(ts, onStage(ts).Book.Report(), args)
}

func cmdCalls(ts *testscript.TestScript, neg bool, args []string) {
	compare(ts, onStage(ts).Calls(), args)
}

// cmdPosts: Accepted is the number of posts answered 2xx, Largest the largest
// compressed body of more than one record, Records all records accepted.
func cmdPosts(ts *testscript.TestScript, neg bool, args []string) {
	var sum struct{ Accepted, Refused, Largest, Alone, Records int }
	for _, p := range onStage(ts).AlertLogic.Posts() {
		if p.Status/100 != 2 {
			sum.Refused++
			continue
		}
		sum.Accepted++
		sum.Records += p.Records
		if p.Records > 1 {
			sum.Largest = max(sum.Largest, p.Compressed)
		} else {
			sum.Alone = max(sum.Alone, p.Compressed)
		}
	}
	compare(ts, sum, args)
}

func compare(ts *testscript.TestScript, of any, args []string) {
	for _, arg := range args {
		i := strings.IndexAny(arg, "<>=")
		if i < 0 {
			ts.Fatalf("%q compares nothing", arg)
		}
		field := reflect.ValueOf(of).FieldByName(arg[:i])
		if !field.IsValid() {
			ts.Fatalf("there is no number %q in %+v", arg[:i], of)
		}
		got, want := field.Int(), int64(number(ts, strings.TrimLeft(arg[i:], "<>=")))
		op := strings.TrimRight(arg[i:], "0123456789")
		if ok := op == "=" && got == want || op == "<=" && got <= want || op == ">=" && got >= want; !ok {
			ts.Fatalf("%s is %d, want %s", arg[:i], got, arg[i:])
		}
	}
}

// registered N compares how many registrations azcollect has seen.
func cmdRegistered(ts *testscript.TestScript, neg bool, args []string) {
	if n := len(onStage(ts).AlertLogic.Registrations()); n != number(ts, args[0]) {
		ts.Fatalf("azcollect has seen %d registrations, want %s", n, args[0])
	}
}

// clean fails on everything the simulated services complain about, a request at
// the canary among it.
func cmdClean(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	if complaints := s.Complaints(); len(complaints) > 0 {
		ts.Fatalf("complaints:\n%s", strings.Join(complaints, "\n"))
	}
	if hits := s.CanaryHits(); len(hits) > 0 {
		ts.Fatalf("the canary was called: %+v", hits)
	}
}

// notify STATUS FILE [auth=…] posts a notification of our own making, with the
// script's variables expanded in it, and expects a status.
func cmdNotify(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	body := os.Expand(ts.ReadFile(args[1]), ts.Getenv)
	req, err := http.NewRequest(http.MethodPost, s.webhook, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json; utf-8")
	req.Header.Set("Webhook-AuthID", ts.Getenv("AUTH"))
	for name, value := range options(ts, args[2:]) {
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	if want := number(ts, args[0]); resp.StatusCode != want {
		ts.Fatalf("answered %d, want %d", resp.StatusCode, want)
	}
}
