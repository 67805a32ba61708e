package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	started       map[string]time.Time  // by type, when the client did so last
	listed        map[string]*coverage  // by type, what the client has listed
	sequence      int
	offers        int
	calls         Calls
	asked         []asked
	told          told
	earliest      time.Time // where the oldest window begins that the client asked a list of
}

func newFeed(w *World) *feed {
	return &feed{
		w: w, subscriptions: map[string]*Subscription{}, contents: map[string][]*content{},
		byID: map[string]*content{}, sent: map[string][]notified{},
		started: map[string]time.Time{}, listed: map[string]*coverage{},
	}
}

// now is the API's own clock: all its dates stand on it.
func (f *feed) now() time.Time { return f.w.o.Now().Add(f.w.tenant.ahead()).UTC() }

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
		case !permitted(got.Roles, f.kindOf(r, q)):
			fail(w, http.StatusUnauthorized, "AF10001", "The permission set ("+strings.Join(got.Roles, " ")+") sent in the request does not include the expected permission.")
		default:
			serve(w, r, q)
		}
	}
}

// kindOf is the content type that a request is about, "" if it is about none.
func (f *feed) kindOf(r *http.Request, q url.Values) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.byID[r.PathValue("id")]; c != nil {
		return c.kind
	}
	return q.Get("contenttype")
}

// permitted: ActivityFeed.Read for everything, ActivityFeed.ReadDlp besides for
// DLP.All ([REF], [TRB]; reference, section 1.3).
func permitted(roles []string, kind string) bool {
	return slices.Contains(roles, "ActivityFeed.Read") &&
		(!strings.EqualFold(kind, "DLP.All") || slices.Contains(roles, "ActivityFeed.ReadDlp"))
}

// holder reads the bearer token. A stale one is refused without a complaint;
// about one for another audience the guard has complained.
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
