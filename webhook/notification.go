package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"azcollector/internal/collect"
)

// What a row of the ledger takes bounds what an entry may hold; Microsoft's ids
// are about 150 bytes, its addresses about 300.
const (
	maxContentID  = 2048
	maxContentURI = 4096
)

// maxReasons bounds what is kept, and what is logged, of one notification's refusals.
const maxReasons = 5

// An entry is one element of a notification. It carries more (clientId,
// notificationStatus, contentExpiration) that nothing here depends on.
type entry struct {
	TenantID       string `json:"tenantId"`
	ContentType    string `json:"contentType"`
	ContentID      string `json:"contentId"`
	ContentURI     string `json:"contentUri"`
	ContentCreated string `json:"contentCreated"`
}

// elsewhere is why an entry is refused that leads to another host or tenant: no
// mistake of Microsoft's is known that looks so.
type elsewhere struct{ error }

// handshake recognises the validation request of a new subscription by its
// header or by the body's key. Two codes that differ are nobody's handshake.
func handshake(header string, body []byte) (validation bool, err error) {
	var object struct {
		ValidationCode string `json:"validationCode"`
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); bytes.HasPrefix(trimmed, []byte("{")) {
		_ = json.Unmarshal(body, &object) // what is no JSON holds no code
	}
	switch code := object.ValidationCode; {
	case header == "" && code == "":
		return false, nil
	case header != "" && code != "" && header != code:
		return true, errors.New("header Webhook-ValidationCode and validationCode in the body differ")
	}
	return true, nil
}

// read returns the contents that a body announces for a tenant, each once, and
// notes what it refuses.
func (h *Handler) read(body []byte, tenant string, notice *Notice) []collect.Content {
	array := json.NewDecoder(bytes.NewReader(body)) // entry by entry: there may be half a million
	if first, _ := array.Token(); first != json.Delim('[') || !json.Valid(body) {
		notice.refuse(errors.New("body is no JSON array of notifications"))
		return nil
	}
	var contents []collect.Content
	seen := map[collect.Key]bool{}
	now := time.Now().UTC()
	for i := 0; array.More(); i++ {
		var e entry
		c, err := collect.Content{}, array.Decode(&e)
		if err == nil {
			c, err = h.content(e, tenant, now)
		} else { // of another type: the body is valid
			err = errors.New("is no notification object with text members")
		}
		switch {
		case err != nil:
			notice.refuse(fmt.Errorf("entry %d: %w", i, err))
		case !slices.Contains(h.Types, c.Type):
			notice.Unconfigured++
		default:
			if key := c.Key(); !seen[key] {
				seen[key] = true
				contents = append(contents, c)
			}
		}
	}
	return contents
}

func (n *Notice) refuse(reason error) {
	n.Refused++
	if _, ok := errors.AsType[elsewhere](reason); ok {
		n.Strange++
	}
	if len(n.Reasons) < maxReasons {
		n.Reasons = append(n.Reasons, reason)
	}
}

func (h *Handler) content(e entry, tenant string, now time.Time) (collect.Content, error) {
	switch {
	case e.ContentType == "":
		return collect.Content{}, errors.New("contentType is missing")
	case e.ContentID == "" || len(e.ContentID) > maxContentID:
		return collect.Content{}, fmt.Errorf("contentId must hold 1 to %d bytes", maxContentID)
	case len(e.ContentURI) > maxContentURI:
		return collect.Content{}, fmt.Errorf("contentUri must hold at most %d bytes", maxContentURI)
	}
	of, err := h.Check(e.ContentURI, e.ContentID)
	switch {
	case err != nil:
		return collect.Content{}, elsewhere{err}
	case of != tenant:
		return collect.Content{}, elsewhere{errors.New("contentUri names another tenant than the one this Webhook-AuthID belongs to")}
	case e.TenantID != "" && !strings.EqualFold(e.TenantID, of):
		return collect.Content{}, elsewhere{errors.New("tenantId and the tenant in contentUri differ")}
	}
	return collect.Content{
		Tenant: of, Type: e.ContentType, ID: e.ContentID, URI: e.ContentURI,
		Created: created(e.ContentCreated, now), Expires: now.Add(heardExpires),
	}, nil
}

// created is used to name the ledger's partition, so that the list finds the row
// again; a date that no list could offer is replaced by ours.
func created(stated string, now time.Time) time.Time {
	t, err := time.Parse(time.RFC3339Nano, stated)
	if err != nil || t.After(now.Add(24*time.Hour)) || t.Before(now.Add(-8*24*time.Hour)) {
		return now
	}
	return t.UTC()
}
