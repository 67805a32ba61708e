package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"azcollector/internal/sim"
)

const (
	crashAuthID = "simulated-webhook-auth-id"
	crashType   = "Audit.General"
	crashTenant = "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901"
	// crashPayload makes a batch of some ten records of crashPadding: the first batch is
	// cut as if all compressed to 0.15 of their size.
	crashPayload = 1500
	crashPadding = 700
)

// The three contents: of one batch, of many, and of one batch beside a record that ingest
// refuses, so that the batch is halved until that one stands alone and is buried. Only the first is listed as well: the others
// come by their own rows or not at all.
const (
	fewRecords  = 8
	manyRecords = 60
	sideRecords = 8
)

// A scene is three contents in a world of their own.
type scene struct {
	*sim.World
	notification []byte
	records      [][]byte // that must arrive
}

func newScene(dir string, seed uint64, r crashRoute) (*scene, error) {
	w, err := sim.New(sim.Options{
		Seed: seed, Calm: true, Tenant: crashTenant, AuthID: crashAuthID, PageSize: 2, Dir: dir,
		HostID: "0b5e7c66-6c1e-4b0e-8f0d-3a1f5a2c9d10", SourceID: "9a1c5d12-0f3b-4a77-b1de-6f2a8c3e4b21",
		Push: sim.PushOptions{Off: true, To: "https://127.0.0.1:9/nobody"}, // we are the pusher; lists need no subscription
		Logf: func(string, ...any) {},
	})
	if err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewPCG(seed, 3))
	now := time.Now()
	// Each has an hour of its own: identities of one hour may share a row, and the steps
	// would not be the same in each run.
	few, many, side := paddedRecords(dice, fewRecords, now.Add(-time.Hour)), paddedRecords(dice, manyRecords, now), paddedRecords(dice, sideRecords, now.Add(-2*time.Hour))
	// It stands in the middle, so that a crash may fall before and after it.
	poison := paddedRecords(dice, 1, now)[0]
	w.AlertLogic.RejectIf(func(m sim.Message) string {
		if bytes.Equal(m.JSON, poison) {
			return "it is poison"
		}
		return ""
	})
	beside := slices.Insert(slices.Clone(side), sideRecords/2, poison)
	body := append(append([]byte{'['}, bytes.Join(beside, []byte(","))...), ']')
	pulled := r == byPull
	s := &scene{World: w, records: slices.Concat(few, many, side)}
	var entries []string
	for _, o := range []sim.Offer{
		{Records: few, Unpushed: pulled}, {Records: many, Unpushed: pulled, Unlisted: !pulled},
		{Records: side, Body: body, Unpushed: pulled, Unlisted: !pulled},
	} {
		o.ContentType, o.Created = crashType, now
		entries = append(entries, entryOf(w, crashType, w.Offer(o).Pushed))
	}
	s.notification = []byte("[" + strings.Join(entries, ",") + "]")
	return s, nil
}

// entryOf is what a notification says of a content. Its dates are not believed.
func entryOf(w *sim.World, contentType, id string) string {
	now := time.Now().UTC()
	const stamp = "2006-01-02T15:04:05.000Z"
	return fmt.Sprintf(`{"tenantId":%q,"clientId":%q,"contentType":%q,"contentId":%q,"contentUri":%q,"contentCreated":%q,"contentExpiration":%q}`,
		crashTenant, w.Settings()["APP_CLIENT_ID"], contentType, id,
		w.URL(sim.Management)+"/api/v1.0/"+crashTenant+"/activity/feed/audit/"+id, now.Format(stamp), now.AddDate(0, 0, 7).Format(stamp))
}

// paddedRecords have Ids of their own and happened at one moment.
func paddedRecords(dice *rand.Rand, n int, at time.Time) (records [][]byte) {
	padding := strings.Repeat("x", crashPadding)
	for range n {
		a, b := dice.Uint64(), dice.Uint64()
		records = append(records, fmt.Appendf(nil, `{"Id":"%08x-%04x-4%03x-8%03x-%012x","CreationTime":"%s","RecordType":25,"Padding":"%s"}`,
			uint32(a), uint16(a>>32), a>>52, b>>52, b&(1<<48-1), at.UTC().Format("2006-01-02T15:04:05"), padding))
	}
	return records
}

// mostPosted is how many records the largest accepted post had.
func mostPosted(w *sim.World) (most int) {
	for _, p := range w.AlertLogic.Posts() {
		if p.Status/100 == 2 {
			most = max(most, p.Records)
		}
	}
	return most
}

// crashSettings are a collector's in a world; more wins.
func crashSettings(w *sim.World, more ...string) []string {
	all := w.Settings()
	for name, value := range map[string]string{
		"WEBSITE_HOSTNAME": "chaos.example", "PUBLIC_URL": "none",
		"AzureWebJobs.master.Disabled": "true", "AzureWebJobs.updater.Disabled": "true",
		"O365_CONTENT_STREAMS": `["` + crashType + `"]`, "APP_AL_MAX_PAYLOAD": fmt.Sprint(crashPayload),
		"O365_REQUESTS_PER_MINUTE": "1000000", "PATH": os.Getenv("PATH"),
	} {
		all[name] = value
	}
	for _, one := range more {
		name, value, _ := strings.Cut(one, "=")
		all[name] = value
	}
	var env []string
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return env
}
