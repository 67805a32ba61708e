package alertlogic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"azcollector/internal/collect"
)

// A Site is where a collector runs: the address of its registration.
type Site struct{ Subscription, ResourceGroup, App string }

// A RegisterRequest says who collects what.
type RegisterRequest struct {
	Site
	Version  string // of this program
	TenantID string // home tenant of the app registration
	ClientID string
	// ClientSecret is sent only if APP_AL_SEND_CLIENT_SECRET asks for it; empty: not at all.
	ClientSecret   string
	OfficeTenantID string // the tenant that is collected from
	ContentStreams []string
}

// A Registration is what azcollect knows a collector by.
type Registration struct {
	HostID, SourceID string
	// Answer is all that azcollect said when it registered the collector, JSON of
	// at most 8 KiB. nil: it said more, it told one of our secrets (what is kept
	// could be read by others), or the ids come from elsewhere.
	Answer []byte
}

// Register makes the collector known and returns its identity. If the
// answer is lost, the same request is made again for the same site.
func (c *Client) Register(ctx context.Context, r RegisterRequest) (Registration, error) {
	body, err := json.Marshal(r.body())
	if err != nil {
		return Registration{}, fmt.Errorf("encode the registration: %w", err)
	}
	var answer struct {
		Source struct {
			ID   string `json:"id"`
			Host struct {
				ID string `json:"id"`
			} `json:"host"`
		} `json:"source"`
	}
	post := r.post(body)
	post.secrets = []string{r.ClientSecret}
	var kept []byte
	if err := c.do(ctx, post, func(resp *http.Response, secrets []string) error {
		b, err := readBody(resp, "azcollect")
		if err != nil {
			return err
		}
		kept = c.keepable(b, secrets)
		return decode(b, "azcollect", &answer)
	}); err != nil {
		return Registration{}, err
	}
	id := Registration{HostID: answer.Source.Host.ID, SourceID: answer.Source.ID, Answer: kept}
	if id.HostID == "" || id.SourceID == "" {
		return Registration{}, &collect.Fault{Err: errors.New("register: the answer of azcollect names no source.id or no source.host.id")}
	}
	return id, nil
}

// Deregister forgets the collector; one that is not known is no error.
func (c *Client) Deregister(ctx context.Context, site Site) error {
	r := site.call(http.MethodDelete)
	r.good = func(status int) bool { return status == http.StatusNotFound }
	return c.do(ctx, r, nil)
}

// call is a request to the site's page, or to one of its pages under a verb.
func (s Site) call(method string, verb ...string) call {
	path := append([]string{"azure", "o365"}, verb...)
	return call{method: method, service: "azcollect", path: append(path, s.Subscription, s.ResourceGroup, s.App)}
}

// post is a call with a JSON body.
func (s Site) post(body []byte, verb ...string) call {
	r := s.call(http.MethodPost, verb...)
	r.header = http.Header{"Content-Type": {"application/json"}}
	r.body = &loan{data: pieces{body}}
	return r
}

type registerBody struct {
	Version      string         `json:"version"`
	TenantID     string         `json:"app_tenant_id"`
	ClientID     string         `json:"client_id"`
	ClientSecret string         `json:"client_secret,omitempty"`
	Config       registerConfig `json:"config"`
}

type registerConfig struct {
	Type           string   `json:"type"`
	OfficeTenantID string   `json:"office_tenant_id"`
	ContentStreams []string `json:"content_streams"`
}

func (r RegisterRequest) body() registerBody {
	return registerBody{
		Version: r.Version, TenantID: r.TenantID, ClientID: r.ClientID, ClientSecret: r.ClientSecret,
		Config: registerConfig{Type: "o365", OfficeTenantID: r.OfficeTenantID, ContentStreams: r.ContentStreams},
	}
}
