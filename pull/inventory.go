package pull

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	"azcollector/internal/collect"
)

const (
	// maxMissing bounds the missing contents that a proof keeps of a type.
	maxMissing = 100_000
	// youngFor is how long after its creation an absent content is not missing:
	// pull lists every minute, and the source's list lags a little.
	youngFor = 5 * time.Minute
)

// An inventory is what the source offers of a type. A week of a busy tenant is a
// million contents: they are kept short.
type inventory struct {
	name   string
	offers map[string]offer // by id
	proof  TypeProof
}

type offer struct {
	address          unique.Handle[string] // the URI, without the id that ends it if cut
	cut              bool
	created, expires int64         // ns since 1970
	state            collect.State // in the ledger; "": it is not there
}

func newInventory(contentType string) *inventory {
	return &inventory{name: contentType, offers: map[string]offer{}, proof: TypeProof{Type: contentType}}
}

func (i *inventory) add(c collect.Content) {
	address, cut := strings.CutSuffix(c.URI, c.ID)
	i.offers[c.ID] = offer{address: unique.Make(address), cut: cut, created: c.Created.UnixNano(), expires: c.Expires.UnixNano()}
}

// match notes a row of the ledger and reports whether the source offers its
// content. Of a content that was announced on another day there may be two rows;
// the earlier day's counts.
func (i *inventory) match(row collect.Content) bool {
	o, ok := i.offers[row.ID]
	if ok && o.state == "" {
		o.state = row.State
		i.offers[row.ID] = o
		i.proof.Records.Add(row.Tally)
	}
	return ok
}

func (i *inventory) unoffered(row collect.Content) {
	switch {
	case !row.Listed:
		i.proof.OnlyAnnounced++
	case row.State == collect.Gone:
		i.proof.Unlisted++
		i.proof.Lost++
	default:
		i.proof.Unlisted++
	}
}

// unlistable notes a row from before the source's list. Whether an announced one
// was offered under another id cannot be seen any more, so its expiry counts.
func (i *inventory) unlistable(row collect.Content) {
	if row.State == collect.Gone {
		i.proof.Lost++
	}
}

// conclude counts what became of each offer.
func (i *inventory) conclude(tenant string, now time.Time) TypeProof {
	p := &i.proof
	p.Offered = len(i.offers)
	young := now.Add(-youngFor).UnixNano()
	for id, o := range i.offers {
		switch {
		case o.state == collect.Done:
			p.Delivered++
		case o.state == collect.Dead:
			p.Dead++
		case o.state == collect.Gone:
			p.Expired++
		case o.state != "":
			p.Pending++
		case o.created > young:
			p.Young++
		default:
			if p.Missing++; p.Missing <= maxMissing {
				p.MissingContents = append(p.MissingContents, o.content(tenant, i.name, id))
			}
		}
	}
	slices.SortFunc(p.MissingContents, func(a, b collect.Content) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return *p
}

func (o offer) content(tenant, contentType, id string) collect.Content {
	c := collect.Content{
		Tenant: tenant, Type: contentType, ID: id, URI: o.address.Value(),
		Created: time.Unix(0, o.created).UTC(), Expires: time.Unix(0, o.expires).UTC(), Listed: true,
	}
	if o.cut {
		c.URI += id
	}
	return c
}
