package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
)

// tenantCommands change the simulated tenant behind the collector's back, and look
// at what the collector told others.
var tenantCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"push":         cmdPush,
	"subscription": cmdSubscription,
	"tenant":       cmdTenant,
	"subscribed":   cmdSubscribed,
	"checkin":      cmdCheckIn,
	"publishmany":  cmdPublishMany,
	"unledger":     cmdUnledger,
	"lags":         cmdLags,
	"storm":        cmdStorm,
	"missing":      cmdMissing,
	"letters":      cmdLetters,
	"letter":       cmdLetter,
}

// worldOptions reads the file "world" of a script, a word or name=value a line:
//
//	subscribe      lists and contents need a subscription, and notifications a webhook
//	drop=3         every third notification is lost
//	startpause=15m how long Microsoft wants between two starts
//	pages=100      contents on a page of a list
func worldOptions(dir string, o *sim.Options) error {
	b, err := os.ReadFile(filepath.Join(dir, "world"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		switch name {
		case "subscribe":
			o.Push.To = ""
		case "drop":
			o.Push.DropEvery, err = strconv.Atoi(value)
		case "pages":
			o.PageSize, err = strconv.Atoi(value)
		case "startpause":
			o.StartPause, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("world: no option %q", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// push off|on.
func cmdPush(ts *testscript.TestScript, neg bool, args []string) {
	onStage(ts).SetPush(args[0] == "off")
}

// subscription TYPE disabled|vanished|stolen|failing|fine [ADDRESS] makes one that is
// so: its webhook gone, another collector's (at ADDRESS, if that matters), or ours.
func cmdSubscription(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	ours := &sim.Webhook{Status: "enabled", Address: s.webhook, AuthID: ts.Getenv("AUTH")}
	s.EditSubscription(args[0], func(sub *sim.Subscription) { sub.Status, sub.Webhook = "enabled", ours })
	switch args[1] {
	case "disabled":
		s.DisableSubscription(args[0])
	case "vanished":
		s.VanishWebhook(args[0])
	case "stolen":
		s.StealWebhook(args[0], slices.Concat(args[2:], []string{"https://thief.example/hook"})[0])
	case "failing":
		s.EditSubscription(args[0], func(sub *sim.Subscription) { sub.Webhook.Status = "disabled" })
	case "fine":
	default:
		ts.Fatalf("subscription does not know %q", args[1])
	}
}

// tenant auditing=off|on secret=expired|good roles=A,B skew=10m changes the tenant.
func cmdTenant(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	for name, value := range options(ts, args) {
		switch name {
		case "auditing":
			s.SetAuditing(value == "on")
		case "secret":
			s.ExpireSecret(value == "expired")
		case "roles":
			s.SetRoles(strings.FieldsFunc(value, func(r rune) bool { return r == ',' }))
		case "skew":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			s.SetSkew(d)
		default:
			ts.Fatalf("tenant does not know %q", name)
		}
	}
}

// subscribed TYPE ours|here|none|ADDRESS compares a subscription's webhook; "here" is
// our address with a secret that nobody but the collector knows.
func cmdSubscribed(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	for _, sub := range s.Subscriptions() {
		if sub.ContentType != args[0] {
			continue
		}
		is := "none"
		switch {
		case sub.Status != "enabled":
			is = sub.Status
		case sub.Webhook == nil:
		case sub.Webhook.Status != "enabled":
			is = "webhook " + sub.Webhook.Status
		case sub.Webhook.Address == s.webhook && sub.Webhook.AuthID == ts.Getenv("AUTH"):
			is = "ours"
		case sub.Webhook.Address == s.webhook && sub.Webhook.AuthID != "":
			is = "here"
		default:
			is = sub.Webhook.Address
		}
		if is != args[1] {
			ts.Fatalf("the subscription of %s is %s, want %s", args[0], is, args[1])
		}
		return
	}
	if !neg {
		ts.Fatalf("there is no subscription of %s", args[0])
	}
}

// checkin REGEXP matches the last check-in's body; ! checkin: it does not.
// checkin waits until there is one.
func cmdCheckIn(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	var all []sim.CheckIn
	for deadline := time.Now().Add(patience); len(all) == 0; time.Sleep(20 * time.Millisecond) {
		if all = s.AlertLogic.CheckIns(); time.Now().After(deadline) {
			ts.Fatalf("nobody checked in")
		}
	}
	body := all[len(all)-1].Body
	if regexp.MustCompile(args[0]).Match(body) == neg {
		ts.Fatalf("check-in %d: match of %s is %v: %s", len(all), args[0], !neg, body)
	}
}

// publishmany N [records=1] [over=168h] [ago=15m] [types=5|each=5] publishes N small
// contents, listed only, spread over a time that ended so long ago.
func cmdPublishMany(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	n, records, types, over, ago := number(ts, args[0]), 1, 1, time.Duration(0), 15*time.Minute
	for name, value := range options(ts, args[1:]) {
		switch name {
		case "records":
			records = number(ts, value)
		case "types":
			types = number(ts, value)
		case "each": // so many types, and N contents of each
			types = number(ts, value)
			n *= types
		case "over", "ago":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			if name == "over" {
				over = d
			} else {
				ago = d
			}
		}
	}
	all := []string{"Audit.General", "Audit.Exchange", "Audit.SharePoint", "Audit.AzureActiveDirectory", "DLP.All"}
	now := time.Now().UTC()
	for i := range n {
		o := sim.Offer{ContentType: all[i%types], Unpushed: true}
		if over > 0 {
			o.Created = now.Add(-ago).Add(-over * time.Duration(n-i) / time.Duration(n))
		}
		for j := range records {
			at := now.Add(-time.Hour).Format("2006-01-02T15:04:05")
			o.Records = append(o.Records, fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":"%s","RecordType":25}`, s.made+i*records+j, at))
		}
		s.Offer(o)
	}
	s.made += n * records
}

// unledger N deletes N delivered contents from the embedded ledger of a collector
// that does not run, as a damaged state would have lost them, and writes their ids
// into the file "unledgered".
func cmdUnledger(ts *testscript.TestScript, neg bool, args []string) {
	store, err := state.OpenEmbedded(ts.Getenv("STATE_DIR"))
	ts.Check(err)
	defer func() { ts.Check(store.Close()) }()
	tenant := ts.Getenv("APP_TENANT_ID")
	days, err := collect.Partitions(context.Background(), store, "content", tenant)
	ts.Check(err)
	var ids []string
	for _, day := range days {
		for row, err := range store.List(context.Background(), "content", day, "") {
			ts.Check(err)
			if len(ids) < number(ts, args[0]) {
				id, _ := row.Fields["ContentID"].(string)
				ids = append(ids, id)
				ts.Check(store.Delete(context.Background(), row.Key, row.Version))
			}
		}
	}
	slices.Sort(ids)
	ts.Check(os.WriteFile(ts.MkAbs("unledgered"), []byte(strings.Join(ids, "\n")+"\n"), 0o600))
}

// lags prints how late the records were.
func cmdLags(ts *testscript.TestScript, neg bool, args []string) {
	b, err := json.Marshal(onStage(ts).Book.Report())
	ts.Check(err)
	ts.Logf("%s", b)
}

// missing PROOF IDS compares the missing contents of a proof with a file of ids.
func cmdMissing(ts *testscript.TestScript, neg bool, args []string) {
	var proof struct {
		Missing []struct{ ContentID string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &proof))
	var ids []string
	for _, c := range proof.Missing {
		ids = append(ids, c.ContentID)
	}
	slices.Sort(ids)
	if got := strings.Join(ids, "\n") + "\n"; got != ts.ReadFile(args[1]) {
		ts.Fatalf("missing are\n%swant\n%s", got, ts.ReadFile(args[1]))
	}
}

// deadLetters asks the collector, running or not.
func deadLetters(ts *testscript.TestScript) (all []collect.DeadLetter) {
	ts.Check(ts.Exec("azcollector", "deadletter", "list", "--json"))
	lines := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	for lines.More() {
		var letter collect.DeadLetter
		ts.Check(lines.Decode(&letter))
		all = append(all, letter)
	}
	return all
}

// letters N waits until there are N dead letters.
func cmdLetters(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		n := len(deadLetters(ts))
		if n == number(ts, args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("there are %d dead letters, want %s", n, args[0])
		}
	}
}

// letter VARIABLE TYPE puts the name of a type's first dead letter into a variable.
func cmdLetter(ts *testscript.TestScript, neg bool, args []string) {
	for _, letter := range deadLetters(ts) {
		if letter.ContentType == args[1] {
			ts.Setenv(args[0], letter.Name)
			return
		}
	}
	ts.Fatalf("there is no dead letter of %s", args[1])
}
