package sim

import (
	"bytes"
	_ "embed" // the samples
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed samples/plaso-uac.jsonl
var plasoSamples []byte

//go:embed samples/panther-microsoft365.jsonl
var pantherSamples []byte

// Samples are genuine audit records; samples/README.md tells where they are from.
func Samples() [][]byte {
	return append(lines(plasoSamples), lines(pantherSamples)...)
}

// How often, of a thousand records, something is odd. The real shares are not
// known; these make each of them happen in any run of some thousand records.
const (
	perMilleNoID     = 10
	perMilleBadTime  = 10
	perMilleRepeated = 10
	perMilleAgain    = 20 // a record of an earlier content, as it was
	perMilleRevised  = 5  // a record of an earlier content: same Id, other bytes
	perMilleSample   = 5
	perMilleLarge    = 25
)

// remembered is how many records can come back in a later content.
const remembered = 256

// A Generator makes audit records that look like real ones, with all that is odd
// about those: missing Ids, times without a zone or not readable, repeated
// members, numbers beyond int64, JSON in strings, escapes, records that come
// back and revised ones. The same calls after the same seed make the same bytes.
type Generator struct {
	tenant string

	mu      sync.Mutex
	dice    *rand.Rand
	history map[string][][]byte // by content type; with an Id all of them
	made    int
}

// NewGenerator returns a generator of one tenant's records.
func NewGenerator(seed uint64, tenant string) *Generator {
	return &Generator{
		tenant: tenant, dice: rand.New(rand.NewPCG(seed, 2)), history: map[string][][]byte{},
	}
}

// Records makes n records of a content type that happened shortly before at. No
// two of them are the same, but some may be of an earlier call.
func (g *Generator) Records(contentType string, n int, at time.Time) [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	records := make([][]byte, 0, n)
	var fresh [][]byte
	earlier := g.history[contentType]
	for range n {
		switch roll := g.dice.IntN(1000); {
		case roll < perMilleAgain && len(earlier) > 0:
			i := g.dice.IntN(len(earlier))
			records = append(records, earlier[i])
			earlier = append(earlier[:i:i], earlier[i+1:]...) // not twice in one content
		case roll < perMilleAgain+perMilleRevised && len(earlier) > 0:
			records = append(records, g.revise(earlier[g.dice.IntN(len(earlier))]))
		case roll >= 1000-perMilleSample && len(fresh) == len(records): // at most one, before anything else came back
			samples := Samples()
			records = append(records, samples[g.dice.IntN(len(samples))])
		default:
			record, identified := g.record(contentType, at)
			records = append(records, record)
			if identified {
				fresh = append(fresh, record)
			}
		}
	}
	kept := append(g.history[contentType], fresh...)
	g.history[contentType] = kept[max(0, len(kept)-remembered):]
	return records
}

// revise puts one member more at the front of a record.
func (g *Generator) revise(record []byte) []byte {
	g.made++
	return append([]byte(`{"RevisionOfSimulator":`+strconv.Itoa(g.made)+`,`), record[1:]...)
}

// record makes a new one and tells whether it has an Id.
func (g *Generator) record(contentType string, at time.Time) (record []byte, identified bool) {
	g.made++
	f := &form{dice: g.dice, ascii: g.dice.IntN(3) == 0, slashes: g.dice.IntN(4) == 0, spaced: g.dice.IntN(5) == 0}
	identified = !f.chance(perMilleNoID)
	if identified {
		f.str("Id", f.guid())
	}
	f.str("CreationTime", f.moment(at))
	f.str("OrganizationId", g.tenant)
	f.raw("Version", "1")
	f.user()
	kinds := workloads[contentType]
	if kinds == nil {
		kinds = workloads["Audit.General"]
	}
	kinds[g.dice.IntN(len(kinds))](f)
	if f.chance(perMilleLarge) {
		f.large()
	}
	if f.chance(perMilleRepeated) {
		f.str("Operation", "Repeated"+strconv.Itoa(g.made))
	}
	return f.bytes(), identified
}

// A form is a record being written: members in the order they will have.
type form struct {
	dice                   *rand.Rand
	ascii, slashes, spaced bool // how this record's writer escapes and spaces
	members                []string
}

func (f *form) chance(perMille int) bool { return f.dice.IntN(1000) < perMille }

func (f *form) raw(name, json string) {
	colon := ":"
	if f.spaced {
		colon = ": "
	}
	f.members = append(f.members, f.quote(name)+colon+json)
}

func (f *form) str(name, value string) { f.raw(name, f.quote(value)) }

func (f *form) strs(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		f.str(pairs[i], pairs[i+1])
	}
}

// bytes writes the record; the members come in any order in every other one.
func (f *form) bytes() []byte {
	comma := ","
	if f.spaced {
		comma = ", "
	}
	if f.dice.IntN(2) == 0 {
		f.dice.Shuffle(len(f.members), func(i, j int) { f.members[i], f.members[j] = f.members[j], f.members[i] })
	}
	return []byte("{" + strings.Join(f.members, comma) + "}")
}

// quote writes a JSON string in one of the ways that JSON allows.
func (f *form) quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '/' && f.slashes:
			b.WriteString(`\/`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		case r > 0xffff && f.ascii:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r > '~' && f.ascii:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (f *form) guid() string {
	a, b := f.dice.Uint64(), f.dice.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(a), uint16(a>>32), a>>52, b>>52, b&(1<<48-1))
}

// moment writes a time of the last 90 minutes, as CreationTime has it: UTC,
// without a zone, with 0 to 6 digits of a fraction.
func (f *form) moment(at time.Time) string {
	t := at.UTC().Add(-time.Duration(f.dice.Int64N(int64(90 * time.Minute))))
	if f.chance(perMilleBadTime) {
		return f.pick("", "Not Available", t.Format("2006-01-02 15:04:05"), t.Format("01/02/2006 03:04 PM"), "2026-13-41T25:61:61")
	}
	layout := "2006-01-02T15:04:05"
	if digits := f.dice.IntN(10) - 3; digits > 0 { // most have none
		layout += "." + strings.Repeat("0", digits)
	}
	return t.Format(layout)
}

func (f *form) pick(values ...string) string { return values[f.dice.IntN(len(values))] }

func lines(b []byte) [][]byte { return bytes.Split(bytes.TrimSpace(b), []byte("\n")) }
