package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/master"
	"azcollector/updater"
)

// A diagnosis is one line of the doctor's.
type diagnosis struct {
	Verdict string `json:"verdict"` // pass, warn or fail
	Check   string `json:"check"`
	Text    string `json:"text"`
	Remedy  string `json:"remedy,omitempty"`
}

// An examination collects diagnoses.
type examination struct {
	*house
	lines []diagnosis
}

func (e *examination) pass(check, text string) {
	e.lines = append(e.lines, diagnosis{"pass", check, text, ""})
}

func (e *examination) warn(check, text, remedy string) {
	e.lines = append(e.lines, diagnosis{"warn", check, text, remedy})
}

func (e *examination) fail(check, text, remedy string) {
	e.lines = append(e.lines, diagnosis{"fail", check, text, remedy})
}

// doctorPatience bounds one check.
const doctorPatience = 30 * time.Second

// examine is the command `doctor`.
func examine(ctx context.Context, h *house, c *console) error {
	e := &examination{house: h}
	for i, check := range []func(context.Context){
		e.settingsCheck, e.storage, e.token, e.permissions, e.clock, e.destination, e.webhookCheck, e.updates, e.firewall,
	} {
		c.progress(i, 9, "checks")
		checking, done := context.WithTimeout(ctx, doctorPatience)
		check(checking)
		done()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	c.settled()
	var err error
	if c.command.Doctor.JSON {
		for _, line := range e.lines {
			err = errors.Join(err, c.json(line))
		}
	} else {
		err = c.table(e.print)
	}
	if slices.ContainsFunc(e.lines, func(d diagnosis) bool { return d.Verdict == "fail" }) {
		return errors.Join(errQuiet, err)
	}
	return err
}

func (e *examination) print(w io.Writer) {
	for _, d := range e.lines {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Verdict, d.Check, wire.Printable(d.Text))
		if d.Remedy != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", wire.Printable(d.Remedy))
		}
	}
}

func (e *examination) settingsCheck(context.Context) {
	e.pass("settings", fmt.Sprintf("complete: tenant %s, cloud %s, sink %s, types %s",
		e.settings.TenantID, e.settings.Cloud, e.settings.Sink, strings.Join(e.settings.ContentStreams, " ")))
	for _, warning := range e.settings.Warnings {
		e.warn("settings", warning, "")
	}
}

// storage writes a row, reads it and takes it away again.
func (e *examination) storage(ctx context.Context) {
	where, remedy := "the embedded store in "+e.settings.StateDir, "make STATE_DIR writable, with room on the disk"
	if e.account != nil {
		where = "the storage account"
		remedy = "check AzureWebJobsStorage; an identity needs the roles Storage Table Data Contributor, Storage Queue Data Contributor and Storage Blob Data Contributor"
	}
	key := collect.Key{Kind: "tenant", Partition: collect.EscapeKey(e.settings.TenantID), Row: collect.EscapeKey("doctor", e.ledger.Owner)}
	version, err := e.store.Insert(ctx, collect.Row{Key: key, Fields: collect.Fields{"At": time.Now().UTC()}})
	if err == nil {
		_, err = e.store.Get(ctx, key)
		err = errors.Join(err, e.store.Delete(ctx, key, version))
	}
	if err == nil && e.account != nil {
		_, err = e.account.Waiting(ctx)
	}
	if err == nil {
		name := collect.EscapeKey("doctor", e.ledger.Owner)
		err = errors.Join(e.store.PutPayload(ctx, name, []byte("doctor")), e.store.DeletePayload(ctx, name))
	}
	if err != nil {
		e.fail("storage", err.Error(), remedy)
		return
	}
	e.pass("storage", where+" takes rows and payloads")
}

// token asks for a new token and looks into it.
func (e *examination) token(ctx context.Context) {
	cloud, err := cloudOf(e.settings)
	if err != nil {
		e.fail("token", err.Error(), "")
		return
	}
	insight, err := e.tokens.Inspect(ctx, e.settings.TenantID, cloud.Management.String())
	if err != nil {
		e.fault("token", err)
		return
	}
	what := fmt.Sprintf("application %s in tenant %s has the roles %s", insight.App, insight.Tenant, cmp.Or(strings.Join(insight.Roles, " "), "(none)"))
	switch {
	case !strings.EqualFold(insight.Tenant, e.settings.TenantID):
		e.fail("token", what, "APP_TENANT_ID is "+e.settings.TenantID+": the token must be of that tenant")
	case !slices.Contains(insight.Roles, "ActivityFeed.Read"):
		e.fail("token", what, "the application permission ActivityFeed.Read of Office 365 Management APIs is missing: grant it, with admin consent")
	case slices.Contains(e.settings.ContentStreams, "DLP.All") && !slices.Contains(insight.Roles, "ActivityFeed.ReadDlp"):
		e.fail("token", what, "O365_CONTENT_STREAMS names DLP.All, which needs the application permission ActivityFeed.ReadDlp: grant it, with admin consent")
	default:
		e.pass("token", what)
	}
	e.expiry(ctx)
}

func (e *examination) expiry(ctx context.Context) {
	at, what := e.credentialEnd(ctx)
	left := time.Until(at)
	switch {
	case at.IsZero():
		e.warn("credential", "when it ends is not known", "set APP_CLIENT_SECRET_EXPIRES, or allow the app Application.Read.All in Microsoft Graph, to be told before it does")
	case left < 0:
		e.fail("credential", what+" ended "+at.Format(time.DateOnly), "make a new one")
	case left < master.CredentialWarning:
		e.warn("credential", what+" ends "+at.Format(time.DateOnly), "make a new one before that")
	default:
		e.pass("credential", what+" ends "+at.Format(time.DateOnly))
	}
}

// permissions lists this hour and the last of each type: that takes the permission, the
// subscription, and auditing to be on.
func (e *examination) permissions(ctx context.Context) {
	if e.broken("token") {
		return
	}
	if err := e.feed.Synchronise(ctx, e.settings.TenantID); err != nil {
		e.fault("management API", err)
		return
	}
	now := e.feed.ServerTime()
	off := false
	for _, contentType := range e.settings.ContentStreams {
		n := 0
		var failed error
		for _, err := range e.feed.Contents(ctx, e.settings.TenantID, contentType, now.Truncate(collect.Window).Add(-collect.Window), now) {
			if err != nil {
				failed = err
				break
			}
			n++
		}
		fault, _ := errors.AsType[*collect.Fault](failed)
		switch {
		case failed == nil:
			e.pass(contentType, fmt.Sprintf("can be listed: %d contents in this hour and the last", n))
		case fault != nil && (fault.Code == "AF20022" || fault.Code == "AF20023") && e.settings.Watch:
			e.fail(contentType, failed.Error(), "O365_SUBSCRIPTIONS=watch starts none: let the collector that has the subscriptions start it, or take it out of O365_CONTENT_STREAMS")
		case fault != nil && (fault.Code == "AF20022" || fault.Code == "AF20023"):
			e.warn(contentType, failed.Error(), "master starts it at its next run; or now: azcollector subscriptions start")
		case fault != nil && fault.Code == "auditing-off":
			if !off {
				e.fault("auditing", failed)
			}
			off = true
		default:
			e.fault(contentType, failed)
		}
	}
}

// clockTolerance is what Microsoft's time ranges stand: they are refused from
// five minutes beyond 7 days on.
const clockTolerance = 5 * time.Minute

func (e *examination) clock(context.Context) {
	if e.broken("token", "management API") {
		return
	}
	skew := e.feed.Skew().Round(time.Second)
	text := fmt.Sprintf("Microsoft's clock is %v ahead of this machine's", skew)
	if skew < 0 {
		text = fmt.Sprintf("this machine's clock is %v ahead of Microsoft's", -skew)
	}
	if skew.Abs() >= clockTolerance {
		e.fail("clock", text, "set this machine's clock (NTP): tokens, leases and time ranges depend on it")
		return
	}
	e.pass("clock", text)
}

func (e *examination) destination(ctx context.Context) {
	if e.alert == nil {
		e.pass("destination", "records go to "+e.settings.JSONLPath)
		return
	}
	if err := e.alert.Authenticate(ctx); err != nil {
		e.fault("alert logic", err)
		return
	}
	e.pass("alert logic", "the access key is good")
	if err := e.alert.Probe(ctx); err != nil {
		e.fault("ingest", err)
		return
	}
	ingest, _, err := e.alert.Endpoints(ctx)
	if err != nil {
		e.fault("ingest", err)
		return
	}
	e.pass("ingest", ingest+" is reachable and takes our token")
	row, err := e.store.Get(ctx, e.registrar.key())
	switch made := registrationOf(row); {
	case e.settings.HostID != "" && e.settings.SourceID != "":
		e.pass("registration", "COLLECTOR_HOST_ID and COLLECTOR_SOURCE_ID are set")
	case err == nil && made.HostID != "" && made.SourceID != "":
		e.pass("registration", "registered as source "+made.SourceID)
	case err == nil || errors.Is(err, collect.ErrNotFound):
		e.warn("registration", "not registered yet", "master does it at its next run; or now: azcollector register")
	default:
		e.fault("registration", err)
	}
}

// webhookCheck calls our own public address, as Microsoft would.
func (e *examination) webhookCheck(ctx context.Context) {
	address := webhookAddress(e.settings)
	if e.settings.Watch {
		e.pass("webhook", "O365_SUBSCRIPTIONS=watch: notifications go to another collector; everything is found by listing")
		return
	}
	if address == "" {
		e.pass("webhook", "PUBLIC_URL=none: everything is found by listing")
		return
	}
	secret, err := e.secrets.now(ctx)
	if err != nil {
		e.fail("webhook", err.Error(), "")
		return
	}
	err = master.Probe(e.http)(ctx, address, secret)
	if errors.Is(err, master.ErrKeptOut) {
		e.warn("webhook", err.Error(), "that is as it should be if they let in the service tag M365ManagementActivityApiWebhook: "+
			"then only this machine is kept out, and Microsoft gets in. AZC1103 or AZC1106 in `azcollector status` tell if it does not")
		return
	}
	if err != nil {
		e.fail("webhook", fmt.Sprintf("%s: %v", address, err),
			"PUBLIC_URL must lead here from the internet, with a publicly trusted certificate, while the collector runs; PUBLIC_URL=none does without")
		return
	}
	e.pass("webhook", address+" leads here, seen from this machine")
}

// updates reads what releases and configuration are announced by, and takes nothing.
func (e *examination) updates(ctx context.Context) {
	if room := e.upgrade(nil); room != nil {
		newest, err := room.Announced(ctx)
		if err != nil {
			e.fail("releases", err.Error(), "check UPDATE_MANIFEST_URL and UPDATE_PUBLIC_KEYS, or ask whoever makes the releases")
		} else {
			e.pass("releases", "the newest is "+newest+", signed by a key of UPDATE_PUBLIC_KEYS")
		}
	}
	if e.settings.ConfigURL != "" {
		text, err := updater.Fetch(e.http, string(e.settings.ConfigURL))(ctx)
		var d updater.Document
		if err == nil {
			d, err = updater.Open(text, e.settings.ConfigKeys)
		}
		if err != nil {
			e.fail("configuration", err.Error(), "check CONFIG_URL and CONFIG_PUBLIC_KEY")
			return
		}
		e.pass("configuration", fmt.Sprintf("version %d, signed by a key of CONFIG_PUBLIC_KEY", d.Version))
	}
}

// firewall names whom we must reach.
func (e *examination) firewall(ctx context.Context) {
	var hosts []string
	if cloud, err := cloudOf(e.settings); err == nil {
		hosts = cloud.Hosts(false)
	}
	if e.alert != nil {
		ingest, azcollect, _ := e.alert.Endpoints(ctx) // an error was told of above
		hosts = append(hosts, hostPort(e.settings.APIEndpoint), ingest, azcollect)
	}
	hosts = append(append(hosts, storageHosts(e.settings)...), updateHosts(e.settings)...)
	hosts = slices.DeleteFunc(hosts, func(s string) bool { return s == "" })
	slices.Sort(hosts)
	e.pass("firewall", "outgoing to "+strings.Join(slices.Compact(hosts), " "))
}

// fault tells of an error that names its remedy itself, and says whom it judges.
func (e *examination) fault(check string, err error) {
	remedy := ""
	if fault, ok := errors.AsType[*collect.Fault](err); ok {
		if fault.Verdict == collect.Temporary {
			remedy = "this is temporary, or the network: check name resolution, firewall and HTTPS_PROXY, then try again"
		} else if code, ok := master.CodeOf(err); ok {
			remedy = code.Remedy
		}
	}
	e.fail(check, err.Error(), remedy)
}

// broken reports whether one of the checks failed already, so that what depends
// on it need not fail again.
func (e *examination) broken(checks ...string) bool {
	return slices.ContainsFunc(e.lines, func(d diagnosis) bool { return d.Verdict == "fail" && slices.Contains(checks, d.Check) })
}
