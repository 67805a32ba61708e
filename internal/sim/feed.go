package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// feedRoot is where every operation lives ([REF] "Activity API operations").
const feedRoot = "/api/v1.0/{tenant}/activity/feed/"

// A feed is the Management Activity API of one tenant.
type feed struct {
	w *World

	mu            sync.Mutex
	subscriptions map[string]*Subscription
	order         []string              // content types in order of their first start
	contents      map[string][]*content // by type, in the order they became available
	byID          map[string]*content   // listed and pushed ids alike
	sent          map[string][]notified // by type, what /notifications tells
	sequence      int
	offers        int
	calls         Calls
}

// Calls counts what the client asked of the management API.
type Calls struct {
	Starts, Stops, Lists, Pages, Blobs int
	// Refetched counts the contents asked for again after a whole answer.
	Refetched int
}

func newFeed(w *World) *feed {
	return &feed{
		w: w, subscriptions: map[string]*Subscription{}, contents: map[string][]*content{},
		byID: map[string]*content{}, sent: map[string][]notified{},
	}
}

// Calls tells what the client asked of the management API so far.
func (w *World) Calls() Calls {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	return w.feed.calls
}

// now is the API's own clock: all its dates stand on it.
func (f *feed) now() time.Time { return f.w.o.Now().Add(f.w.o.Skew).UTC() }

func (f *feed) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, url.Values){
		"POST " + feedRoot + "subscriptions/start":        f.start,
		"POST " + feedRoot + "subscriptions/stop":         f.stop,
		"GET " + feedRoot + "subscriptions/list":          f.list,
		"GET " + feedRoot + "subscriptions/content":       f.content,
		"GET " + feedRoot + "subscriptions/notifications": f.notifications,
		"GET " + feedRoot + "audit/{id...}":               f.blob,
	} {
		mux.HandleFunc(pattern, f.admit(serve))
	}
	return mux
}

func feedOp(r *http.Request) string {
	_, op, _ := strings.Cut(r.URL.Path, "/activity/feed/")
	switch op {
	case "subscriptions/start":
		return OpStart
	case "subscriptions/stop":
		return OpStop
	case "subscriptions/list":
		return OpSubscriptionsList
	case "subscriptions/notifications":
		return OpNotifications
	case "subscriptions/content":
		if query(r).Has("nextpage") {
			return OpPage
		}
		return OpList
	}
	if strings.HasPrefix(op, "audit/") {
		return OpBlob
	}
	return ""
}

func managementOp(op string) bool {
	switch op {
	case OpSubscriptionsList, OpStart, OpStop, OpList, OpPage, OpNotifications, OpBlob:
		return true
	}
	return false
}

// query reads the parameters without regard to the case of their names, as
// ASP.NET does; the API's own next pages come in lower case.
func query(r *http.Request) url.Values {
	folded := url.Values{}
	for name, values := range r.URL.Query() {
		folded[strings.ToLower(name)] = values
	}
	return folded
}

// dated stamps every answer, faults included, with the API's own clock and what
// else the real one sends ([OBS] reference, section 2.8).
func (f *feed) dated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Date", f.now().Format(http.TimeFormat))
		h.Set("Cache-Control", "no-cache")
		h.Set("Pragma", "no-cache")
		h.Set("Expires", "-1")
		h.Set("Server", "Microsoft-IIS/10.0")
		next.ServeHTTP(w, r)
	})
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// admit judges what every request must carry: a token for this API and tenant,
// and a PublisherIdentifier.
func (f *feed) admit(serve func(http.ResponseWriter, *http.Request, url.Values)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		op, tenant := feedOp(r), r.PathValue("tenant")
		got, ok := f.holder(r, op)
		q := query(r)
		publisher := q.Get("publisheridentifier")
		if publisher == "" {
			f.complain("%s: PublisherIdentifier is missing", op)
		}
		switch {
		case !ok:
			deny(w)
		case !guid.MatchString(tenant):
			fail(w, http.StatusBadRequest, "AF20013", "The tenant ID passed in the URL ("+tenant+") is not a valid GUID.")
		case !strings.EqualFold(tenant, got.Tenant):
			f.complain("%s: the tenant in the path is not the token's", op)
			fail(w, http.StatusBadRequest, "AF20010", "The tenant ID passed in the URL does not match the tenant ID passed in the access token.")
		case publisher != "" && !guid.MatchString(publisher):
			fail(w, http.StatusBadRequest, "AF20002", "Invalid parameter type: PublisherIdentifier. Expected type: guid")
		default:
			serve(w, r, q)
		}
	}
}

// holder reads the bearer token. A stale one is refused without a complaint.
func (f *feed) holder(r *http.Request, op string) (claims, bool) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		f.complain("%s: no bearer token", op)
		return claims{}, false
	}
	got, err := f.w.mint.read(token)
	switch {
	case err == errStale:
		return got, false
	case err != nil:
		f.complain("%s: %v", op, err)
		return got, false
	case got.Audience != f.w.URL(Management):
		f.complain("%s: the token is for another audience", op)
		return got, false
	}
	return got, true
}

func (f *feed) complain(format string, args ...any) {
	f.w.judge.complain("management " + fmt.Sprintf(format, args...))
}

// known reads the content type of a request, which must exist.
func (f *feed) known(w http.ResponseWriter, q url.Values) (string, bool) {
	wanted := q.Get("contenttype")
	for _, name := range f.w.o.ContentTypes {
		if strings.EqualFold(name, wanted) {
			return name, true
		}
	}
	if wanted == "" {
		fail(w, http.StatusBadRequest, "AF20001", "Missing parameter: contentType.")
	} else {
		fail(w, http.StatusBadRequest, "AF20020", "The specified content type is not valid.")
	}
	return "", false
}

// fail answers in the shape of the API's errors.
func fail(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// deny is the gateway's 401, which has another shape than the API's own errors.
func deny(w http.ResponseWriter) {
	writeJSON(w, http.StatusUnauthorized, map[string]string{"Message": "Authorization has been denied for this request."})
}
