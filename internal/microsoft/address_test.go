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

// bases are addresses that O365_MANAGEMENT_URL may be, each with the host of its requests.
var bases = []struct{ url, host string }{
	{manage, "manage.office.com"},
	{"https://proxy.example:8443/o365", "proxy.example:8443"},
	{"https://[2001:db8::1]:444", "[2001:db8::1]:444"},
	{"http://127.0.0.1:8080/a/b", "127.0.0.1:8080"},
}

// strays says how an address that passed a check still leads elsewhere: to another origin,
// with user info, or to another path than prefix below the base, however often a server
// decodes and cleans it.
func strays(u *url.URL, base int, prefix string) string {
	ours := mustParse(bases[base].url)
	again, err := url.Parse(u.String())
	switch {
	case err != nil:
		return err.Error()
	case again.Scheme != ours.Scheme, again.Host != bases[base].host, again.User != nil, again.Fragment != "", again.Opaque != "":
		return "another origin"
	}
	req, err := http.NewRequest(http.MethodGet, again.String(), nil)
	if err != nil {
		return err.Error()
	}
	if req.URL.Host != bases[base].host || req.Host != bases[base].host {
		return "another host in the request"
	}
	for p := req.URL.EscapedPath(); ; {
		if !strings.HasPrefix(strings.ToLower(path.Clean(strings.ReplaceAll(p, `\`, "/"))), ours.Path+prefix) {
			return "a path elsewhere: " + p
		}
		decoded, err := url.PathUnescape(p)
		if err != nil || decoded == p {
			return ""
		}
		p = decoded
	}
}

// tricks are written into an address in every place where somebody may be fooled.
var tricks = []string{
	"", "1$2$x", "%24", "%2e%2e/x", "%2E%2e%2fx", "..%5c..", "a%252f", "..;/x", "x?a=b#c", "x?PublisherIdentifier=a&publisheridentifier=b",
	"@evil.example", ":@evil.example", "user:pass@", "evil.example\\@", "\\\\evil.example", "//evil.example", ":443", ":0443", ":+443", ":", ":8443@evil.example",
	"x%00", "x%0d%0aHost:%20evil.example", "\t", "\u3002evil.example", "\u2215", "ſ", "K", "%zz", "[::1]", "[::ffff:127.0.0.1]", "127.1", "%25eth0", ".",
}

func FuzzCheckContent(f *testing.F) {
	for i, base := range bases {
		for _, trick := range tricks {
			f.Add(byte(i), base.url+audit+trick, "")
			f.Add(byte(i), base.url+trick+audit+"x", "x")
			f.Add(byte(i), strings.Replace(base.url, "//", "//"+trick, 1)+audit+"x", "x")
		}
		f.Add(byte(i), strings.ToUpper(base.url)+strings.ToUpper(audit)+"x", "x")
	}
	feeds := checkers()
	f.Fuzz(func(t *testing.T, which byte, raw, id string) {
		base := int(which) % len(bases)
		got, err := feeds[base].CheckContent(raw, id)
		asked, used := feeds[base].ContentAddress(raw, id)
		if (err == nil) != (used == nil) {
			t.Fatalf("checked: %v, used: %v", err, used)
		}
		if err != nil {
			if got != "" || asked != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("tenant %q and address %v with error %q", got, asked, err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || got != tenant || u.User != nil || !strings.HasSuffix(u.Path, id) {
			t.Fatalf("CheckContent(%q) = %q; url.Parse: %v", raw, got, err)
		}
		if asked.Path != u.Path || asked.RawQuery != u.RawQuery {
			t.Errorf("%q becomes %s", raw, asked)
		}
		if why := strays(asked, base, audit); why != "" {
			t.Errorf("%q passed as %s: %s", raw, asked, why)
		}
		// Two spellings of our own origin are all that the check lets through.
		u.Scheme = strings.ToLower(u.Scheme)
		if u.Host = strings.ToLower(u.Host); u.Host != bases[base].host {
			u.Host = strings.TrimSuffix(strings.TrimSuffix(u.Host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme]), ":")
		}
		if why := strays(u, base, audit); why != "" {
			t.Errorf("%q passed: %s", raw, why)
		}
	})
}

func checkers() (feeds []*microsoft.Feed) {
	for _, base := range bases {
		feeds = append(feeds, checker(base.url))
	}
	return feeds
}

func FuzzNextPage(f *testing.F) {
	const operation = "/activity/feed/subscriptions/content"
	for i, base := range bases {
		for _, version := range []string{"v1/", "v1.0/", "v1.0/../v1/", "v2/", "v1//", "V1/", ""} {
			f.Add(byte(i), base.url+"/api/"+version+tenant+operation+"?contenttype=A&nextpage=1$2")
		}
		for _, trick := range tricks {
			f.Add(byte(i), base.url+"/api/v1/"+tenant+operation+trick)
			f.Add(byte(i), base.url+trick+"/api/v1/"+tenant+operation)
			f.Add(byte(i), strings.Replace(base.url, "//", "//"+trick, 1)+"/api/v1/"+tenant+operation)
		}
		f.Add(byte(i), base.url+"/api/v1/"+stranger+operation)
		f.Add(byte(i), base.url+"/api/v1/"+tenant+operation+"?a=%zz&b;c")
	}
	f.Add(byte(0), "https://evil.example/api/v1/"+tenant+operation)
	feeds := checkers()
	f.Fuzz(func(t *testing.T, which byte, raw string) {
		base := int(which) % len(bases)
		u, err := feeds[base].NextPage(raw, tenant, "content")
		if err != nil {
			if u != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%v with error %q", u, err)
			}
			return
		}
		said, err := url.Parse(raw)
		if err != nil || said.Path != u.Path || said.RawQuery != u.RawQuery || said.User != nil {
			t.Errorf("%q becomes %s, %v", raw, u, err)
		}
		tail := "/" + tenant + operation
		if why := strays(u, base, "/api/v1"); why != "" || !strings.HasSuffix(strings.ToLower(u.Path), tail) {
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
