package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
)

// contentLimit is O365_MAX_CONTENT_BYTES in this test, and mostMemory what the program
// may come to take with it, resident, in bytes: it holds one such content at a time, in a
// buffer that doubled and in a batch or file. With SOAK set, both are those of the default.
func contentLimit() (limit, mostMemory int) {
	if os.Getenv("SOAK") != "" {
		return 256 << 20, 1 << 30
	}
	return 32 << 20, 256 << 20
}

// Hostile data through the whole program: what can be delivered is, byte for byte, what
// cannot is asked for again, and kept when an hour has passed (the ledger is made to say
// so), and nothing makes the program large.
func TestHostileData(t *testing.T) {
	onlyInSoak(t) // bombs under the race detector: minutes; internal/collect has all bodies
	w := newWorld(t)
	stage := &hostileStage{t: t, World: w}
	limit, most := contentLimit()
	stage.publish(hostileContents(t, limit))
	dir := filepath.Join(t.TempDir(), "state")
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	env := settingsOf(w, "PUBLIC_URL=none", "AzureWebJobs.master.Disabled=true", "PULL_SCHEDULE=* * * * * *", "LISTEN="+address,
		"STATE_DIR="+dir, "O365_MAX_CONTENT_BYTES="+strconv.Itoa(limit))

	p := run(t, env, "serve")
	soon(t, "what is whole has arrived, and of the rest is said why not", func() bool {
		return stage.complains(p, func(c hostileData) bool { return c.letters != nil || c.stuck != "" }) && w.Book.Report().Lost == stage.behind()
	})
	wantSmall(t, p, most)
	p.interrupt(t)
	stage.wantTemporary(readLedger(t, dir, stage.tenant()), p)

	ageBroken(t, dir, stage.tenant())
	p = run(t, env, "serve")
	soon(t, "what is broken is kept", func() bool {
		return stage.complains(p, func(c hostileData) bool { return c.stuck != "" }) && len(lettersOf(t, env)) >= stage.letters()
	})
	wantSmall(t, p, most)
	p.interrupt(t)
	stage.wantEnds(dir, p)
	if r := w.Book.Report(); r.Lost+r.Duplicates+r.Repeated+r.Unknown > 0 || len(w.Complaints()) > 0 || len(w.CanaryHits()) > 0 {
		t.Errorf("the destination: %+v, complaints %q", r, w.Complaints())
	}
	for line := range strings.Lines(p.log.String()) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
			t.Errorf("a log line holds what a record does: %.300q", line)
		}
	}
}

// A hostileStage knows which content is which.
type hostileStage struct {
	*sim.World
	t        *testing.T
	contents map[string]hostileData // by contentId
}

func (s *hostileStage) tenant() string { return s.Settings()["APP_TENANT_ID"] }

func (s *hostileStage) publish(all []hostileData) {
	s.contents = map[string]hostileData{}
	for _, c := range all {
		var records [][]byte
		for _, r := range c.delivered {
			records = append(records, []byte(r))
		}
		published := s.Offer(sim.Offer{ContentType: "Audit.General", Unpushed: true, Records: records,
			Answer: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				c.answer(w, r)
			})})
		s.contents[published.Listed[0]] = c
	}
}

// complains reports whether the program has said of each of those contents why it is not
// collected yet.
func (s *hostileStage) complains(p *process, those func(hostileData) bool) bool {
	said := whyNot(p)
	for id, c := range s.contents {
		if those(c) && !namesWhatIsWrong.MatchString(said[id]) {
			return false
		}
	}
	return true
}

// whyNot is what the program said of contents that it has not collected yet, by contentId.
func whyNot(p *process) map[string]string {
	said := map[string]string{}
	for _, found := range notCollected.FindAllStringSubmatch(p.log.String(), -1) {
		said[found[1]] += found[2] + "\n"
	}
	return said
}

var notCollected = regexp.MustCompile(`msg="not collected yet".* content="?([^" ]+)"?.* error="((?:[^"\\]|\\.)*)"`)

// behind is how many records stand behind what is broken: they come when that is kept.
func (s *hostileStage) behind() (n int) {
	for _, c := range s.contents {
		n += c.behind
	}
	return n
}

func (s *hostileStage) letters() (n int) {
	for _, c := range s.contents {
		n += len(c.letters)
	}
	return n
}

// wantTemporary fails unless what is whole is delivered, and all else is pending still.
func (s *hostileStage) wantTemporary(rows map[string]collect.Row, p *process) {
	said := whyNot(p)
	for id, c := range s.contents {
		state := rows[id].Fields["State"]
		switch {
		case c.letters == nil && c.stuck == "":
			if state != "delivered" || rows[id].Fields["Delivered"] != int64(len(c.delivered)) || said[id] != "" && !strings.Contains(said[id], "fills the memory") {
				s.t.Errorf("%s: %v, %v, %s", c.name, state, rows[id].Fields, said[id])
			}
		case state != "pending":
			s.t.Errorf("%s: %v because of %s", c.name, state, said[id])
		}
	}
}

var namesWhatIsWrong = regexp.MustCompile(`body (is|ends|goes|holds|has) |cut short or damaged|Content-Length|O365_MAX_CONTENT_BYTES`)

// wantEnds fails unless each content ended as it must.
func (s *hostileStage) wantEnds(dir string, p *process) {
	said := whyNot(p)
	rows := readLedger(s.t, dir, s.tenant())
	letters := readLetters(s.t, dir, s.tenant())
	for id, c := range s.contents {
		state, want := rows[id].Fields["State"], "delivered"
		if c.stuck != "" {
			want = "pending"
		} else if len(c.delivered) == 0 {
			want = "dead"
		}
		if state != want || c.stuck != "" && !strings.Contains(said[id], c.stuck) {
			s.t.Errorf("%s: %v because of %s; want %s, %s", c.name, state, said[id], want, c.stuck)
		}
		kept := letters[id]
		if len(kept) != len(c.letters) {
			s.t.Errorf("%s: %d dead letters, want %d", c.name, len(kept), len(c.letters))
			continue
		}
		for i, letter := range c.letters {
			if kept[i].raw != letter.raw || !strings.Contains(kept[i].reason, letter.reason) {
				s.t.Errorf("%s: kept %.80q (%d bytes) because %q; want %.80q (%d bytes), %q", c.name,
					kept[i].raw, len(kept[i].raw), kept[i].reason, letter.raw, len(letter.raw), letter.reason)
			}
		}
	}
}

// readLedger returns the contents of a collector that does not run, by contentId.
func readLedger(t *testing.T, dir, tenant string) map[string]collect.Row {
	t.Helper()
	rows := map[string]collect.Row{}
	inState(t, dir, func(store *state.Embedded) {
		days, err := collect.Partitions(t.Context(), store, "content", tenant)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			for row, err := range store.List(t.Context(), "content", day, "") {
				if err != nil {
					t.Fatal(err)
				}
				rows[fmt.Sprint(row.Fields["ContentID"])] = row
			}
		}
	})
	return rows
}

// ageBroken makes all that is pending due, and as old as what is broken must be to be given up.
func ageBroken(t *testing.T, dir, tenant string) {
	t.Helper()
	inState(t, dir, func(store *state.Embedded) { age(t, store, tenant, time.Minute) })
	rows := readLedger(t, dir, tenant)
	inState(t, dir, func(store *state.Embedded) {
		for row := range maps.Values(rows) {
			if row.Fields["State"] != "pending" {
				continue
			}
			row.Fields["Broken"], row.Fields["BrokenSince"] = int64(5), time.Now().UTC().Add(-2*time.Hour)
			if _, err := store.Replace(t.Context(), row); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func readLetters(t *testing.T, dir, tenant string) map[string][]keptPiece {
	t.Helper()
	pieces := map[string][]keptPiece{}
	inState(t, dir, func(store *state.Embedded) {
		for letter, err := range collect.DeadLetters(t.Context(), store, tenant) {
			if err != nil {
				t.Fatal(err)
			}
			raw, err := store.Payload(t.Context(), letter.Payload)
			if err != nil {
				t.Fatal(err)
			}
			pieces[letter.ContentID] = append(pieces[letter.ContentID], keptPiece{letter.Reason, string(raw)})
		}
	})
	return pieces
}

func inState(t *testing.T, dir string, look func(*state.Embedded)) {
	t.Helper()
	store, err := state.OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	look(store)
}

// lettersOf asks the running program for its dead letters.
func lettersOf(t *testing.T, env map[string]string) (names []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "deadletter", "list", "--json")
	cmd.Dir, cmd.Env = t.TempDir(), asItself()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		return nil // it may be starting
	}
	lines := json.NewDecoder(strings.NewReader(string(out)))
	for lines.More() {
		var letter collect.DeadLetter
		if err := lines.Decode(&letter); err != nil {
			t.Fatal(err)
		}
		names = append(names, letter.Name)
	}
	return names
}

// wantSmall fails if a process that still runs ever took more memory than that.
func wantSmall(t *testing.T, p *process, most int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if peak == nil {
		t.Fatalf("no peak in %s", status)
	}
	kilobytes, _ := strconv.Atoi(string(peak[1]))
	t.Logf("peak memory %d MiB", kilobytes>>10)
	if kilobytes<<10 > most {
		t.Errorf("peak memory %d MiB, at most %d", kilobytes>>10, most>>20)
	}
}
