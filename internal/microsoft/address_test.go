package microsoft_test

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

// checker is a feed of the public cloud that only checks addresses.
func checker(management string) *microsoft.Feed {
	return microsoft.NewFeed(microsoft.FeedOptions{
		Cloud:   microsoft.Cloud{Management: mustParse(management)},
		Tenants: []string{strings.ToUpper(tenant)}, Publisher: publisher, HTTP: http.DefaultClient,
	})
}

const (
	manage = "https://manage.office.com"
	audit  = "/api/v1.0/" + tenant + "/activity/feed/audit/"
)

func TestCheckContent(t *testing.T) {
	cases := map[string]struct {
		uri, id string
		ok      bool
	}{
		"as documented":        {manage + audit + "1$2$audit_exchange$Audit_Exchange$emea0036", "1$2$audit_exchange$Audit_Exchange$emea0036", true},
		"no id to compare":     {manage + audit + "x", "", true},
		"encoded dollar":       {manage + audit + "1%242", "1$2", true},
		"host in capitals":     {"https://MANAGE.office.com" + audit + "x", "x", true},
		"scheme in capitals":   {"HTTPS://manage.office.com" + audit + "x", "x", true},
		"tenant in capitals":   {manage + strings.ToUpper(audit[:46]) + audit[46:], "", false}, // "/API/V1.0/…"
		"own port":             {"https://manage.office.com:443" + audit + "x", "x", true},
		"with a query":         {manage + audit + "x?a=b", "x", true},
		"another id":           {manage + audit + "x", "y", false},
		"id with a tail":       {manage + audit + "x/y", "y", false},
		"no id":                {manage + audit, "", false},
		"http":                 {"http://manage.office.com" + audit + "x", "x", false},
		"no scheme":            {"//manage.office.com" + audit + "x", "x", false},
		"opaque":               {"https:manage.office.com" + audit + "x", "x", false},
		"port":                 {"https://manage.office.com:8443" + audit + "x", "x", false},
		"port 0443":            {"https://manage.office.com:0443" + audit + "x", "x", false},
		"other host":           {"https://manage.office.com.evil.example" + audit + "x", "x", false},
		"host with final dot":  {"https://manage.office.com." + audit + "x", "x", false},
		"user info":            {"https://manage.office.com@evil.example" + audit + "x", "x", false},
		"user at our host":     {"https://evil.example@manage.office.com" + audit + "x", "x", false},
		"backslash":            {"https://evil.example\\@manage.office.com" + audit + "x", "x", false},
		"encoded backslash":    {manage + audit + "..%5cx", "", false},
		"fragment":             {manage + audit + "x#y", "x", false},
		"empty fragment":       {manage + audit + "x#", "x", false},
		"dot segments":         {manage + "/api/v1.0/" + tenant + "/activity/feed/audit/../audit/x", "", false},
		"two dots":             {manage + audit + "..", "", false},
		"one dot":              {manage + audit + ".", "", false},
		"encoded dots":         {manage + audit + "%2e%2E", "", false},
		"encoded slash":        {manage + audit + "a%2Fb", "", false},
		"encoded twice":        {manage + audit + "a%252Fb", "", false},
		"encoded prefix":       {manage + "/api%2Fv1.0/" + tenant + "/activity/feed/audit/x", "", false},
		"encoded query":        {manage + audit + "a%3Fb", "", false},
		"line break":           {manage + audit + "a%0d%0ab", "", false},
		"tab":                  {manage + audit + "a\tb", "", false},
		"letters of elsewhere": {manage + audit + "a\u2215b", "", false},
		"double slash":         {manage + "/" + audit + "x", "", false},
		"other version":        {manage + strings.Replace(audit, "v1.0", "v2.0", 1) + "x", "", false},
		"other feed":           {manage + strings.Replace(audit, "audit/", "subscriptions/", 1) + "stop", "", false},
		"other tenant":         {manage + strings.Replace(audit, tenant, stranger, 1) + "x", "", false},
		"no tenant":            {manage + strings.Replace(audit, tenant, "", 1) + "x", "", false},
		"nothing":              {"", "", false},
	}
	feed := checker(manage)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := feed.CheckContent(c.uri, c.id)
			if c.ok && (err != nil || got != tenant) {
				t.Errorf("CheckContent(%q) = %q, %v", c.uri, got, err)
			}
			if !c.ok && (err == nil || got != "") {
				t.Errorf("CheckContent(%q) = %q, %v: want an error", c.uri, got, err)
			}
		})
	}
	if got, err := feed.CheckContent(manage+strings.ReplaceAll(audit, tenant, strings.ToUpper(tenant))+"x", "x"); err != nil || got != tenant {
		t.Errorf("the tenant in capitals: %q, %v", got, err)
	}
}

func TestCheckContentBelowAPath(t *testing.T) {
	feed := checker("https://proxy.example:8443/o365")
	if _, err := feed.CheckContent("https://proxy.example:8443/o365"+audit+"x", "x"); err != nil {
		t.Error(err)
	}
	if _, err := feed.CheckContent("https://proxy.example:8443"+audit+"x", "x"); err == nil {
		t.Error("an address outside of the base passed")
	}
}

// strays says how an address that passed a check still leads elsewhere.
func strays(u *url.URL, prefix string) string {
	again, err := url.Parse(u.String())
	switch {
	case err != nil:
		return err.Error()
	case again.Scheme != "https", again.Host != "manage.office.com", again.User != nil, again.Fragment != "":
		return "another origin"
	}
	req, err := http.NewRequest(http.MethodGet, again.String(), nil)
	if err != nil {
		return err.Error()
	}
	if req.URL.Host != "manage.office.com" || req.Host != "manage.office.com" {
		return "another host in the request"
	}
	// However often a server decodes and cleans it, the path stays where it was.
	for p := req.URL.EscapedPath(); ; {
		if !strings.HasPrefix(strings.ToLower(path.Clean(strings.ReplaceAll(p, `\`, "/"))), prefix) {
			return "a path elsewhere: " + p
		}
		decoded, err := url.PathUnescape(p)
		if err != nil || decoded == p {
			return ""
		}
		p = decoded
	}
}

func FuzzCheckContent(f *testing.F) {
	for _, seed := range []string{"1$2$x", "%2e%2e/x", "..%5c..", "a%252f", "@evil.example", "x?a=b#c", "\\\\evil.example", "%24"} {
		f.Add(manage+audit+seed, "")
		f.Add("https://manage.office.com"+seed+audit+"x", "x")
	}
	feed := checker(manage)
	f.Fuzz(func(t *testing.T, raw, id string) {
		got, err := feed.CheckContent(raw, id)
		if err != nil {
			if got != "" {
				t.Errorf("tenant %q with error %v", got, err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || got != tenant {
			t.Fatalf("CheckContent(%q) = %q; url.Parse: %v", raw, got, err)
		}
		// Two spellings of our own origin are all that the check lets through.
		u.Host = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), ":443"), ":")
		if why := strays(u, audit); why != "" {
			t.Errorf("%q passed: %s", raw, why)
		}
	})
}

func FuzzNextPage(f *testing.F) {
	for _, seed := range []string{"v1/", "v1.0/", "v1.0/../v1/", "v2/"} {
		f.Add(manage + "/api/" + seed + tenant + "/activity/feed/subscriptions/content?contenttype=A&nextpage=1$2")
	}
	f.Add("https://evil.example/api/v1/" + tenant + "/activity/feed/subscriptions/content")
	feed := checker(manage)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := feed.NextPage(raw, tenant, "content")
		if err != nil {
			return
		}
		tail := "/" + tenant + "/activity/feed/subscriptions/content"
		if why := strays(u, "/api/v1"); why != "" || !strings.HasSuffix(strings.ToLower(u.Path), tail) {
			t.Errorf("%q passed: %s", raw, why)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(400, []byte(`{"error":{"code":"AF20024","message":"m"}}`))
	f.Add(403, []byte(`{"error":{"code":"AF429"}}`))
	f.Add(500, []byte("<html>AF50000"))
	f.Add(404, []byte{})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := microsoft.Classify(status, body)
		verdict := collect.VerdictOf(err)
		if err.Error() == "" || strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1200 {
			t.Errorf("error %q", err)
		}
		if verdict == collect.JudgesPayload || verdict == collect.Broken {
			t.Errorf("verdict %v: a source's refusal judges no payload", verdict)
		}
		if status >= 500 && len(body) == 0 && verdict != collect.Temporary {
			t.Errorf("status %d is %v", status, verdict)
		}
	})
}
