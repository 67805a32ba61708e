package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/sim"
)

func someLoad(seed uint64, tenant string) *sim.Load {
	return sim.NewLoad(sim.LoadOptions{Seed: seed, Tenant: tenant, Records: 1025, PerContent: 250, Row: 2, Until: time.Now()})
}

// What a load serves is what it expects back: every record once, valid, with an Id of
// its own and a time, and of the size that the measurements are meant for.
func TestLoadServesWhatItExpects(t *testing.T) {
	v := visit(t, sim.Options{Push: sim.PushOptions{Off: true, To: "https://127.0.0.1:9/nobody"}})
	l := someLoad(7, v.w.Settings()["APP_TENANT_ID"])
	if mean := l.Bytes / int64(l.Records); l.Records != 1025 || l.Contents() != 5 || mean < 1150 || mean > 1350 {
		t.Errorf("%d records of %d bytes in %d contents", l.Records, mean, l.Contents())
	}
	owed, ids := map[sim.Sum]bool{}, map[string]bool{}
	l.Expected(func(s sim.Sum) { owed[s] = true })
	if len(owed) != 1025 {
		t.Errorf("%d records are different ones", len(owed))
	}
	notified := v.w.Stock(l, true)
	if v.w.Unfetched() != 5 {
		t.Errorf("%d contents are listed and not fetched, want 5", v.w.Unfetched())
	}
	for _, entry := range notified {
		var told row
		if err := json.Unmarshal(entry, &told); err != nil {
			t.Fatal(err)
		}
		status, body := v.ask(v.feed(http.MethodGet, told.ContentURI, nil, ""))
		var records []json.RawMessage
		if err := json.Unmarshal(body, &records); err != nil || status != http.StatusOK {
			t.Fatalf("content: %d, %v", status, err)
		}
		for _, record := range records {
			delete(owed, sim.SumOf(record))
			var members struct{ ID, CreationTime string }
			if err := json.Unmarshal(record, &members); err != nil {
				t.Fatal(err)
			}
			if _, err := time.Parse("2006-01-02T15:04:05", members.CreationTime); err != nil || members.ID == "" || ids[members.ID] {
				t.Fatalf("record %s", record)
			}
			ids[members.ID] = true
		}
	}
	if len(owed) != 0 || v.w.Unfetched() != 5 { // the notified ids are others than the listed ones
		t.Errorf("%d records were never served; %d listed contents are not fetched", len(owed), v.w.Unfetched())
	}
	v.w.RequireClean(t)
}

func TestLoadFollowsItsSeed(t *testing.T) {
	sums := func(seed uint64) (all []sim.Sum) {
		sim.NewLoad(sim.LoadOptions{Seed: seed, Records: 20, PerContent: 7, Until: time.Unix(1_800_000_000, 0)}).
			Expected(func(s sim.Sum) { all = append(all, s) })
		return all
	}
	one, again, other := sums(1), sums(1), sums(2)
	if len(one) != 20 {
		t.Fatalf("%d records, want 20", len(one))
	}
	for i := range one {
		if one[i] != again[i] || one[i] == other[i] {
			t.Errorf("record %d does not follow the seed", i)
		}
	}
}

// A post that was kept is judged like one that was read at once.
func TestKeptPosts(t *testing.T) {
	v := visit(t, sim.Options{Account: "2", KeepPosts: true})
	if got := v.deliver(); got != http.StatusAccepted {
		t.Fatalf("the delivery is answered %d", got)
	}
	posts := v.w.KeptPosts(0)
	if len(posts) != 1 || len(v.w.KeptPosts(1)) != 0 || posts[0].At.IsZero() {
		t.Fatalf("%d posts, %d after the first", len(posts), len(v.w.KeptPosts(1)))
	}
	messages := v.w.Judge(posts[0])
	if len(messages) != 1 || string(messages[0].JSON) != goodRecord {
		t.Errorf("messages %+v", messages)
	}
	v.w.RequireClean(t)
	posts[0].Body = posts[0].Body[:20]
	if v.w.Judge(posts[0]) != nil {
		t.Error("half a post has messages")
	}
	v.complains("body is not zlib")
}

// Tokens, contents and posts wait for the latency, to the instant; nothing else does.
func TestLatency(t *testing.T) {
	for op, want := range map[string]time.Duration{
		sim.OpToken: time.Hour, sim.OpAIMS: time.Hour, sim.OpBlob: time.Hour, sim.OpIngest: time.Hour,
		sim.OpList: 0, sim.OpDiscovery: 0, sim.OpEndpoints: 0,
	} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, answered := time.Now(), false
				sim.Late(time.Hour, op, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered = true })).
					ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
				if got := time.Since(began); got != want || !answered {
					t.Errorf("answered %v after %v, want %v", answered, got, want)
				}
			})
		})
	}
}
