package sim

import (
	"bytes"
	"regexp"
)

// A stencil is a record in which only Id and time are still to be written.
type stencil struct {
	record []byte
	id, at int
}

const (
	stencilID     = "5ca1ab1e-0000-4000-8000-00000000cafe"
	stencilLayout = "2006-01-02T15:04:05"
	stencilTime   = "1970-01-01T00:00:00"
	// Stencils of a type are so many that the next record of the same one is far
	// beyond deflate's window of 32 KiB: their repetition saves no byte.
	stencilCount = 257
	// Most ids in a tenant's records are those of its sites, applications and users: one
	// of so many is new, the others are some that are known. With these a content
	// deflates to an eighth.
	stencilNews, stencilKnown = 16, 64
	// stencilBytes is the mean size of a record that the measurements are meant for.
	stencilBytes = 1200
)

var anyGUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
	"Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17726; Pro)",
	"Client=Microsoft.Exchange.Mapi; Microsoft Outlook 16.0.17726; RPC; RestSystem",
}

// stencils makes n records of a type that are like the Generator's, without what
// only tests a collector: each has an Id and a time, and nothing comes twice.
func (g *Generator) stencils(kind string, n int) []stencil {
	known := make([]string, stencilKnown)
	for i := range known {
		known[i] = (&form{dice: g.dice}).guid()
	}
	all := make([]stencil, n)
	for i, f := range g.forms(kind, n) {
		b := anyGUID.ReplaceAllFunc(f.bytes(), func(id []byte) []byte {
			if string(id) == stencilID || g.dice.IntN(stencilNews) == 0 {
				return id
			}
			return []byte(known[g.dice.IntN(len(known))])
		})
		all[i] = stencil{record: b, id: bytes.Index(b, []byte(stencilID)), at: bytes.Index(b, []byte(stencilTime))}
	}
	return all
}

// forms are the stencils' members, of [stencilBytes] on the average at least.
func (g *Generator) forms(kind string, n int) []*form {
	all, more := make([]*form, n), make([][]string, n)
	missing := stencilBytes * n
	for i := range all {
		f := &form{dice: g.dice, ascii: g.dice.IntN(3) == 0, slashes: g.dice.IntN(4) == 0, spaced: g.dice.IntN(5) == 0}
		f.strs("Id", stencilID, "CreationTime", stencilTime, "OrganizationId", g.tenant)
		f.raw("Version", "1")
		f.user()
		workloads[kind][g.dice.IntN(len(workloads[kind]))](f)
		if f.chance(perMilleLarge) {
			f.large()
		}
		for _, m := range f.members {
			missing -= len(m) + len(",")
		}
		all[i] = f
	}
	for i := 0; missing > 0; i = (i + 1) % len(all) { // in the shape of what real records are long by
		name, value := all[i].pick("UserAgent", "ClientInfoString", "AppDisplayName"), all[i].pick(agents...)
		more[i] = append(more[i], name, value)
		missing -= len(`{"Name":"","Value":""},`) + len(name) + len(value)
	}
	for i, f := range all {
		f.pairs("ExtendedProperties", more[i]...)
	}
	return all
}

func (s stencil) stamp(id, at string) []byte {
	b := bytes.Clone(s.record)
	copy(b[s.id:], id)
	copy(b[s.at:], at)
	return b
}
