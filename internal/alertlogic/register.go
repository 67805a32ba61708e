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
type Registration struct{ HostID, SourceID string }

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
	post := r.call(http.MethodPost)
	post.header = http.Header{"Content-Type": {"application/json"}}
	post.body = &loan{data: body}
	post.secrets = []string{r.ClientSecret}
	if err := c.do(ctx, post, func(resp *http.Response) error { return decode(resp, "azcollect", &answer) }); err != nil {
		return Registration{}, err
	}
	id := Registration{HostID: answer.Source.Host.ID, SourceID: answer.Source.ID}
	if id.HostID == "" || id.SourceID == "" {
		return Registration{}, &collect.Fault{Err: errors.New("register: the answer of azcollect names no source.id or no source.host.id")}
	}
	return id, nil
}

// Deregister forgets the collector; one that is not known is no error.
func (c *Client) Deregister(ctx context.Context, site Site) error {
	r := site.call(http.MethodDelete)
	r.gone = true
	return c.do(ctx, r, nil)
}

func (s Site) call(method string) call {
	return call{
		method: method, service: "azcollect",
		path: []string{"azure", "o365", s.Subscription, s.ResourceGroup, s.App},
	}
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
